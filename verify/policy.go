package verify

import "time"

// Policy is what an operator may decide about passes. The zero Policy admits every kind of a DCC, tolerates nothing and
// asks for no rules.
type Policy struct {
	Kinds    Usage     // kinds that are admitted; zero admits every kind of a DCC, and no ICVP
	Tolerate Tolerance // deviations from the specification that are let through, and counted

	// IssuerMatches refuses a pass whose issuer claim names another country than the DSC that signed it. Genuine
	// passes break this, so it is off by default; Issuers names exceptions beyond those that mayIssue knows.
	IssuerMatches bool
	Issuers       []IssuedUnder

	// ClockSkew is how far iat may lie ahead of now, 0 to MaxClockSkew; more counts as that. It stands for the clocks of
	// issuer and gate, and gives no room to exp, nbf and the DSC's own dates.
	ClockSkew time.Duration

	// Arrival is the country whose acceptance rules are judged by, ISO 3166-1 alpha-2; without one there are none.
	// Something else than a country refuses everybody, with RulesUnavailable. The invalidation rules are always those
	// of the country of issue.
	Arrival string
	// Region selects the acceptance rules of one region of Arrival, and those alone, as the apps of the EU do; without
	// one it is the rules that name none. Case and white space around it do not count.
	Region string
	// RulesRequire refuses with RulesUnavailable if no rule of the country of arrival applies that the snapshot has.
	RulesRequire bool
	// Rules are what the operator demands besides: judged by in the same way as those of the snapshot, with value sets
	// of their own. They do not stand in for the country's rules under RulesRequire; rules that should belong in the
	// snapshot. May be nil.
	Rules *Rules

	// Parts is what the passes of one person must meet, each of them by one pass: a pass meets a part if acceptance rules
	// of it apply, and none fails or is open. One that meets no part is refused as its first part has it. One that meets
	// some is accepted, and Verdict.Parts says which: it is for the caller to wait for the others. MaxParts at the most.
	Parts []*Rules

	// ICVP is what is asked of an ICVP besides, if Kinds admits it. A policy with Parts admits none: they are for DCCs.
	ICVP ICVPPolicy

	// Holder asks for Verdict.Holder, so that two passes can be told to be of the same person.
	Holder bool
}

// MaxClockSkew bounds Policy.ClockSkew.
const MaxClockSkew = 10 * time.Minute

func (p *Policy) clockSkew() time.Duration { return min(max(p.ClockSkew, 0), MaxClockSkew) }

// MaxParts bounds Policy.Parts. A policy with more refuses everybody.
const MaxParts = 8

// IssuedUnder says that passes which name Issuer are signed by DSCs of Country. Both are two capital letters.
type IssuedUnder struct{ Issuer, Country [2]byte }
