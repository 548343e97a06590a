package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// RuleType is what a rule is about. The zero RuleType is none.
type RuleType uint8

const (
	// Acceptance: the country of arrival lets in whose pass gives true.
	Acceptance RuleType = iota + 1
	// Invalidation: the country of issue withdraws passes of its own. Here too true is good: so are the rules that are
	// in production (IR-DE-0001 of Germany is false for passes of a barred pharmacy) and so do the apps of the EU judge,
	// though a helper of eu-dcc-business-rules has it the other way round.
	Invalidation
)

// String is the name in a rule's JSON, or empty.
func (t RuleType) String() string {
	switch t {
	case Acceptance:
		return "Acceptance"
	case Invalidation:
		return "Invalidation"
	}
	return ""
}

// Rule is a business rule as the gateway distributes it. What no verdict needs is left out of it.
type Rule struct {
	Identifier      string // such as VR-DE-0001; at most maxIdentifier letters, digits and "-._"
	Type            RuleType
	Country         string // ISO 3166-1 alpha-2, EL as GR
	Region          string // in capital letters; empty for a rule of the whole country
	Version         Version
	SchemaVersion   Version // of the payload it was written for
	Engine          string  // CERTLOGIC, in capitals
	EngineVersion   Version
	CertificateType Kind // NoKind for General: a rule for every kind of a DCC
	Description     []Description
	ValidFrom       time.Time // first instant at which it is in force
	ValidTo         time.Time // first instant at which it no longer is; zero for ever
	Logic           []byte    // CertLogic, JSON

	fault error // of a head that cannot be read as a whole; such a rule is never decided
}

// Description says what a rule demands, in one language.
type Description struct{ Lang, Text string }

// Limits of ours. Of 392 real rules the largest has 12 kB.
const (
	// MaxRule bounds a rule's JSON, in bytes.
	MaxRule = 256 << 10
	// MaxValueSet bounds a value set's JSON, in bytes. The largest there ever was, that of all tests, has 600 kB.
	MaxValueSet = 4 << 20

	maxIdentifier = 40
	maxRegion     = 16
)

// certificateType has the names of kinds in rules.
var certificateType = [numKinds]string{NoKind: "General", Vaccination: "Vaccination", Test: "Test", Recovery: "Recovery", ICVP: "ICVP"}

// RuleError is what is wrong with a rule.
type RuleError struct {
	Identifier string // empty if it could not be read
	Country    string // so, too
	Open       bool   // the rule is in force all the same, and never decided
	Err        error
}

func (e *RuleError) Error() string {
	name := "a rule"
	if e.Identifier != "" {
		name = "rule " + e.Identifier
	}
	if e.Country != "" {
		name += " of " + e.Country
	}
	text := name + ": " + e.Err.Error()
	if e.Open {
		text += "; where it applies nobody is let through"
	}
	return text
}

func (e *RuleError) Unwrap() error { return e.Err }

// ErrRuleType is of a rule that is neither acceptance nor invalidation rule, such as one that says who may get a
// booster. It has no part in a verdict.
var ErrRuleType = errors.New("neither Acceptance nor Invalidation")

// ruleJSON is the gateway's form of a rule.
type ruleJSON struct {
	Identifier, Type, Country, Region, Version, SchemaVersion string
	Engine, EngineVersion, CertificateType                    string
	Description                                               []struct{ Lang, Desc string }
	ValidFrom, ValidTo                                        string
	Logic                                                     json.RawMessage
}

