// Package p256 verifies ECDSA signatures on P-256, and does nothing else. All that it takes part in is public: keys, digests
// and signatures. Its time and its memory accesses depend on them. It must never see a secret, so it cannot sign.
//
// A gate knows its keys beforehand and meets the same few all day. So each key has a table of its multiples (comb.go), in
// which a verification looks up what it adds, and there is hardly a doubling left. A key without a table is verified by a small
// one that is forgotten again. Tables are made of points that NewKey has found on the curve.
//
//	field32.go, field64.go  integers modulo p, Montgomery form     Montgomery 1985
//	field_arm.s, field_amd64.s  the same in assembly, unless built with the tag purego
//	scalar.go               integers modulo n                      Koç, Acar, Kaliski 1996
//	inverse.go              inversion by division steps            Bernstein and Yang 2019
//	point.go                XYZZ coordinates                       Explicit-Formulas Database
//	comb.go                 tables and sums of their entries       Lim and Lee 1994
//	key.go                  ECDSA                                  FIPS 186-5 §6.4.2
//	store.go, room.go       which key has which table
//	heat.go                 how often a key was seen lately
//
// The curve is that of SP 800-186 §3.2.1.3. Tests compare every layer with math/big, filippo.io/nistec and crypto/ecdsa.
package p256
