package verify

// Tolerance is a set of deviations from the specification that passes were issued with. None is tolerated unless
// the policy says so, and every use is told in the Verdict, to be counted.
type Tolerance uint8

const (
	// AlgUnprotected: alg stands only in the unprotected header (RFC 9052 §3.1 wants it protected).
	AlgUnprotected Tolerance = 1 << iota
	// NoPrefix: the context identifier HC1: is missing.
	NoPrefix
	// NotCompressed: the COSE message was not put through zlib.
	NotCompressed
	// ICVPVersion: the ICVP names a version of the model that is not known (REQ-DE-27 would have an inspector look).
	ICVPVersion

	// TolerateAll is every deviation that can be tolerated.
	TolerateAll = AlgUnprotected | NoPrefix | NotCompressed | ICVPVersion
)
