package trustsync

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/internal/sources/eu"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

// realDomain publishes them.
func realDomain(t testing.TB) *lists.Domain {
	t.Helper()
	d := sourcetest.Domain(t, 1)
	d.Rules, d.ValueSets = nil, sourcetest.RealValueSets(t)
	for _, body := range sourcetest.RealRules(t) {
		head, err := list.ReadRuleHead(body)
		if err != nil {
			t.Fatal(err)
		}
		d.Rules = append(d.Rules, lists.Rule{Identifier: head.Identifier, Version: head.Version, Country: head.Country, JSON: body})
	}
	return d
}

// All rules of the EU go the whole way: fetched, stored, read again, compiled, in force.
func TestRealRules(t *testing.T) {
	d := realDomain(t)
	server := &sourcetest.RuleServer{Service: sourcetest.RuleService(t, d)}
	signer := newPassSigner(t, "FR")
	c := Config{Sources: []Named{
		namedSource(t, SourceConfig{Name: "eu-rules", Kind: eu.KindRules, URLs: []string{server.Start(t)}, Anchors: d.Signer.PublicPEM()}),
		namedSource(t, SourceConfig{Name: "keys", Kind: directory.Kind, Path: signer.directory}),
	}}
	dir := t.TempDir()
	y := New(c, &wall{}, openStore(t, dir), slog.New(slog.DiscardHandler))
	begun := time.Now()
	y.Once(t.Context())
	fetched := time.Since(begun)
	state := y.State()
	if s := state.Sources[0]; s.Error != "" || s.Rules != 271 || s.ValueSets != 9 || s.Skipped != 0 || s.Added != 280 || len(server.Asked) != 282 {
		t.Fatalf("%+v, asked %d times", s, len(server.Asked))
	}
	if state.Rules != 271 || !onlyTogo(state.RuleFaults) {
		t.Errorf("%d rules, %q", state.Rules, state.RuleFaults)
	}
	if loaded, err := LoadRules(dir); err != nil || loaded.Rules.Len() != 271 || !onlyTogo(loaded.Faults) {
		t.Errorf("of the store: %v, %q, %v", loaded.Rules, loaded.Faults, err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "generation-*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	info, err := os.Stat(files[len(files)-1])
	if err != nil {
		t.Fatal(err)
	}
	begun = time.Now()
	again := New(c, &wall{}, openStore(t, dir), slog.New(slog.DiscardHandler))
	restarted := time.Since(begun)
	for name, want := range map[string]int{"FR": 21, "CZ": 38, "DE": 2} {
		got := again.Current().Rules()
		if n := got.Count(verify.Acceptance, name) + got.Count(verify.Invalidation, name); n != want {
			t.Errorf("%d rules of %s, want %d", n, name, want)
		}
	}
	held := again.kept["eu-rules"].Holding
	for i, rule := range held.Rules {
		if !bytes.Equal(rule, y.kept["eu-rules"].Holding.Rules[i]) {
			t.Fatalf("rule %d is not as it was fetched", i)
		}
	}
	moment := Moment{Time: time.Now(), Synced: true, Last: &held}
	server.Forget()
	begun = time.Now()
	if _, _, err := c.Sources[0].Fetch(t.Context(), moment); !errors.Is(err, source.ErrUnchanged) || len(server.Asked) != 2 {
		t.Errorf("again: %v, asked %d times", err, len(server.Asked))
	}
	unchanged := time.Since(begun)
	begun = time.Now()
	book := compileRules([]ruledSource{{"eu-rules", &held, time.Time{}}})
	compiled := time.Since(begun)
	size := 0
	for _, rule := range held.Rules {
		size += len(rule)
	}
	for _, set := range held.ValueSets {
		size += len(set.JSON)
	}
	t.Logf("%v: %d bytes of JSON, %d of generation; fetched with 282 requests, 280 of them of 2 ms and more, and stored in %v, nothing new in %v, restarted in %v, compiled in %v",
		book.rules, size, info.Size(), fetched.Round(time.Millisecond), unchanged.Round(time.Millisecond), restarted.Round(time.Millisecond), compiled.Round(time.Microsecond))
}

// Each of the forms carries all of them.
func TestRealRulesForms(t *testing.T) {
	d := realDomain(t)
	var given []ruledSource
	take := func(name string, h *Holding, err error) {
		t.Helper()
		if err != nil || len(h.Rules) != 271 || len(h.ValueSets) != 9 {
			t.Fatalf("%s: %v", name, err)
		}
		given = append(given, ruledSource{name, h, time.Time{}})
	}
	h, _, err := namedSource(t, SourceConfig{
		Kind: "austria_rules", URLs: []string{sourcetest.PublishAustria(t, d, sourcetest.Signed, sourcetest.Signed).Start(t)}, Anchors: d.Signer.PEM(),
	}).Fetch(t.Context(), Moment{Time: sourcetest.Now, Synced: true})
	take("austria", h, err)
	swiss := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(sourcetest.SwitzerlandRules(t, d)) }))
	defer swiss.Close()
	h, _, err = namedSource(t, SourceConfig{Kind: "switzerland_rules", URLs: []string{swiss.URL}, Anchors: d.CSCA.PEM()}).Fetch(t.Context(), Moment{Time: sourcetest.Now, Synced: true})
	take("switzerland", h, err)
	server := &sourcetest.RuleServer{Service: sourcetest.RuleService(t, d)}
	h, _, err = namedSource(t, SourceConfig{Kind: "eu_rules", URLs: []string{server.Start(t)}, Anchors: d.Signer.PublicPEM()}).Fetch(t.Context(), Moment{Time: sourcetest.Now, Synced: true})
	take("eu", h, err)
	b := compileRules(given)
	if b.rules.Len() != 271 || b.sets != 9 || !onlyTogo(b.faults) || len(b.vouch) != 1 {
		t.Errorf("all forms together: %v, %q, %d", b.rules, b.faults, len(b.vouch))
	}
}

func BenchmarkRulesCompile(b *testing.B) {
	var h Holding
	h.Rules = sourcetest.RealRules(b)
	for _, set := range sourcetest.RealValueSets(b) {
		h.ValueSets = append(h.ValueSets, ValueSet{ID: set.ID, JSON: set.JSON})
	}
	given := []ruledSource{{"a", &h, time.Time{}}}
	b.ReportAllocs()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	book := compileRules(given)
	runtime.GC()
	runtime.ReadMemStats(&after)
	for b.Loop() {
		book = compileRules(given)
	}
	if book.rules.Len() != 271 || len(book.faults) > 0 {
		b.Fatal(book.rules, book.faults)
	}
	b.ReportMetric(float64(after.HeapAlloc)-float64(before.HeapAlloc), "live-bytes")
}

func BenchmarkStoreRules(b *testing.B) {
	var h Holding
	h.Rules = sourcetest.RealRules(b)
	g := &Generation{Number: 1, Sources: map[string]Stored{"a": {Holding: h}}}
	file, err := store.Encode(g)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := store.Decode(file); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(file)), "bytes/file")
}

// onlyTogo says whether the one rule that cannot be used is Togo's, which is for a newer engine.
func onlyTogo(faults []string) bool {
	return len(faults) == 1 && strings.HasPrefix(faults[0], "rule GR-TG-0001 of TG: is for engine")
}
