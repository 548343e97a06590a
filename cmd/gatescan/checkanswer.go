package main

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"

	"gatescan/verify"
)

// judgedText is what check found out about one text.
type judgedText struct {
	line int
	verify.Verdict
	explained bool
	rules     []verify.Explained
}

// answerJSON is one answer of check -json (DESIGN §5). What is not known is left out.
type answerJSON struct {
	Line    int        `json:"line"`
	Verdict string     `json:"verdict"`
	Reason  string     `json:"reason"`
	Family  string     `json:"family,omitempty"` // of another code
	KID     string     `json:"kid,omitempty"`
	Alg     string     `json:"alg,omitempty"`
	Kind    string     `json:"kind,omitempty"`
	Disease string     `json:"disease,omitempty"` // of a yellow card: yellow_fever, polio
	Product string     `json:"product,omitempty"` // of a yellow card: its code in WHO's catalogue
	Issuer  string     `json:"issuer,omitempty"`
	Rule    string     `json:"rule,omitempty"`
	Rules   []ruleJSON `json:"rules,omitzero"` // with -explain
}

// ruleJSON is what became of one rule.
type ruleJSON struct {
	ID          string                     `json:"id"`
	Version     string                     `json:"version"`
	Type        string                     `json:"type"`
	Outcome     string                     `json:"outcome"` // passed, failed, open, not selected
	Why         string                     `json:"why,omitempty"`
	Description string                     `json:"description,omitempty"`
	Values      map[string]json.RawMessage `json:"values,omitempty"`
}

func (a judgedText) form() answerJSON {
	verdict := "refused"
	if a.Accepted() {
		verdict = "accepted"
	}
	form := answerJSON{
		Line: a.line, Verdict: verdict, Reason: a.Reason().String(), Family: a.Family().String(), KID: hex.EncodeToString(a.KID()),
		Alg: a.Alg().String(), Kind: a.Kind().String(), Disease: a.Disease().String(), Product: a.Product(), Issuer: a.Issuer(), Rule: a.Rule(),
	}
	if a.explained {
		form.Rules = []ruleJSON{}
	}
	for _, x := range a.rules {
		r := ruleJSON{
			ID: x.Identifier, Version: x.Version.String(), Type: x.Type.String(), Outcome: outcome(x), Why: x.Why, Description: x.Description,
		}
		for _, v := range x.Values {
			if r.Values == nil {
				r.Values = map[string]json.RawMessage{}
			}
			r.Values[v.Path] = v.JSON
		}
		form.Rules = append(form.Rules, r)
	}
	return form
}

func outcome(x verify.Explained) string {
	if !x.Selected {
		return "not selected"
	}
	return x.Outcome.String()
}

func (a judgedText) json(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(a.form())
}

func (a judgedText) human(w io.Writer) error {
	form := a.form()
	var b strings.Builder
	fmt.Fprintf(&b, "%d: %s", a.line, form.Verdict)
	if !a.Accepted() {
		fmt.Fprintf(&b, ": %s", form.Reason)
	}
	for _, fact := range []struct{ name, value string }{
		{"family", form.Family}, {"rule", form.Rule}, {"kind", form.Kind}, {"disease", form.Disease}, {"product", form.Product}, {"issuer", form.Issuer}, {"alg", form.Alg}, {"kid", form.KID},
	} {
		if fact.value != "" {
			fmt.Fprintf(&b, " %s=%q", fact.name, fact.value)
		}
	}
	for _, word := range toleranceNames(a.Tolerated()) {
		fmt.Fprintf(&b, " tolerated=%s", word)
	}
	b.WriteByte('\n')
	for _, x := range a.rules {
		explainHuman(&b, x)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// explainHuman writes what became of a rule, a line for each thing there is to say.
func explainHuman(b *strings.Builder, x verify.Explained) {
	fmt.Fprintf(b, "    %s %s %v", outcome(x), x.Identifier, x.Version)
	if x.Type == verify.Invalidation {
		b.WriteString(" (invalidation)")
	}
	if x.Why != "" {
		fmt.Fprintf(b, ": %s", printable(x.Why))
	}
	b.WriteByte('\n')
	if !x.Selected {
		return
	}
	if x.Description != "" {
		fmt.Fprintf(b, "        %s\n", printable(x.Description))
	}
	for _, v := range x.Values {
		fmt.Fprintf(b, "        %s = %s\n", printable(v.Path), printable(string(v.JSON)))
	}
}

// printable leaves out what a terminal would obey. Rules and passes were written by others.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}
