// Package verify judges QR texts: (text, trust, policy, now) -> Verdict. It is pure: it knows no clock, no network, no
// file and no X.509, and from text to verdict it allocates nothing.
//
// The stages, in the order in which they look, each in the file of its name:
//
//	family.go       other codes, if whole        IATA 792, UIC 918.3    other_code
//	text.go         length, context identifier   SPEC §4.2.2            too_large not_hcert unsupported_version
//	base45.go       text -> bytes                RFC 9285               bad_base45
//	inflate.go      zlib stream, bounded         RFC 1950, RFC 1951     bad_deflate too_large
//	internal/cbor   well-formed, no key twice    RFC 8949               bad_cbor
//	cose.go         COSE_Sign1, alg, kid         RFC 9052 §4.2, §3.1    bad_cose bad_alg
//	trust.go        the DSCs of that kid         SPEC §3.3.3            no_trust trust_stale unknown_kid barred
//	key.go          the key decides the alg                             bad_alg
//	verifier.go     the DSC's window                                    dsc_not_valid
//	es256.go        ECDSA on P-256               FIPS 186-5 §6.4.2      bad_signature
//	internal/p256   its arithmetic and tables
//	ps256.go        RSASSA-PSS                   RFC 8017 §8.1.2        bad_signature
//	cwt.go          claims and times             RFC 8392 §3.1          bad_cwt not_yet_valid expired
//	issuer.go       the DSC's country            policy                 issuer_mismatch
//	domain.go       what the DSC was listed for  GDHCN trust domains    wrong_domain
//	subclaim.go     the document in the claim    hcert_spec §3.2.7.1    bad_dcc not_one_entry kind_not_allowed
//	dcc.go          exactly one entry            schema 1.3.3, DESIGN   bad_dcc not_one_entry
//	icvp.go         WHO's yellow card            smart-icvp v0.3.0      bad_dcc not_one_entry
//	policy.go       what the operator admits                            kind_not_allowed
//	kind.go         what the DSC may sign        SPEC A.4               key_usage
//	judgement.go    what rules say               certlogic              rules_unavailable rule_failed rule_open
//	icvpjudge.go    what WHO's tables say        ICVP.DT.1, ICVP.DT.2   icvp_incomplete icvp_product icvp_too_early icvp_not_valid
//
// What rules need:
//
//	rule.go         a rule as the gateway has it dgc-gateway, Validation Rules
//	valueset.go     codes that rules look into   eu-dcc-valuesets
//	version.go      versions of rules, schemas   semver.org 2.0.0
//	rules.go        compiled, by country and kind
//	selection.go    which of them apply          eu-dcc-business-rules, dgca-verifier-app
//	certlogic       how one is evaluated         CertLogic 1.3.3
//	explain.go      what became of each, for people who ask
//	holder.go       two passes of one person
//	icvptables.go   WHO's tables and catalogue   icvp/README.md
//
// SPEC is the electronic health certificate specification 1.0.8, from which Annex I of Decision (EU) 2021/1073 was
// made. Nothing behind the signature is interpreted before the signature holds. Every DSC that has the kid is tried;
// if none accepts, the one that got furthest speaks.
//
// # Times
//
// All are compared exactly, with fractions of a second if they have any. A pass is good from iat (which may lie ahead by
// Policy.ClockSkew) and nbf until exp, these instants included; a DSC from its first second until its last.
//
// # Rules
//
// Acceptance rules are those of the country of arrival, which the policy names; invalidation rules are those of the
// country of issue: the DSC's, else the issuer claim's, else the entry's. Of these apply those for every kind or for
// that of the pass, in force at the moment (its first instant included, its last not), of the region asked for, and of
// each Identifier the newest version that is left. True is good for both types. A rule for another engine, or for a
// schema that the payload does not follow, is open; so is one that does not compile. It is never left out, nor is an
// older version taken in its place.
//
// Rules find in external.exp and external.iat times to the second, in external.issuerCountryCode the country of issue in
// capital letters. The EU's Android app has dates and small letters there, the Corona-Warn-App what we have.
//
// # ICVP
//
// An ICVP is written in one of three shapes; icvp.go tells them apart. It needs no exp, for most are for life. It is judged by
// WHO's decision tables, which come with the program as CertLogic and read it as the model of April 2026 has it, whatever its
// shape, without its holder. Rules of countries are for DCCs, unless their CertificateType is ICVP. Days are those of
// ICVPPolicy.Zone: of a dose on 1 May the tenth day begins there on 11 May, at midnight.
//
// A Verdict that accepts can only come from Verifier.Verify. The zero Verdict, the zero Reason, the zero PublicKey
// and a nil Trust all refuse.
package verify
