package verify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// probe is a pass that is right, or wrong in one way.
type probe struct {
	name   string
	want   Reason
	sketch sketch
	text   []byte // instead of the sketch
	policy Policy
	trust  func(l *lab) *Trust
	now    time.Duration // later than the lab's moment
	whole  bool          // known to have come whole
}

func probes(t testing.TB, l *lab) []probe {
	type m = map[int]any
	kid := l.es.KID[:]
	claims := func(change m) sketch { return sketch{payload: l.claims(t, change)} }
	dcc := func(v any) sketch { return claims(m{claimHCERT: m{keyDCC: v}}) }
	protected := func(v any) sketch { return sketch{protected: mustCBOR(t, v)} }
	message := func(f func(p, u, y, s []byte) []byte) sketch { return sketch{message: f} }
	text := func(f func(base45 string) string) sketch { return sketch{text: f} }
	entry := m{}
	good := l.mint(t, sketch{})
	other := newLab(t)
	const twoDoses = `{"===":[{"var":"payload.v.0.dn"},2]}`
	rule := func(identifier, country, logic string) []byte {
		return ruleText(t, map[string]any{"Identifier": identifier, "Country": country, "Logic": json.RawMessage(logic)})
	}
	ruled := func(texts ...[]byte) func(l *lab) *Trust {
		rules := ruleSet(t, nil, texts...)
		return func(l *lab) *Trust { return l.trust().WithRules(rules) }
	}
	with := func(change func(d *DSC)) func(l *lab) *Trust {
		return func(l *lab) *Trust {
			d := l.es
			change(&d)
			return NewTrust([]DSC{d})
		}
	}

	return append([]probe{
		{name: "ES256", want: Accepted},
		{name: "PS256", want: Accepted, sketch: sketch{alg: PS256}},
		{name: "no tag", want: Accepted, sketch: message(coseArray)},
		{name: "tags 61(18)", want: Accepted, sketch: message(func(p, u, y, s []byte) []byte {
			return append([]byte{0xd8, 61}, coseMessage(p, u, y, s)...)
		})},
		{name: "tag 18 in two bytes", want: Accepted, sketch: message(func(p, u, y, s []byte) []byte {
			return append([]byte{0xd8, 18}, coseArray(p, u, y, s)...)
		})},
		{name: "indefinite lengths", want: Accepted, sketch: message(func(p, u, y, s []byte) []byte {
			b := append([]byte{0xd2, 0x9f}, indefinite(p)...)
			b = append(b, 0xbf, breakByte)
			b = append(b, indefinite(y)...)
			return append(append(b, indefinite(s)...), breakByte)
		})},
		{name: "kid unprotected", want: Accepted, sketch: sketch{
			protected: mustCBOR(t, m{labelAlg: coseES256}), unprotected: mustCBOR(t, m{labelKID: kid}),
		}},
		{name: "two kids, protected right", want: Accepted, sketch: sketch{unprotected: mustCBOR(t, m{labelKID: []byte("01234567")})}},
		{name: "two algs, protected right", want: Accepted, sketch: sketch{unprotected: mustCBOR(t, m{labelAlg: cosePS256})}},
		{name: "unknown labels", want: Accepted, sketch: protected(map[any]any{labelAlg: coseES256, labelKID: kid, 3: "x", "y": []int{1}})},
		{name: "issuer missing", want: Accepted, sketch: claims(m{claimIssuer: nil})},
		{name: "exp float", want: Accepted, sketch: claims(m{claimExpires: float64(l.now.Unix()) + 1})},
		{name: "exp tagged", want: Accepted, sketch: claims(m{claimExpires: cbor.Tag{Number: 1, Content: l.expires}})},
		{name: "exp tagged float", want: Accepted, sketch: claims(m{claimExpires: cbor.Tag{Number: 1, Content: float64(l.expires)}})},
		{name: "exp single precision", want: Accepted, sketch: claims(m{claimExpires: float32(2e9)})},
		{name: "exp now", want: Accepted, sketch: claims(m{claimExpires: l.now.Unix()})},
		{name: "exp now, float", want: Accepted, sketch: claims(m{claimExpires: float64(l.now.Unix()) + 0.5}), now: 500 * time.Millisecond},
		{name: "exp a fraction ahead", want: Accepted, sketch: claims(m{claimExpires: float64(l.now.Unix()) + 0.75})},
		{name: "iat now, float", want: Accepted, sketch: claims(m{claimIssuedAt: float64(l.now.Unix()) + 0.25}), now: 250 * time.Millisecond},
		{name: "iat ahead by the skew", want: Accepted, policy: Policy{ClockSkew: time.Minute}, sketch: claims(m{claimIssuedAt: l.now.Unix() + 60})},
		{name: "iat ahead by the largest skew", want: Accepted, policy: Policy{ClockSkew: time.Hour}, sketch: claims(m{claimIssuedAt: l.now.Unix() + 600})},
		{name: "exp a second away", want: Accepted, sketch: claims(m{claimExpires: l.now.Unix() + 1})},
		{name: "iat now", want: Accepted, sketch: claims(m{claimIssuedAt: l.now.Unix()})},
		{name: "nbf now", want: Accepted, sketch: claims(m{claimNotBefore: l.now.Unix()})},
		{name: "null groups", want: Accepted, sketch: dcc(map[string]any{"v": nil, "t": nil, "r": []any{entry}})},
		{name: "empty groups", want: Accepted, sketch: dcc(map[string]any{"v": []any{}, "t": []any{entry}, "r": []any{}})},
		{name: "unknown members", want: Accepted, sketch: dcc(map[any]any{"v": []any{entry}, "meta": m{}, "x": []any{entry}, 7: 8})},
		{name: "first second of the DSC", want: Accepted, trust: with(func(d *DSC) { d.NotBefore = l.now })},
		{name: "last second of the DSC", want: Accepted, trust: with(func(d *DSC) { d.NotAfter = l.now })},
		{name: "right DSC behind a wrong one with its kid", want: Accepted, trust: func(l *lab) *Trust {
			wrong := other.es
			return NewTrust([]DSC{wrong, l.es})
		}},
		{name: "right DSC before a wrong one with its kid", want: Accepted, trust: func(l *lab) *Trust {
			wrong := other.es
			return NewTrust([]DSC{l.es, wrong})
		}},
		{name: "usage allows", want: Accepted, trust: with(func(d *DSC) { d.Usage = SignsVaccination | SignsTest })},
		{name: "kind allowed", want: Accepted, policy: Policy{Kinds: SignsVaccination}},

		{name: "empty", want: NotHCERT, text: []byte{}},
		{name: "a web address", want: NotHCERT, text: []byte("https://example.org/")},
		{name: "prefix cut", want: NotHCERT, text: []byte("HC1")},
		{name: "prefix in lower case", want: NotHCERT, text: append([]byte("hc1:"), good[4:]...)},
		{name: "no prefix", want: NotHCERT, text: good[4:]},
		{name: "prefix HC0", want: NotHCERT, text: append([]byte("HC0:"), good[4:]...)},
		{name: "Swiss light", want: NotHCERT, text: append([]byte("LT1:"), good[4:]...)},
		{name: "space before", want: NotHCERT, text: append([]byte(" "), good...)},
		{name: "a web address that came whole", want: OtherCode, text: []byte("https://example.org/"), whole: true},
		{name: "a pass without its prefix that came whole", want: NotHCERT, text: good[4:], whole: true},
		{name: "a pass that came whole", want: Accepted, text: good, whole: true},
		{name: "prefix HC2", want: UnsupportedVersion, text: append([]byte("HC2:"), good[4:]...)},
		{name: "prefix HCZ", want: UnsupportedVersion, text: append([]byte("HCZ:"), good[4:]...)},
		{name: "text of 4297 characters", want: TooLarge, text: append([]byte(prefix), bytes.Repeat([]byte("0"), maxText-3)...)},
		{name: "inflates to 8193 bytes", want: TooLarge, sketch: sketch{compress: func([]byte) []byte { return compress(make([]byte, maxCWT+1)) }}},
		{name: "inflates to a gibibyte's start", want: TooLarge, sketch: sketch{compress: func([]byte) []byte { return compress(make([]byte, 1<<20)) }}},
		{name: "one character left over", want: BadBase45, sketch: text(func(s string) string { return prefix + s[:len(s)/3*3-2] })},
		{name: "lower case", want: BadBase45, sketch: text(func(s string) string { return prefix + strings.ToLower(s) })},
		{name: "triple over 65535", want: BadBase45, sketch: text(func(s string) string { return prefix + "GGW" + s })},
		{name: "NUL inside", want: BadBase45, sketch: text(func(s string) string { return prefix + s[:30] + "\x00" + s[31:] })},
		{name: "byte 0xff", want: BadBase45, sketch: text(func(s string) string { return prefix + s[:30] + "\xff" + s[31:] })},
		{name: "line feed behind", want: BadBase45, sketch: text(func(s string) string { return prefix + s + "\n" })},
		{name: "shell", want: BadBase45, text: []byte("HC1:'; reboot;'")},
		{name: "nothing behind the prefix", want: BadDeflate, text: []byte(prefix)},
		{name: "space behind", want: BadBase45, sketch: text(func(s string) string { return prefix + s[:len(s)/3*3] + " " })},
		{name: "not compressed", want: BadDeflate, sketch: sketch{compress: func(b []byte) []byte { return b }}},
		{name: "zlib with a byte behind", want: BadDeflate, sketch: sketch{compress: func(b []byte) []byte { return append(compress(b), 0) }}},
		{name: "zlib cut", want: BadDeflate, sketch: sketch{compress: func(b []byte) []byte { c := compress(b); return c[:len(c)-1] }}},
		{name: "half a pass", want: BadDeflate, text: good[:len(prefix)+len(good)/2/3*3]},
		{name: "two passes glued", want: BadBase45, text: append(bytes.Clone(good), good...)},

		{name: "CBOR with a byte behind", want: BadCBOR, sketch: message(func(p, u, y, s []byte) []byte { return append(coseMessage(p, u, y, s), 0) })},
		{name: "CBOR cut", want: BadCBOR, sketch: message(func(p, u, y, s []byte) []byte { b := coseMessage(p, u, y, s); return b[:len(b)-1] })},
		{name: "nothing compressed", want: BadCBOR, sketch: message(func(p, u, y, s []byte) []byte { return nil })},
		{name: "label twice, unprotected", want: BadCBOR, sketch: sketch{unprotected: append([]byte{0xa2, 4}, append(append(appendByteString(nil, kid), 0x18, 4), appendByteString(nil, kid)...)...)}},
		{name: "alg twice, protected", want: BadCBOR, sketch: sketch{protected: append([]byte{0xa3, 1, 0x26, 0x18, 1, 0x38, 36, 4}, appendByteString(nil, kid)...)}},
		{name: "protected with a byte behind", want: BadCBOR, sketch: sketch{protected: append(l.header(t, coseES256, kid), 0)}},
		{name: "too deep", want: BadCBOR, sketch: sketch{unprotected: append([]byte{0xa1, 9}, append(bytes.Repeat([]byte{0x81}, 20), 0)...)}},

		{name: "an integer", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte { return []byte{0x18, 42} })},
		{name: "tag 17", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte { return append([]byte{0xd1}, coseArray(p, u, y, s)...) })},
		{name: "tag 98", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte { return append([]byte{0xd8, 98}, coseArray(p, u, y, s)...) })},
		{name: "tag 61 alone", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte { return append([]byte{0xd8, 61}, coseArray(p, u, y, s)...) })},
		{name: "tags 18(18)", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte { return append([]byte{0xd2}, coseMessage(p, u, y, s)...) })},
		{name: "tags 61(61(18))", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte {
			return append([]byte{0xd8, 61, 0xd8, 61}, coseMessage(p, u, y, s)...)
		})},
		{name: "three members", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte {
			return append([]byte{0xd2, 0x83}, coseArray(p, u, y, nil)[1:len(coseArray(p, u, y, nil))-1]...)
		})},
		{name: "five members", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte {
			return append(append([]byte{0xd2, 0x85}, coseArray(p, u, y, s)[1:]...), 0)
		})},
		{name: "detached payload", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte {
			b := append([]byte{0xd2, 0x84}, appendByteString(nil, p)...)
			return append(append(append(b, u...), 0xf6), appendByteString(nil, s)...)
		})},
		{name: "protected as a map", want: BadCOSE, sketch: message(func(p, u, y, s []byte) []byte {
			b := append([]byte{0xd2, 0x84}, p...)
			return append(appendByteString(append(b, u...), y), appendByteString(nil, s)...)
		})},
		{name: "protected is an array", want: BadCOSE, sketch: protected([]int{1})},
		{name: "unprotected is null", want: BadCOSE, sketch: sketch{unprotected: []byte{0xf6}}},
		{name: "kid is text", want: BadCOSE, sketch: protected(m{labelAlg: coseES256, labelKID: "01234567"})},
		{name: "kid is a number", want: BadCOSE, sketch: protected(m{labelAlg: coseES256, labelKID: 1})},
		{name: "kid is null", want: BadCOSE, sketch: protected(m{labelAlg: coseES256, labelKID: nil})},
		{name: "unprotected kid is an array", want: BadCOSE, sketch: sketch{unprotected: mustCBOR(t, m{labelKID: []int{1}})}},
		{name: "crit", want: BadCOSE, sketch: protected(m{labelAlg: coseES256, labelKID: kid, labelCrit: []int{4}})},
		{name: "crit unprotected", want: BadCOSE, sketch: sketch{unprotected: mustCBOR(t, m{labelCrit: []int{4}})}},

		{name: "no alg", want: BadAlg, sketch: protected(m{labelKID: kid})},
		{name: "empty protected", want: BadAlg, sketch: sketch{protected: []byte{}, unprotected: l.header(t, coseES256, kid)}},
		{name: "alg unprotected", want: BadAlg, sketch: sketch{protected: mustCBOR(t, m{labelKID: kid}), unprotected: mustCBOR(t, m{labelAlg: coseES256})}},
		{name: "alg RS256", want: BadAlg, sketch: protected(m{labelAlg: -257, labelKID: kid})},
		{name: "alg ES384", want: BadAlg, sketch: protected(m{labelAlg: -35, labelKID: kid})},
		{name: "alg 0", want: BadAlg, sketch: protected(m{labelAlg: 0, labelKID: kid})},
		{name: "alg is text", want: BadAlg, sketch: protected(m{labelAlg: "ES256", labelKID: kid})},
		{name: "alg is null", want: BadAlg, sketch: protected(m{labelAlg: nil, labelKID: kid})},
		{name: "alg is a float", want: BadAlg, sketch: protected(m{labelAlg: -7.0, labelKID: kid})},
		{name: "PS256 with an EC key", want: BadAlg, sketch: protected(m{labelAlg: cosePS256, labelKID: kid})},
		{name: "ES256 with an RSA key", want: BadAlg, sketch: sketch{alg: PS256, protected: l.header(t, coseES256, l.ps.KID[:])}},

		{name: "nothing loaded", want: NoTrust, trust: func(*lab) *Trust { return nil }},
		{name: "no DSC at all", want: UnknownKID, trust: func(*lab) *Trust { return NewTrust(nil) }},
		{name: "other kid", want: UnknownKID, sketch: protected(m{labelAlg: coseES256, labelKID: []byte("01234567")})},
		{name: "two kids, unprotected right", want: UnknownKID, sketch: sketch{
			protected: l.header(t, coseES256, []byte("01234567")), unprotected: mustCBOR(t, m{labelKID: kid}),
		}},
		{name: "no kid", want: UnknownKID, sketch: protected(m{labelAlg: coseES256})},
		{name: "kid of 7 bytes", want: UnknownKID, sketch: protected(m{labelAlg: coseES256, labelKID: kid[:7]})},
		{name: "kid of 9 bytes", want: UnknownKID, sketch: protected(m{labelAlg: coseES256, labelKID: append(kid[:8:8], 0)})},
		{name: "empty kid", want: UnknownKID, sketch: protected(m{labelAlg: coseES256, labelKID: []byte{}})},
		{name: "list too old", want: TrustStale, trust: with(func(d *DSC) { d.FreshUntil = l.now.Add(-time.Second) })},
		{name: "list just not too old", want: Accepted, trust: with(func(d *DSC) { d.FreshUntil = l.now })},
		{name: "list too old, kid unknown", want: TrustStale, trust: func(*lab) *Trust {
			d := l.ps
			d.FreshUntil = l.now.Add(-time.Second)
			return NewTrust([]DSC{d})
		}},
		{name: "list too old, another one fresh", want: TrustStale, trust: func(*lab) *Trust {
			stale, fresh := l.es, l.ps
			stale.FreshUntil, fresh.FreshUntil = l.now.Add(-time.Second), l.now.Add(time.Second)
			return NewTrust([]DSC{stale, fresh})
		}},
		{name: "another list too old", want: Accepted, trust: func(*lab) *Trust {
			stale := l.ps
			stale.FreshUntil = l.now.Add(-time.Second)
			return NewTrust([]DSC{stale, l.es})
		}},
		{name: "barred kid", want: Barred, trust: func(*lab) *Trust { return NewTrust([]DSC{l.es, l.ps}, KID{9}, l.es.KID, KID{}) }},
		{name: "barred kid without a DSC", want: Barred, trust: func(*lab) *Trust { return NewTrust([]DSC{l.ps}, l.es.KID) }},
		{name: "barred kid of another", want: Accepted, trust: func(*lab) *Trust { return NewTrust([]DSC{l.es}, l.ps.KID) }},
		{name: "barred key", want: Barred, trust: with(func(d *DSC) { d.Barred = true })},
		{name: "barred key beside the right one", want: Accepted, trust: func(*lab) *Trust {
			barred := other.es
			barred.Barred = true
			return NewTrust([]DSC{barred, l.es})
		}},
		{name: "before the DSC", want: DSCNotValid, trust: with(func(d *DSC) { d.NotBefore = l.now.Add(time.Second) })},
		{name: "after the DSC", want: DSCNotValid, trust: with(func(d *DSC) { d.NotAfter = l.now.Add(-time.Second) })},
		{name: "other key", want: BadSignature, trust: func(*lab) *Trust { return other.trust() }},
		{name: "other key, then an expired DSC", want: BadSignature, trust: func(l *lab) *Trust {
			expired := l.es
			expired.NotAfter = l.now.Add(-time.Hour)
			return NewTrust([]DSC{other.es, expired})
		}},
		{name: "signature of 65 bytes", want: BadSignature, sketch: message(func(p, u, y, s []byte) []byte { return coseMessage(p, u, y, append(s, 0)) })},
		{name: "signature of 63 bytes", want: BadSignature, sketch: message(func(p, u, y, s []byte) []byte { return coseMessage(p, u, y, s[:63]) })},
		{name: "signature empty", want: BadSignature, sketch: message(func(p, u, y, s []byte) []byte { return coseMessage(p, u, y, nil) })},
		{name: "signature in DER", want: BadSignature, sketch: message(func(p, u, y, s []byte) []byte {
			der, err := ecdsa.SignASN1(rand.Reader, l.ec, make([]byte, 32))
			if err != nil {
				t.Fatal(err)
			}
			return coseMessage(p, u, y, der)
		})},
		{name: "signature of zeroes", want: BadSignature, sketch: message(func(p, u, y, s []byte) []byte { return coseMessage(p, u, y, make([]byte, 64)) })},
		{name: "protected encoded anew", want: BadSignature, sketch: message(func(p, u, y, s []byte) []byte {
			return coseMessage(append([]byte{0xb8}, append([]byte{p[0] & 31}, p[1:]...)...), u, y, s)
		})},

		{name: "payload is text", want: BadCWT, sketch: sketch{payload: mustCBOR(t, "x")}},
		{name: "payload empty", want: BadCWT, sketch: sketch{payload: []byte{}}},
		{name: "payload with a byte behind", want: BadCWT, sketch: sketch{payload: append(l.claims(t, nil), 0)}},
		{name: "claim twice", want: BadCWT, sketch: sketch{payload: func() []byte {
			b := l.claims(t, nil)
			b[0]++
			return append(append(b, longHead(0, claimExpires)...), mustCBOR(t, l.expires)...)
		}()}},
		{name: "member of the DCC twice", want: BadCWT, sketch: dcc(cbor.RawMessage("\xa2\x61v\x81\xa0\x61v\x81\xa0"))},
		{name: "exp missing", want: BadCWT, sketch: claims(m{claimExpires: nil})},
		{name: "iat missing", want: BadCWT, sketch: claims(m{claimIssuedAt: nil})},
		{name: "exp null", want: BadCWT, sketch: claims(m{claimExpires: cbor.RawMessage{0xf6}})},
		{name: "exp text", want: BadCWT, sketch: claims(m{claimExpires: "2030-01-01T00:00:00Z"})},
		{name: "exp negative", want: BadCWT, sketch: claims(m{claimExpires: -1})},
		{name: "exp negative float", want: BadCWT, sketch: claims(m{claimExpires: -1.0})},
		{name: "exp NaN", want: BadCWT, sketch: claims(m{claimExpires: math.NaN()})},
		{name: "exp infinite", want: BadCWT, sketch: claims(m{claimExpires: math.Inf(1)})},
		{name: "exp in milliseconds", want: BadCWT, sketch: claims(m{claimExpires: l.expires * 1000})},
		{name: "exp in milliseconds, float", want: BadCWT, sketch: claims(m{claimExpires: float64(l.expires) * 1000})},
		{name: "exp 2^64-1", want: BadCWT, sketch: claims(m{claimExpires: uint64(math.MaxUint64)})},
		{name: "exp with tag 0", want: BadCWT, sketch: claims(m{claimExpires: cbor.RawMessage("\xc0\x742030-01-01T00:00:00Z")})},
		{name: "exp with tag 100", want: BadCWT, sketch: claims(m{claimExpires: cbor.Tag{Number: 100, Content: l.expires}})},
		{name: "exp tagged twice", want: BadCWT, sketch: claims(m{claimExpires: cbor.Tag{Number: 1, Content: cbor.Tag{Number: 1, Content: l.expires}}})},
		{name: "iat NaN", want: BadCWT, sketch: claims(m{claimIssuedAt: math.NaN()})},
		{name: "iat negative", want: BadCWT, sketch: claims(m{claimIssuedAt: -5})},
		{name: "issuer a number", want: BadCWT, sketch: claims(m{claimIssuer: 5})},
		{name: "iat a second ahead", want: NotYetValid, sketch: claims(m{claimIssuedAt: l.now.Unix() + 1})},
		{name: "iat a fraction ahead", want: NotYetValid, sketch: claims(m{claimIssuedAt: float64(l.now.Unix()) + 0.25})},
		{name: "nbf a second ahead", want: NotYetValid, sketch: claims(m{claimNotBefore: l.now.Unix() + 1})},
		{name: "iat ahead by more than the skew", want: NotYetValid, policy: Policy{ClockSkew: time.Minute}, sketch: claims(m{claimIssuedAt: l.now.Unix() + 61})},
		{name: "iat ahead by more than the largest skew", want: NotYetValid, policy: Policy{ClockSkew: time.Hour}, sketch: claims(m{claimIssuedAt: l.now.Unix() + 601})},
		{name: "iat now, negative skew", want: Accepted, policy: Policy{ClockSkew: -time.Minute}, sketch: claims(m{claimIssuedAt: l.now.Unix()})},
		{name: "nbf ahead by the skew", want: NotYetValid, policy: Policy{ClockSkew: time.Minute}, sketch: claims(m{claimNotBefore: l.now.Unix() + 1})},
		{name: "DSC ahead by the skew", want: DSCNotValid, policy: Policy{ClockSkew: time.Minute}, trust: with(func(d *DSC) { d.NotBefore = l.now.Add(time.Second) })},
		{name: "exp a nanosecond ago", want: Expired, sketch: claims(m{claimExpires: l.now.Unix()}), now: time.Nanosecond},
		{name: "exp a fraction ago, float", want: Expired, sketch: claims(m{claimExpires: float64(l.now.Unix()) + 0.5}), now: 500*time.Millisecond + 1},
		{name: "exp a second ago, skew", want: Expired, policy: Policy{ClockSkew: time.Minute}, sketch: claims(m{claimExpires: l.now.Unix() - 1})},
		{name: "exp a second ago", want: Expired, sketch: claims(m{claimExpires: l.now.Unix() - 1})},
		{name: "exp 0", want: Expired, sketch: claims(m{claimExpires: 0})},
		{name: "exp 42", want: Expired, sketch: claims(m{claimExpires: 42})},
		{
			name: "exp 42 in January 1970", want: Expired, sketch: claims(m{claimExpires: 42, claimIssuedAt: 0}),
			now:   -time.Duration(l.now.Unix()-10) * time.Second,
			trust: with(func(d *DSC) { d.NotBefore = time.Unix(0, 0) }),
		},
		{
			name: "exp 42.5 in January 1970", want: Expired, sketch: claims(m{claimExpires: 42.5, claimIssuedAt: 0}),
			now:   -time.Duration(l.now.Unix()-10) * time.Second,
			trust: with(func(d *DSC) { d.NotBefore = time.Unix(0, 0) }),
		},

		{name: "issuer of another country, unasked", want: Accepted, sketch: claims(m{claimIssuer: "YY"})},
		{name: "issuer of another country", want: IssuerMismatch, policy: Policy{IssuerMatches: true}, sketch: claims(m{claimIssuer: "YY"})},
		{name: "issuer of the DSC's country", want: Accepted, policy: Policy{IssuerMatches: true}},
		{name: "issuer with spaces, in lower case", want: Accepted, policy: Policy{IssuerMatches: true}, sketch: claims(m{claimIssuer: " xx "})},
		{name: "issuer spelled out", want: IssuerMismatch, policy: Policy{IssuerMatches: true}, sketch: claims(m{claimIssuer: "Ministry of Health"})},
		{name: "issuer missing, asked", want: Accepted, policy: Policy{IssuerMatches: true}, sketch: claims(m{claimIssuer: nil})},
		{name: "DSC without a country", want: IssuerMismatch, policy: Policy{IssuerMatches: true}, trust: with(func(d *DSC) { d.Country = "" })},
		{
			name: "Guernsey under GB", want: Accepted, policy: Policy{IssuerMatches: true},
			sketch: claims(m{claimIssuer: "GG"}), trust: with(func(d *DSC) { d.Country = "GB" }),
		},
		{
			name: "GB under Guernsey", want: IssuerMismatch, policy: Policy{IssuerMatches: true},
			sketch: claims(m{claimIssuer: "GB"}), trust: with(func(d *DSC) { d.Country = "GG" }),
		},
		{
			name: "a configured exception", want: Accepted, sketch: claims(m{claimIssuer: "YY"}),
			policy: Policy{IssuerMatches: true, Issuers: []IssuedUnder{{[2]byte{'Y', 'Y'}, [2]byte{'X', 'X'}}}},
		},

		{name: "DSC of another domain", want: WrongDomain, trust: with(func(d *DSC) { d.Domain = DomainPH4H | DomainICVP })},
		{name: "DSC of another domain, pass expired", want: Expired, sketch: claims(m{claimExpires: l.now.Unix() - 1}), trust: with(func(d *DSC) { d.Domain = DomainPH4H })},
		{name: "DSC of another domain, two entries", want: WrongDomain, sketch: dcc(map[string]any{"v": []any{entry, entry}}), trust: with(func(d *DSC) { d.Domain = DomainICVP })},
		{name: "DSC of all domains", want: Accepted, trust: with(func(d *DSC) { d.Domain = DomainAll })},
		{name: "DSC of the domain behind one of another", want: Accepted, trust: func(l *lab) *Trust {
			elsewhere := l.es
			elsewhere.Domain = DomainPH4H
			return NewTrust([]DSC{elsewhere, l.es})
		}},

		{name: "no health certificate claim", want: BadDCC, sketch: claims(m{claimHCERT: nil})},
		{name: "health certificate claim is text", want: BadDCC, sketch: claims(m{claimHCERT: "x"})},
		{name: "another document", want: KindNotAllowed, sketch: claims(m{claimHCERT: m{5: "vhlink:/x"}})},
		{name: "no document", want: BadDCC, sketch: claims(m{claimHCERT: m{}})},
		{name: "DCC in a byte string", want: BadDCC, sketch: dcc(mustCBOR(t, map[string]any{"v": []any{entry}}))},
		{name: "DCC is an array", want: BadDCC, sketch: dcc([]any{})},
		{name: "group is a map", want: BadDCC, sketch: dcc(map[string]any{"v": m{}})},
		{name: "group is text", want: BadDCC, sketch: dcc(map[string]any{"v": "x"})},
		{name: "entry is text", want: BadDCC, sketch: dcc(map[string]any{"v": []any{"x"}})},
		{name: "entry is null", want: BadDCC, sketch: dcc(map[string]any{"v": []any{nil}})},
		{name: "no entry", want: NotOneEntry, sketch: dcc(map[string]any{"ver": "1.3.0"})},
		{name: "all groups empty", want: NotOneEntry, sketch: dcc(map[string]any{"v": []any{}, "t": nil})},
		{name: "two vaccinations", want: NotOneEntry, sketch: dcc(map[string]any{"v": []any{entry, entry}})},
		{name: "vaccination and test", want: NotOneEntry, sketch: dcc(map[string]any{"v": []any{entry}, "t": []any{entry}})},
		{name: "kind not admitted", want: KindNotAllowed, policy: Policy{Kinds: SignsTest | SignsRecovery}},
		{name: "usage for tests only", want: KeyUsage, trust: with(func(d *DSC) { d.Usage = SignsTest })},

		{name: "rules required, none loaded", want: RulesUnavailable, policy: Policy{RulesRequire: true, Arrival: "YY"}},
		{name: "rules not required, none loaded", want: Accepted, policy: Policy{Arrival: "YY"}},
		{name: "rules required, none applies", want: RulesUnavailable, policy: Policy{RulesRequire: true, Arrival: "ZZ"}, trust: ruled(rule("GR-YY-0001", "YY", "true"))},
		{name: "rules not required, none applies", want: Accepted, policy: Policy{Arrival: "ZZ"}, trust: ruled(rule("GR-YY-0001", "YY", "false"))},
		{name: "rules required, no country of arrival", want: RulesUnavailable, policy: Policy{RulesRequire: true}, trust: ruled(rule("GR-YY-0001", "YY", "true"))},
		{name: "country of arrival that is none", want: RulesUnavailable, policy: Policy{Arrival: "Y"}, trust: ruled(rule("GR-YY-0001", "YY", "true"))},
		{name: "region that cannot be", want: RulesUnavailable, policy: Policy{Arrival: "YY", Region: "a region that is longer"}, trust: ruled(rule("GR-YY-0001", "YY", "true"))},
		{name: "rule passes", want: Accepted, policy: Policy{RulesRequire: true, Arrival: "YY"}, trust: ruled(rule("GR-YY-0001", "YY", twoDoses))},
		{
			name: "rule fails", want: RuleFailed, policy: Policy{Arrival: "YY"}, trust: ruled(rule("GR-YY-0001", "YY", twoDoses)),
			sketch: dcc(map[string]any{"ver": "1.3.0", "v": []any{map[string]any{"dn": 1}}}),
		},
		{name: "rule is open", want: RuleOpen, policy: Policy{Arrival: "YY"}, trust: ruled(rule("GR-YY-0001", "YY", `{"var":"payload.v.0.dn"}`))},
		{name: "rule does not compile", want: RuleOpen, policy: Policy{Arrival: "YY"}, trust: ruled(rule("GR-YY-0001", "YY", `{"or":[true,true]}`))},
		{name: "a failed rule outweighs an open one", want: RuleFailed, policy: Policy{Arrival: "YY"}, trust: ruled(
			rule("GR-YY-0001", "YY", "0"), rule("GR-YY-0002", "YY", "false"), rule("GR-YY-0003", "YY", "true"),
		)},
		{name: "rule of the policy's own fails", want: RuleFailed, policy: Policy{Arrival: "YY", Rules: ruleSet(t, nil, rule("GR-YY-0001", "YY", "false"))}},
		{name: "rule of the policy's own passes", want: Accepted, policy: Policy{Arrival: "YY", Rules: ruleSet(t, nil, rule("GR-YY-0001", "YY", "true"))}},
		{
			name: "rule of the policy's own, beside that of the country", want: Accepted, trust: ruled(rule("GR-YY-0001", "YY", "true")),
			policy: Policy{Arrival: "YY", RulesRequire: true, Rules: ruleSet(t, nil, rule("GR-YY-0001", "YY", "true"))},
		},
		{
			name: "rule of the policy's own, required of the country", want: RulesUnavailable,
			policy: Policy{Arrival: "YY", RulesRequire: true, Rules: ruleSet(t, nil, rule("GR-YY-0001", "YY", "true"))},
		},

		{
			name: "tolerated: alg unprotected", want: Accepted, policy: Policy{Tolerate: TolerateAll},
			sketch: sketch{protected: mustCBOR(t, m{labelKID: kid}), unprotected: mustCBOR(t, m{labelAlg: coseES256})},
		},
		{name: "tolerated: no prefix", want: Accepted, policy: Policy{Tolerate: TolerateAll}, text: good[4:]},
		{
			name: "tolerated: not compressed", want: Accepted, policy: Policy{Tolerate: TolerateAll},
			sketch: sketch{compress: func(b []byte) []byte { return b }},
		},
		{name: "tolerated: not compressed, tag 61", want: Accepted, policy: Policy{Tolerate: TolerateAll}, sketch: sketch{
			compress: func(b []byte) []byte { return b },
			message:  func(p, u, y, s []byte) []byte { return append([]byte{0xd8, 61}, coseMessage(p, u, y, s)...) },
		}},
		{
			name: "not tolerated even then: other alg in both", want: BadAlg, policy: Policy{Tolerate: TolerateAll},
			sketch: sketch{protected: l.header(t, -257, kid), unprotected: mustCBOR(t, m{labelAlg: coseES256})},
		},
		{name: "not tolerated even then: a web address", want: NotHCERT, policy: Policy{Tolerate: TolerateAll}, text: []byte("HTTPS://EXAMPLE.ORG")},
	}, icvpProbes(t, l)...)
}

