package trustsync

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/veraison/go-cose"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

// austriaFiles are the four documents by their path.
type austriaFiles struct {
	files map[string][]byte
	asked []string
	next  func(path string)
}

func (f *austriaFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.asked = append(f.asked, strings.TrimPrefix(r.URL.Path, "/"))
	if f.next != nil {
		f.next(f.asked[len(f.asked)-1])
	}
	body, ok := f.files[strings.TrimPrefix(r.URL.Path, "/")]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Write(body)
}

func (f *austriaFiles) start(t testing.TB) string {
	server := httptest.NewServer(f)
	t.Cleanup(server.Close)
	return server.URL
}

func (f *austriaFiles) forget() { f.asked = nil }

// austriaPublished are the documents of a domain, each signed at its own time.
func austriaPublished(t testing.TB, d *lists.Domain, rulesFrom, setsFrom time.Time) *austriaFiles {
	t.Helper()
	f := &austriaFiles{files: map[string][]byte{}}
	f.sign(t, d, rulesFrom, setsFrom)
	return f
}

func (f *austriaFiles) sign(t testing.TB, d *lists.Domain, rulesFrom, setsFrom time.Time) {
	t.Helper()
	var err error
	if f.files["rules"], f.files["rulessig"], err = lists.AustriaRules(d, rulesFrom, rulesFrom.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if f.files["valuesets"], f.files["valuesetssig"], err = lists.AustriaSets(d, setsFrom, setsFrom.Add(48*time.Hour)); err != nil {
		t.Fatal(err)
	}
}

func austriaRulesOf(t testing.TB, d *lists.Domain, url string) source.Source {
	return rulesSource(t, SourceConfig{Kind: kindAustriaRules, URLs: []string{url}, Anchors: d.Signer.PEM()})
}

func TestAustriaRulesFetch(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	hour := func(n int) time.Time { return sourcetest.Signed.Add(time.Duration(n) * time.Hour) }
	files := austriaPublished(t, d, hour(3), hour(1))
	src := austriaRulesOf(t, d, files.start(t))
	now := source.Moment{Time: hour(4), Synced: true}
	h, report, err := src.Fetch(t.Context(), now)
	if err != nil || len(h.Rules) != 6 || len(h.ValueSets) != 2 || report.Loaded != 6 || !h.Signed.Equal(hour(1)) || !h.Expires.Equal(hour(49)) {
		t.Fatalf("%v, %+v", err, h)
	}
	if !bytes.Equal(h.Rules[0], d.Rules[0].JSON) || !bytes.Equal(h.ValueSets[0].JSON, d.ValueSets[0].JSON) {
		t.Error("not byte for byte")
	}
	now.Last = h
	files.forget()
	if _, _, err := src.Fetch(t.Context(), now); !errors.Is(err, source.ErrUnchanged) || !slices.Equal(files.asked, []string{"rulessig", "valuesetssig"}) {
		t.Errorf("again: %v, asked for %v", err, files.asked)
	}
	// One of the two goes back, to a time that is still later than that of the other.
	files.sign(t, d, hour(2), hour(1))
	if h, _, err := src.Fetch(t.Context(), now); h != nil || !errors.Is(err, source.ErrRollback) || !strings.Contains(err.Error(), "the rules") {
		t.Errorf("older rules: %v", err)
	}
	files.sign(t, d, hour(3), hour(0))
	if h, _, err := src.Fetch(t.Context(), now); h != nil || !errors.Is(err, source.ErrRollback) || !strings.Contains(err.Error(), "the valuesets") {
		t.Errorf("older value sets: %v", err)
	}
	files.sign(t, d, hour(3), hour(2))
	if h, _, err := src.Fetch(t.Context(), now); err != nil || !h.Signed.Equal(hour(2)) {
		t.Errorf("newer value sets: %v", err)
	}
	if h, _, err := src.Fetch(t.Context(), source.Moment{Time: hour(51), Synced: true}); h != nil || !errors.Is(err, source.ErrExpired) {
		t.Errorf("expired: %v", err)
	}
	if h, _, err := austriaRulesOf(t, sourcetest.Domain(t, 0), files.start(t)).Fetch(t.Context(), now); h != nil || !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("another's: %v", err)
	}
}

