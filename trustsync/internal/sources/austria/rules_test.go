package austria

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/veraison/go-cose"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store/storetest"
)

func austriaRulesOf(t testing.TB, d *lists.Domain, url string) source.Source {
	t.Helper()
	s, err := NewRules(sources.Config{URLs: []string{url}, Anchors: d.Signer.PEM()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAustriaRulesFetch(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	hour := func(n int) time.Time { return sourcetest.Signed.Add(time.Duration(n) * time.Hour) }
	files := sourcetest.PublishAustria(t, d, hour(3), hour(1))
	src := austriaRulesOf(t, d, files.Start(t))
	now := source.Moment{Time: hour(4), Synced: true}
	h, report, err := src.Fetch(t.Context(), now)
	if err != nil || len(h.Rules) != 6 || len(h.ValueSets) != 2 || report.Loaded != 6 || !h.Signed.Equal(hour(1)) || !h.Expires.Equal(hour(49)) {
		t.Fatalf("%v, %+v", err, h)
	}
	if !bytes.Equal(h.Rules[0], d.Rules[0].JSON) || !bytes.Equal(h.ValueSets[0].JSON, d.ValueSets[0].JSON) {
		t.Error("not byte for byte")
	}
	now.Last = h
	files.Forget()
	if _, _, err := src.Fetch(t.Context(), now); !errors.Is(err, source.ErrUnchanged) || !slices.Equal(files.Asked, []string{"rulessig", "valuesetssig"}) {
		t.Errorf("again: %v, asked for %v", err, files.Asked)
	}
	// One of the two goes back, to a time that is still later than that of the other.
	files.Sign(t, d, hour(2), hour(1))
	if h, _, err := src.Fetch(t.Context(), now); h != nil || !errors.Is(err, source.ErrRollback) || !strings.Contains(err.Error(), "the rules") {
		t.Errorf("older rules: %v", err)
	}
	files.Sign(t, d, hour(3), hour(0))
	if h, _, err := src.Fetch(t.Context(), now); h != nil || !errors.Is(err, source.ErrRollback) || !strings.Contains(err.Error(), "the valuesets") {
		t.Errorf("older value sets: %v", err)
	}
	files.Sign(t, d, hour(3), hour(2))
	if h, _, err := src.Fetch(t.Context(), now); err != nil || !h.Signed.Equal(hour(2)) {
		t.Errorf("newer value sets: %v", err)
	}
	if h, _, err := src.Fetch(t.Context(), source.Moment{Time: hour(51), Synced: true}); h != nil || !errors.Is(err, source.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if h, _, err := austriaRulesOf(t, sourcetest.Domain(t, 0), files.Start(t)).Fetch(t.Context(), now); h != nil || !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("another's: %v", err)
	}
}

// A document is replaced while we are between it and its signature; once is forgiven.
func TestAustriaRulesPublication(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	files := sourcetest.PublishAustria(t, d, sourcetest.Signed, sourcetest.Signed)
	first := true
	files.Next = func(path string) {
		if path == "rules" && first {
			first = false
			d.Rules = d.Rules[:3]
			files.Sign(t, d, sourcetest.Signed.Add(time.Minute), sourcetest.Signed.Add(time.Minute))
		}
	}
	h, _, err := austriaRulesOf(t, d, files.Start(t)).Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
	if err != nil || len(h.Rules) != 3 || !h.Signed.Equal(sourcetest.Signed.Add(time.Minute)) {
		t.Errorf("%v, asked for %v", err, files.Asked)
	}
}

// What the same key signs for something else, and what it should not have signed.
func TestAustriaRulesRefused(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	until := sourcetest.Signed.Add(48 * time.Hour)
	sign := func(f *sourcetest.AustriaFiles, document string, label int64, version any, body []byte) {
		signature, err := lists.SignAustriaAs(d.Signer, cose.ProtectedHeader{
			cose.HeaderLabelAlgorithm: cose.AlgorithmES256, cose.HeaderLabelKeyID: d.Signer.KID(), label: version,
		}, body, sourcetest.Signed, until)
		if err != nil {
			t.Fatal(err)
		}
		f.Files[document], f.Files[document+"sig"] = body, signature
	}
	pairs := func(list, first, second string, pairs ...[2]string) []byte {
		body, err := lists.AustriaPairs(list, first, second, pairs)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	rules := func(f *sourcetest.AustriaFiles, all ...[2]string) {
		sign(f, "rules", -65537, int64(1), pairs("r", "i", "r", all...))
	}
	sets := func(f *sourcetest.AustriaFiles, all ...[2]string) {
		sign(f, "valuesets", -65538, int64(1), pairs("v", "n", "v", all...))
	}
	rule, id := string(d.Rules[0].JSON), d.Rules[0].Identifier
	set, setID := string(d.ValueSets[0].JSON), d.ValueSets[0].ID
	for name, test := range map[string]struct {
		change  func(*sourcetest.AustriaFiles)
		want    error // nil if it counts
		rules   int
		skipped int
	}{
		"one rule":            {func(f *sourcetest.AustriaFiles) { rules(f, [2]string{id, rule}) }, nil, 1, 0},
		"twice":               {func(f *sourcetest.AustriaFiles) { rules(f, [2]string{id, rule}, [2]string{id, rule}) }, nil, 1, 0},
		"under another label": {func(f *sourcetest.AustriaFiles) { rules(f, [2]string{"identifier", rule}) }, nil, 1, 0},
		"not a rule":          {func(f *sourcetest.AustriaFiles) { rules(f, [2]string{id, rule}, [2]string{id, "{}"}) }, source.ErrMalformed, 0, 0},
		"a rule cut short":    {func(f *sourcetest.AustriaFiles) { rules(f, [2]string{id, rule[:len(rule)-1]}) }, source.ErrMalformed, 0, 0},
		"without a label": {func(f *sourcetest.AustriaFiles) {
			sign(f, "rules", -65537, int64(1), pairs("r", "x", "r", [2]string{id, rule}))
		}, nil, 1, 0},
		"a label alone": {func(f *sourcetest.AustriaFiles) {
			sign(f, "rules", -65537, int64(1), pairs("r", "i", "x", [2]string{id, rule}))
		}, source.ErrMalformed, 0, 0},
		"no rules":               {func(f *sourcetest.AustriaFiles) { sign(f, "rules", -65537, int64(1), pairs("x", "i", "r")) }, source.ErrMalformed, 0, 0},
		"a set that is none":     {func(f *sourcetest.AustriaFiles) { sets(f, [2]string{setID, set}, [2]string{"x", "{}"}) }, nil, 6, 1},
		"a set of another label": {func(f *sourcetest.AustriaFiles) { sets(f, [2]string{"x", set}) }, nil, 6, 0},
		"a set of codes":         {func(f *sourcetest.AustriaFiles) { sets(f, [2]string{"x", `["a","b"]`}) }, nil, 6, 0},
		"sets signed as rules":   {func(f *sourcetest.AustriaFiles) { sign(f, "rules", -65538, int64(1), f.Files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"a trust list's label":   {func(f *sourcetest.AustriaFiles) { sign(f, "rules", 42, int64(2), f.Files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"another version":        {func(f *sourcetest.AustriaFiles) { sign(f, "rules", -65537, int64(2), f.Files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"a version in text":      {func(f *sourcetest.AustriaFiles) { sign(f, "rules", -65537, "1", f.Files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"signatures exchanged": {func(f *sourcetest.AustriaFiles) {
			f.Files["rulessig"], f.Files["valuesetssig"] = f.Files["valuesetssig"], f.Files["rulessig"]
		}, source.ErrNotAuthentic, 0, 0},
		"a byte more":             {func(f *sourcetest.AustriaFiles) { f.Files["rules"] = append(f.Files["rules"], 0) }, source.ErrNotAuthentic, 0, 0},
		"a byte less in the sets": {func(f *sourcetest.AustriaFiles) { f.Files["valuesets"] = f.Files["valuesets"][1:] }, source.ErrNotAuthentic, 0, 0},
		"no signature":            {func(f *sourcetest.AustriaFiles) { f.Files["rulessig"] = nil }, source.ErrMalformed, 0, 0},
		"a signature too large":   {func(f *sourcetest.AustriaFiles) { f.Files["rulessig"] = make([]byte, maxAustriaSignature+1) }, source.ErrTooLarge, 0, 0},
		"a rule too large": {func(f *sourcetest.AustriaFiles) {
			rules(f, [2]string{id, strings.Replace(rule, `"Logic"`, `"X":"`+strings.Repeat("x", source.MaxRuleSize)+`","Logic"`, 1)})
		}, source.ErrTooLarge, 0, 0},
		"the sets are not there": {func(f *sourcetest.AustriaFiles) { delete(f.Files, "valuesets") }, errAny, 0, 0},
	} {
		files := sourcetest.PublishAustria(t, d, sourcetest.Signed, sourcetest.Signed)
		test.change(files)
		h, report, err := austriaRulesOf(t, d, files.Start(t)).Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
		switch {
		case test.want != nil:
			if h != nil || err == nil || test.want != errAny && !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
		case err != nil || len(h.Rules) != test.rules || len(report.Skipped) != test.skipped:
			t.Errorf("%s: %v, %+v", name, err, report)
		}
	}
}

var errAny = errors.New("any")

func FuzzAustriaRules(f *testing.F) {
	d := sourcetest.Domain(f, 0)
	files := sourcetest.PublishAustria(f, d, sourcetest.Signed, sourcetest.Signed)
	f.Add(files.Files["rules"], files.Files["rulessig"])
	f.Add(files.Files["valuesets"], files.Files["valuesetssig"])
	other := pkitest.Anchors(f, sourcetest.Domain(f, 0).Signer.PublicPEM())
	f.Fuzz(func(t *testing.T, document, signature []byte) {
		for _, form := range []austriaForm{austriaRuleFile, austriaSetFile, austriaTrustList} {
			if _, err := openAustriaSignature(signature, form, other); err == nil {
				t.Fatal("authentic")
			}
		}
		r := list.NewRules()
		if err := readAustriaRules(r, document); err == nil {
			storetest.CheckRules(t, r.Rules, r.ValueSets)
		}
		r = list.NewRules()
		if err := readAustriaSets(r, document); err == nil {
			storetest.CheckRules(t, r.Rules, r.ValueSets)
		}
	})
}