// later names the issue that brings the first way to produce a reason, for those that Verify cannot produce yet.
var later = map[Reason]string{
	RevocationUnavailable: "revocation lists", Revoked: "revocation lists",
}

// ruledOut are the reasons that name a rule.
var ruledOut = map[Reason]bool{RuleFailed: true, RuleOpen: true, ICVPProduct: true, ICVPTooEarly: true, ICVPNotValid: true}

func TestProbes(t *testing.T) {
	l := newLab(t)
	seen := map[Reason]bool{}
	for _, p := range probes(t, l) {
		t.Run(p.name, func(t *testing.T) {
			text := p.text
			if text == nil {
				text = l.mint(t, p.sketch)
			}
			trust := l.trust()
			if p.trust != nil {
				trust = p.trust(l)
			}
			v := New(p.policy)
			before := bytes.Clone(text)
			got := v.Verify(text, trust, l.now.Add(p.now))
			if p.whole {
				got = got.Whole(text)
			}
			if got.Reason() != p.want {
				t.Errorf("%v, want %v", got.Reason(), p.want)
			}
			if !bytes.Equal(text, before) {
				t.Error("the text was changed")
			}
			if wiped := [...]int{
				len(bytes.Trim(v.compressed[:], "\x00")), len(bytes.Trim(v.message[:], "\x00")),
				len(bytes.Trim(v.joined[:], "\x00")), len(bytes.Trim(v.tbs[:], "\x00")), len(bytes.Trim(v.view[:], "\x00")),
			}; wiped != [5]int{} {
				t.Errorf("left in memory: %v bytes", wiped)
			}
			if clean := New(p.policy).rules; !sameButMachine(v.rules, clean) || v.join.Used != 0 {
				t.Errorf("left in memory: %+v", v.rules)
			}
			if byRule := got.Rule() != ""; byRule != ruledOut[got.Reason()] && !strings.Contains(p.name, "asked for") {
				t.Errorf("%v by rule %q", got.Reason(), got.Rule())
			}
			if tolerated := strings.HasPrefix(p.name, "tolerated"); tolerated != (got.Tolerated() != 0) {
				t.Errorf("tolerated %04b", got.Tolerated())
			}
			seen[got.Reason()] = true
		})
	}
	for r := Internal; r < ClockUntrusted; r++ {
		if _, ok := later[r]; r != Internal && seen[r] == ok {
			t.Errorf("%v: produced by a probe: %v, expected later: %v", r, seen[r], ok)
		}
	}
}

