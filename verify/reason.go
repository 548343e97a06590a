package verify

// Reason says what became of a frame. Its text is the log word, the metrics label and the JSON value.
// The constants stand in the order in which a check can fail, so that of two refusals the larger one got further.
type Reason uint8

const (
	// Internal is the zero Reason: nobody decided. It refuses.
	Internal Reason = iota

	// OtherCode: the text came whole and is a code of another family, such as a boarding pass (Verdict.Whole).
	OtherCode
	// NotHCERT: the text does not begin with the context identifier of an HCERT.
	NotHCERT
	// UnsupportedVersion: HC2: to HC9: or HCA: to HCZ:, an HCERT of a version we cannot read.
	UnsupportedVersion
	// TooLarge: the text, or what it inflates to, is larger than any pass may be.
	TooLarge
	// BadBase45: RFC 9285 does not allow the text.
	BadBase45
	// BadDeflate: not one whole zlib stream (RFC 1950), or data behind it.
	BadDeflate
	// BadCBOR: not one well-formed CBOR item (RFC 8949), or a key twice in a map, or too deep.
	BadCBOR
	// BadCOSE: CBOR, but not a COSE_Sign1 (RFC 9052 §4.2) that we may judge.
	BadCOSE
	// BadAlg: the algorithm is neither ES256 nor PS256, is not protected, or is not that of the key.
	BadAlg

	// NoTrust: no trust data was ever loaded.
	NoTrust
	// TrustStale: the lists that vouch for the DSC are too old.
	TrustStale
	// UnknownKID: no DSC has the kid of the pass, or the pass names none.
	UnknownKID
	// Barred: the DSC was withdrawn by name.
	Barred
	// DSCNotValid: now is outside the validity of the DSC.
	DSCNotValid
	// BadSignature: the DSC's key did not sign this.
	BadSignature

	// BadCWT: signed, but the claims cannot be read, or lack a time.
	BadCWT
	// NotYetValid: issued later than now (and Policy.ClockSkew), or nbf is.
	NotYetValid
	// Expired: now is later than exp.
	Expired
	// IssuerMismatch: the issuer claim names another country than the DSC (policy, off by default).
	IssuerMismatch
	// WrongDomain: the lists that vouch for the DSC do so for documents of another kind (DSC.Domain).
	WrongDomain

	// BadDCC: signed, but what it carries cannot be read as a DCC.
	BadDCC
	// NotOneEntry: not exactly one vaccination, test or recovery.
	NotOneEntry
	// KindNotAllowed: the policy does not admit this kind of entry.
	KindNotAllowed
	// KeyUsage: the DSC may not sign this kind of entry.
	KeyUsage

	// RevocationUnavailable: revocation is required and its data is missing or damaged.
	RevocationUnavailable
	// Revoked: the pass is on a revocation list.
	Revoked

	// RulesUnavailable: rules are required and none applies.
	RulesUnavailable
	// RuleFailed: an acceptance or invalidation rule says no.
	RuleFailed
	// RuleOpen: a rule could not be decided.
	RuleOpen
	// ICVPIncomplete: the ICVP lacks what the policy demands, or is of a version that we do not know.
	ICVPIncomplete
	// ICVPProduct: the vaccine is not in WHO's catalogue, or not for a disease that the policy asks for.
	ICVPProduct
	// ICVPTooEarly: the vaccination is too recent to protect yet (yellow fever: from the tenth day).
	ICVPTooEarly
	// ICVPNotValid: the ICVP is outside of its period of validity, or its dates contradict each other.
	ICVPNotValid

	// ClockUntrusted: the gate does not believe its own clock.
	ClockUntrusted
	// SecondPass: good, but another pass of the same person is wanted besides (Policy.Parts).
	SecondPass
	// Repeated: the same pass again within the configured time.
	Repeated
	// GateClosed: the gate is closed or under maintenance.
	GateClosed
	// GateBusy: the turnstile is still open for the person before.
	GateBusy
	// NoAnswer: the system that was asked whether to open did not answer in time.
	NoAnswer

	// Accepted: the pass is good. Only Verify can make a Verdict that says so.
	Accepted

	numReasons
)

// NumReasons is the number of reasons: valid ones are 0 to NumReasons-1.
const NumReasons = int(numReasons)

var reasonText = [numReasons]string{
	Internal:              "internal",
	OtherCode:             "other_code",
	NotHCERT:              "not_hcert",
	UnsupportedVersion:    "unsupported_version",
	TooLarge:              "too_large",
	BadBase45:             "bad_base45",
	BadDeflate:            "bad_deflate",
	BadCBOR:               "bad_cbor",
	BadCOSE:               "bad_cose",
	BadAlg:                "bad_alg",
	NoTrust:               "no_trust",
	TrustStale:            "trust_stale",
	UnknownKID:            "unknown_kid",
	Barred:                "barred",
	DSCNotValid:           "dsc_not_valid",
	BadSignature:          "bad_signature",
	BadCWT:                "bad_cwt",
	NotYetValid:           "not_yet_valid",
	Expired:               "expired",
	IssuerMismatch:        "issuer_mismatch",
	WrongDomain:           "wrong_domain",
	BadDCC:                "bad_dcc",
	NotOneEntry:           "not_one_entry",
	KindNotAllowed:        "kind_not_allowed",
	KeyUsage:              "key_usage",
	RevocationUnavailable: "revocation_unavailable",
	Revoked:               "revoked",
	RulesUnavailable:      "rules_unavailable",
	RuleFailed:            "rule_failed",
	RuleOpen:              "rule_open",
	ICVPIncomplete:        "icvp_incomplete",
	ICVPProduct:           "icvp_product",
	ICVPTooEarly:          "icvp_too_early",
	ICVPNotValid:          "icvp_not_valid",
	ClockUntrusted:        "clock_untrusted",
	SecondPass:            "second_pass",
	Repeated:              "repeated",
	GateClosed:            "gate_closed",
	GateBusy:              "gate_busy",
	NoAnswer:              "no_answer",
	Accepted:              "accepted",
}

// String returns the word for r in logs, metrics and JSON; "internal" for a value that is no Reason.
func (r Reason) String() string {
	if r >= numReasons {
		r = Internal
	}
	return reasonText[r]
}
