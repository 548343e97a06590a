package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatescan/verify/certlogic"
)

// Explained is what became of one rule that was considered for a pass: those of the country of arrival and the
// invalidation rules of the country of issue.
type Explained struct {
	Identifier      string
	Version         Version
	Type            RuleType
	Country         string
	CertificateType Kind   // NoKind for every kind
	Description     string // in the wanted language, else in English, else in any
	Selected        bool
	Outcome         certlogic.Outcome // of a rule that is selected
	Why             string            // it is not selected, or open, or what an ICVP lacks; else empty
	Values          []ExplainedValue  // what the rule may have read, by path; of a rule that is evaluated
}

// ExplainedValue is what a rule found in one place.
type ExplainedValue struct {
	Path string          // such as payload.v.0.dt
	JSON json.RawMessage // null if nothing is there
}

// Explain says how to explain.
type Explain struct {
	Lang   string // of the descriptions, such as de; empty for English
	Holder bool   // whether values that tell who the holder is may be shown
}

// Explain judges as Verify does, and says of each rule considered what became of it, by source, type and Identifier. There
// is nothing to say of a pass that was refused before it came to the rules. It allocates: it is for people who ask.
func (v *Verifier) Explain(text []byte, trust *Trust, now time.Time, how Explain) (Verdict, []Explained) {
	e := &explainer{how: how}
	v.rules.explain = e
	defer func() { v.rules.explain = nil }()
	verdict := v.Verify(text, trust, now)
	return verdict, e.best
}

// explainer collects what becomes of rules.
type explainer struct {
	how    Explain
	kind   Kind        // of the pass
	rules  []Explained // by the DSC that is being tried
	best   []Explained // by the DSC that got furthest
	reason Reason
}

// finished keeps what was found by the DSC that got furthest, as Verify does with the verdict.
func (e *explainer) finished(r Reason) {
	if r == noObjection {
		r = Accepted
	}
	if e.best == nil || r > e.reason {
		e.best, e.reason = e.rules, r
	}
	e.rules = nil
}

func (e *explainer) explained(r *compiledRule) Explained {
	return Explained{
		Identifier: r.Identifier, Version: r.Version, Type: r.Type, Country: string(r.home.text()),
		CertificateType: r.CertificateType, Description: r.Describe(e.how.Lang),
	}
}

func (e *explainer) notSelected(r *compiledRule, why string) {
	x := e.explained(r)
	x.Why = why
	e.rules = append(e.rules, x)
}

// incomplete says of an ICVP what it lacks, as if a rule had.
func (e *explainer) incomplete(missing []string) {
	e.rules = append(e.rules, Explained{
		Identifier: "ICVP-COMPLETE", Version: Version{Major: 1}, Type: Acceptance, CertificateType: ICVP, Selected: true, Outcome: certlogic.Failed,
		Why: "lacks " + strings.Join(missing, ", "),
	})
}

func (e *explainer) judged(r *compiledRule, outcome certlogic.Outcome, cause cause, m *certlogic.Machine) {
	x := e.explained(r)
	x.Selected, x.Outcome = true, outcome
	switch {
	case cause != noCause:
		x.Why = cause.of(r)
	case outcome == certlogic.Open:
		x.Why = m.Fault().String()
	}
	if cause == noCause {
		for path, value := range m.Reads(r.program) {
			x.Values = append(x.Values, ExplainedValue{path, e.show(path, m.AppendJSON(nil, value))})
		}
	}
	e.rules = append(e.rules, x)
}

// of says why a rule does not apply.
func (x exclusion) of(r *compiledRule, applied *compiledRule) string {
	switch x {
	case otherKind:
		return "is for " + certificateType[r.CertificateType]
	case otherRegion:
		if r.Region == "" {
			return "is for no region"
		}
		return "is for region " + r.Region
	case notYetInForce:
		return "in force from " + r.ValidFrom.UTC().Format(time.RFC3339)
	case noLongerInForce:
		return "in force until " + r.ValidTo.UTC().Format(time.RFC3339)
	case olderVersion:
		return "version " + applied.Version.String() + " applies"
	}
	return ""
}

// of says why a rule cannot be decided.
func (c cause) of(r *compiledRule) string {
	switch c {
	case badRule:
		return r.err.Error()
	case otherEngine:
		return fmt.Sprintf("is for engine %.20q %v", r.Engine, r.EngineVersion)
	case badSchema:
		return "ver of the payload is not a version"
	case otherSchema:
		return fmt.Sprintf("is for schema %v", r.SchemaVersion)
	}
	return ""
}

// hidden stands for what would tell who the holder is.
const hidden = "hidden"

// show makes of what is at a path what may be shown.
func (e *explainer) show(path string, value []byte) json.RawMessage {
	var v any
	d := json.NewDecoder(bytes.NewReader(value))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return json.RawMessage("null")
	}
	var at []string
	if path != "" {
		at = strings.Split(path, ".")
	}
	shown, _ := json.Marshal(e.shown(at, v)) // what was decoded can be encoded
	return shown
}

func (e *explainer) shown(at []string, v any) any {
	if v == nil {
		return nil
	}
	if !e.how.Holder && e.kind != ICVP && tellsHolder(at, v) { // viewICVP has nothing of the holder
		return hidden
	}
	switch v := v.(type) {
	case []any:
		if len(at) == 3 && at[0] == "external" && at[1] == "valueSets" {
			return fmt.Sprintf("%d codes", len(v))
		}
		for i := range v {
			v[i] = e.shown(append(at[:len(at):len(at)], strconv.Itoa(i)), v[i])
		}
		return v
	case map[string]any:
		for name := range v {
			v[name] = e.shown(append(at[:len(at):len(at)], name), v[name])
		}
		return v
	}
	return v
}

// tellsHolder reports whether a value can tell who the holder is: everything in the payload that is not known to be
// the same for many. What holds values is looked into where the schema says what they are.
func tellsHolder(at []string, v any) bool {
	if len(at) == 0 || at[0] != "payload" {
		return false // the whole data, and external
	}
	isEntry := len(at) > 1 && kindOf([]byte(at[1])) != NoKind
	_, isArray := v.([]any)
	_, isObject := v.(map[string]any)
	switch {
	case len(at) == 1, len(at) == 3 && isEntry:
		return !isObject
	case len(at) == 2 && isEntry:
		return !isArray
	case isArray || isObject:
		return true
	case len(at) == 2:
		return at[1] != "ver"
	}
	return len(at) != 4 || !isEntry || !slices.Contains(sharedFields, at[3])
}

// sharedFields are the fields of entries that are no more than what was given or found, when, where and by whom. The
// identifier of the certificate, ci, is not one of them.
var sharedFields = []string{"tg", "vp", "mp", "ma", "dn", "sd", "dt", "tt", "nm", "tr", "sc", "dr", "fr", "df", "du", "co", "is"}