func TestReasonsHaveWords(t *testing.T) {
	words := map[string]Reason{}
	for r := range Reason(NumReasons) {
		word := r.String()
		if strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_0123456789") != "" || word == "" {
			t.Errorf("reason %d has the word %q", r, word)
		}
		if other, taken := words[word]; taken {
			t.Errorf("reasons %d and %d share the word %q", r, other, word)
		}
		words[word] = r
	}
	if Reason(200).String() != "internal" {
		t.Error("what is no reason has a word")
	}
}

func TestVerdictCannotBeForged(t *testing.T) {
	if (Verdict{}).Accepted() {
		t.Error("the zero Verdict accepts")
	}
	for r := range Reason(255) {
		if v := Refused(r); v.Accepted() || r < Accepted && v.Reason() != r {
			t.Errorf("Refused(%d) is %v", r, v.Reason())
		}
	}
	l := newLab(t)
	v := New(Policy{}).Verify(l.mint(t, sketch{}), l.trust(), l.now)
	if _, ok := v.Tag(); !ok || !v.Accepted() {
		t.Fatal(v.Reason())
	}
	if v = v.Refuse(Repeated); v.Accepted() || v.Kind() != Vaccination {
		t.Errorf("%v %v", v.Reason(), v.Kind())
	}
	if _, ok := v.Tag(); ok {
		t.Error("a refusal has a tag")
	}
}