// ParseRule reads one rule, PascalCase JSON. Its logic is not compiled yet, that is for NewRules. The error is a
// *RuleError. The rule that comes with an error has what could be read: given to NewRules it refuses everybody to whom
// it may apply, so that nothing is decided as if it did not exist. A rule whose Identifier, Type or Country cannot be
// read is of no use there.
func ParseRule(data []byte) (Rule, error) {
	var in ruleJSON
	err := unmarshalRule(data, &in)
	r := Rule{Description: make([]Description, 0, len(in.Description)), Logic: in.Logic}
	var faults []error
	if err != nil {
		faults = append(faults, err)
	}
	complain := func(name, value string, err error) {
		if value == "" {
			err = errors.New("is missing")
		}
		faults = append(faults, fmt.Errorf("%s %w", name, err))
	}
	if isIdentifier(in.Identifier) {
		r.Identifier = in.Identifier
	} else {
		complain("Identifier", in.Identifier, fmt.Errorf("%.60q is not made of at most %d letters, digits and -._", in.Identifier, maxIdentifier))
	}
	var ok bool
	if r.Country, ok = ParseCountry(in.Country); !ok {
		complain("Country", in.Country, fmt.Errorf("%.20q is no ISO 3166-1 code of two letters", in.Country))
	}
	switch in.Type {
	case Acceptance.String():
		r.Type = Acceptance
	case Invalidation.String():
		r.Type = Invalidation
	default:
		complain("Type", in.Type, fmt.Errorf("%.40q is %w", in.Type, ErrRuleType))
	}
	if kind := slices.Index(certificateType[:], in.CertificateType); kind >= 0 {
		r.CertificateType = Kind(kind)
	} else {
		complain("CertificateType", in.CertificateType, fmt.Errorf("%.40q is none of %s", in.CertificateType, strings.Join(certificateType[:], ", ")))
	}
	if r.Region = strings.ToUpper(strings.TrimSpace(in.Region)); len(r.Region) > maxRegion {
		complain("Region", in.Region, fmt.Errorf("%.40q is longer than %d bytes", in.Region, maxRegion))
		r.Region = ""
	}
	if r.Engine = strings.ToUpper(in.Engine); r.Engine == "" {
		complain("Engine", "", nil)
	}
	for _, field := range []struct {
		name, text string
		to         *Version
	}{
		{"Version", in.Version, &r.Version}, {"SchemaVersion", in.SchemaVersion, &r.SchemaVersion}, {"EngineVersion", in.EngineVersion, &r.EngineVersion},
	} {
		if *field.to, err = ParseVersion(field.text); err != nil {
			complain(field.name, field.text, err)
		}
	}
	for _, field := range []struct {
		name, text string
		to         *time.Time
	}{{"ValidFrom", in.ValidFrom, &r.ValidFrom}, {"ValidTo", in.ValidTo, &r.ValidTo}} {
		if *field.to, err = time.Parse(time.RFC3339, field.text); err != nil {
			complain(field.name, field.text, fmt.Errorf("%.40q is no RFC 3339 time", field.text))
		}
	}
	if !r.ValidFrom.IsZero() && !r.ValidTo.IsZero() && !r.ValidFrom.Before(r.ValidTo) {
		complain("ValidTo", in.ValidTo, fmt.Errorf("%s is not later than ValidFrom %s", in.ValidTo, in.ValidFrom))
	}
	if len(in.Logic) == 0 {
		complain("Logic", "", nil)
	}
	for _, d := range in.Description {
		r.Description = append(r.Description, Description{d.Lang, d.Desc})
	}
	if len(faults) > 0 {
		r.fault = &RuleError{Identifier: r.Identifier, Country: r.Country, Err: joined(faults)}
	}
	return r, r.fault
}

// joined says several faults in one line.
func joined(faults []error) error {
	if len(faults) == 1 {
		return faults[0]
	}
	return fmt.Errorf("%w; %w", faults[0], joined(faults[1:]))
}

// unmarshalRule decodes as much as there is. Of what is no JSON at all that is what stands before the mistake.
func unmarshalRule(data []byte, in *ruleJSON) error {
	switch {
	case len(data) > MaxRule:
		return fmt.Errorf("%d bytes, at most %d", len(data), MaxRule)
	case !utf8.Valid(data):
		return errors.New("not UTF-8")
	}
	err := json.Unmarshal(data, in)
	var syntax *json.SyntaxError
	if !errors.As(err, &syntax) {
		return err
	}
	salvage(data, in)
	return fmt.Errorf("not JSON: %w, at byte %d", err, syntax.Offset)
}

// salvage reads the texts at the top of an object that is broken somewhere.
func salvage(data []byte, in *ruleJSON) {
	d := json.NewDecoder(bytes.NewReader(data))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return
	}
	for {
		name, err := d.Token()
		if err != nil {
			return
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return
		}
		if member, err := json.Marshal(map[string]json.RawMessage{fmt.Sprint(name): value}); err == nil {
			_ = json.Unmarshal(member, in) // what has the wrong type is found missing
		}
	}
}

func isIdentifier(s string) bool {
	return s != "" && len(s) <= maxIdentifier &&
		strings.Trim(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-._") == ""
}

// Describe says what the rule demands in the wanted language, else in English, else in whatever language there is.
func (r *Rule) Describe(lang string) string {
	for _, wanted := range []string{lang, "en"} {
		for _, d := range r.Description {
			if wanted != "" && strings.EqualFold(d.Lang, wanted) {
				return d.Text
			}
		}
	}
	if len(r.Description) == 0 {
		return ""
	}
	return r.Description[0].Text
}
