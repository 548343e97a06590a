package verify

// Policy is what an operator may decide about passes. The zero Policy admits every kind and tolerates nothing.
type Policy struct {
	Kinds    Usage     // kinds that are admitted; zero admits all
	Tolerate Tolerance // deviations from the specification that are let through, and counted

	// IssuerMatches refuses a pass whose issuer claim names another country than the DSC that signed it. Genuine
	// passes break this, so it is off by default; Issuers names exceptions beyond those that mayIssue knows.
	IssuerMatches bool
	Issuers       []IssuedUnder
}

// IssuedUnder says that passes which name Issuer are signed by DSCs of Country. Both are two capital letters.
type IssuedUnder struct{ Issuer, Country [2]byte }