// What a holder can vary must not make another tag: s of an ES256 signature, the unprotected header, the text.
func TestTag(t *testing.T) {
	l := newLab(t)
	v := New(Policy{})
	tag := func(v *Verifier, text []byte) Tag {
		t.Helper()
		got := v.Verify(text, l.trust(), l.now)
		tag, ok := got.Tag()
		if !ok {
			t.Fatal(got.Reason())
		}
		return tag
	}
	var parts [4][]byte
	first := tag(v, l.mint(t, sketch{message: func(p, u, y, s []byte) []byte {
		parts = [4][]byte{p, u, y, s}
		return coseMessage(p, u, y, s)
	}}))
	remade := func(message []byte) []byte { return []byte(prefix + encodeBase45(compress(message))) }
	if tag(v, remade(coseMessage(parts[0], parts[1], parts[2], mirrorS(parts[3])))) != first {
		t.Error("n-s makes another tag")
	}
	if tag(v, remade(coseArray(parts[0], mustCBOR(t, map[int]int{99: 1}), parts[2], parts[3]))) != first {
		t.Error("the unprotected header makes another tag")
	}
	if tag(New(Policy{}), remade(coseMessage(parts[0], parts[1], parts[2], parts[3]))) == first {
		t.Error("two processes make the same tag")
	}
	if tag(v, l.mint(t, sketch{})) == first {
		t.Error("two passes have the same tag")
	}
	ps := l.mint(t, sketch{alg: PS256})
	once, again, other := tag(v, ps), tag(v, ps), tag(v, l.mint(t, sketch{alg: PS256}))
	if once != again || once == other {
		t.Error("tags of PS256 passes")
	}
}