// A document is replaced while we are between it and its signature; once is forgiven.
func TestAustriaRulesPublication(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	files := austriaPublished(t, d, sourcetest.Signed, sourcetest.Signed)
	first := true
	files.next = func(path string) {
		if path == "rules" && first {
			first = false
			d.Rules = d.Rules[:3]
			files.sign(t, d, sourcetest.Signed.Add(time.Minute), sourcetest.Signed.Add(time.Minute))
		}
	}
	h, _, err := austriaRulesOf(t, d, files.start(t)).Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
	if err != nil || len(h.Rules) != 3 || !h.Signed.Equal(sourcetest.Signed.Add(time.Minute)) {
		t.Errorf("%v, asked for %v", err, files.asked)
	}
}

// What the same key signs for something else, and what it should not have signed.
func TestAustriaRulesRefused(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	until := sourcetest.Signed.Add(48 * time.Hour)
	sign := func(f *austriaFiles, document string, label int64, version any, body []byte) {
		signature, err := lists.SignAustriaAs(d.Signer, cose.ProtectedHeader{
			cose.HeaderLabelAlgorithm: cose.AlgorithmES256, cose.HeaderLabelKeyID: d.Signer.KID(), label: version,
		}, body, sourcetest.Signed, until)
		if err != nil {
			t.Fatal(err)
		}
		f.files[document], f.files[document+"sig"] = body, signature
	}
	pairs := func(list, first, second string, pairs ...[2]string) []byte {
		body, err := lists.AustriaPairs(list, first, second, pairs)
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	rules := func(f *austriaFiles, all ...[2]string) {
		sign(f, "rules", -65537, int64(1), pairs("r", "i", "r", all...))
	}
	sets := func(f *austriaFiles, all ...[2]string) {
		sign(f, "valuesets", -65538, int64(1), pairs("v", "n", "v", all...))
	}
	rule, id := string(d.Rules[0].JSON), d.Rules[0].Identifier
	set, setID := string(d.ValueSets[0].JSON), d.ValueSets[0].ID
	for name, test := range map[string]struct {
		change  func(*austriaFiles)
		want    error // nil if it counts
		rules   int
		skipped int
	}{
		"one rule":               {func(f *austriaFiles) { rules(f, [2]string{id, rule}) }, nil, 1, 0},
		"twice":                  {func(f *austriaFiles) { rules(f, [2]string{id, rule}, [2]string{id, rule}) }, nil, 1, 0},
		"under another label":    {func(f *austriaFiles) { rules(f, [2]string{"identifier", rule}) }, nil, 1, 0},
		"not a rule":             {func(f *austriaFiles) { rules(f, [2]string{id, rule}, [2]string{id, "{}"}) }, source.ErrMalformed, 0, 0},
		"a rule cut short":       {func(f *austriaFiles) { rules(f, [2]string{id, rule[:len(rule)-1]}) }, source.ErrMalformed, 0, 0},
		"without a label":        {func(f *austriaFiles) { sign(f, "rules", -65537, int64(1), pairs("r", "x", "r", [2]string{id, rule})) }, nil, 1, 0},
		"a label alone":          {func(f *austriaFiles) { sign(f, "rules", -65537, int64(1), pairs("r", "i", "x", [2]string{id, rule})) }, source.ErrMalformed, 0, 0},
		"no rules":               {func(f *austriaFiles) { sign(f, "rules", -65537, int64(1), pairs("x", "i", "r")) }, source.ErrMalformed, 0, 0},
		"a set that is none":     {func(f *austriaFiles) { sets(f, [2]string{setID, set}, [2]string{"x", "{}"}) }, nil, 6, 1},
		"a set of another label": {func(f *austriaFiles) { sets(f, [2]string{"x", set}) }, nil, 6, 0},
		"a set of codes":         {func(f *austriaFiles) { sets(f, [2]string{"x", `["a","b"]`}) }, nil, 6, 0},
		"sets signed as rules":   {func(f *austriaFiles) { sign(f, "rules", -65538, int64(1), f.files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"a trust list's label":   {func(f *austriaFiles) { sign(f, "rules", 42, int64(2), f.files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"another version":        {func(f *austriaFiles) { sign(f, "rules", -65537, int64(2), f.files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"a version in text":      {func(f *austriaFiles) { sign(f, "rules", -65537, "1", f.files["rules"]) }, source.ErrNotAuthentic, 0, 0},
		"signatures exchanged": {func(f *austriaFiles) {
			f.files["rulessig"], f.files["valuesetssig"] = f.files["valuesetssig"], f.files["rulessig"]
		}, source.ErrNotAuthentic, 0, 0},
		"a byte more":             {func(f *austriaFiles) { f.files["rules"] = append(f.files["rules"], 0) }, source.ErrNotAuthentic, 0, 0},
		"a byte less in the sets": {func(f *austriaFiles) { f.files["valuesets"] = f.files["valuesets"][1:] }, source.ErrNotAuthentic, 0, 0},
		"no signature":            {func(f *austriaFiles) { f.files["rulessig"] = nil }, source.ErrMalformed, 0, 0},
		"a signature too large":   {func(f *austriaFiles) { f.files["rulessig"] = make([]byte, maxAustriaSignature+1) }, source.ErrTooLarge, 0, 0},
		"a rule too large": {func(f *austriaFiles) {
			rules(f, [2]string{id, strings.Replace(rule, `"Logic"`, `"X":"`+strings.Repeat("x", source.MaxRuleSize)+`","Logic"`, 1)})
		}, source.ErrTooLarge, 0, 0},
		"the sets are not there": {func(f *austriaFiles) { delete(f.files, "valuesets") }, errAny, 0, 0},
	} {
		files := austriaPublished(t, d, sourcetest.Signed, sourcetest.Signed)
		test.change(files)
		h, report, err := austriaRulesOf(t, d, files.start(t)).Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
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
	files := austriaPublished(f, d, sourcetest.Signed, sourcetest.Signed)
	f.Add(files.files["rules"], files.files["rulessig"])
	f.Add(files.files["valuesets"], files.files["valuesetssig"])
	other := cmsAnchors(f, sourcetest.Domain(f, 0).Signer.PublicPEM())
	f.Fuzz(func(t *testing.T, document, signature []byte) {
		for _, form := range []austriaForm{austriaRuleFile, austriaSetFile, austriaTrustList} {
			if _, err := openAustriaSignature(signature, form, other); err == nil {
				t.Fatal("authentic")
			}
		}
		r := newRulesReader()
		if err := readAustriaRules(r, document); err == nil {
			checkRulesReader(t, r)
		}
		r = newRulesReader()
		if err := readAustriaSets(r, document); err == nil {
			checkRulesReader(t, r)
		}
	})
}

// checkRulesReader says what must hold of all that was read: it is bounded, can be stored and compiled, and comes back.
func checkRulesReader(t *testing.T, r *rulesReader) {
	h := source.Holding{Rules: r.rules, ValueSets: r.sets}
	allowed := source.WholeRuleBudget
	if err := allowed.Take(h.Rules, h.ValueSets); err != nil {
		t.Fatal(err)
	}
	g := &Generation{Number: 1, Sources: map[string]Stored{"a": {Holding: h}}}
	file, err := encodeGeneration(g)
	if err != nil {
		t.Fatal(err)
	}
	again, err := decodeGeneration(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameSources(g, again); err != nil {
		t.Fatal(err)
	}
	b := compileRules([]ruledSource{{"a", &h, time.Time{}}})
	used := 0
	for _, body := range r.rules {
		if head, err := readRuleHead(body); err != nil {
			t.Fatal(err)
		} else if head.used() {
			used++
		}
	}
	if b.rules.Len() > used {
		t.Fatalf("%d rules of %d", b.rules.Len(), used)
	}
	if used > 0 && b.rules.Len() == 0 {
		t.Fatal("rules got lost")
	}
}
