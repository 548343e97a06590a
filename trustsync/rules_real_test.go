package trustsync

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// realDomain publishes them.
func realDomain(t testing.TB) *lists.Domain {
	t.Helper()
	d := sourcetest.Domain(t, 1)
	d.Rules, d.ValueSets = nil, sourcetest.RealValueSets(t)
	for _, body := range sourcetest.RealRules(t) {
		head, err := readRuleHead(body)
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
	server := &ruleServer{service: ruleServiceOf(t, d)}
	signer := newPassSigner(t, "FR")
	c := Config{Sources: []Named{
		namedSource(t, SourceConfig{Name: "eu-rules", Kind: kindEURules, URLs: []string{server.start(t)}, Anchors: d.Signer.PublicPEM()}),
		namedSource(t, SourceConfig{Name: "keys", Kind: kindDirectory, Path: signer.directory}),
	}}
	dir := t.TempDir()
	y := New(c, &wall{}, storeOpen(t, dir), slog.New(slog.DiscardHandler))
	begun := time.Now()
	y.Once(t.Context())
	fetched := time.Since(begun)
	state := y.State()
	if s := state.Sources[0]; s.Error != "" || s.Rules != 271 || s.ValueSets != 9 || s.Skipped != 0 || s.Added != 280 || len(server.asked) != 282 {
		t.Fatalf("%+v, asked %d times", s, len(server.asked))
	}
	if state.Rules != 271 || len(state.RuleFaults) != 0 {
		t.Errorf("%d rules, %q", state.Rules, state.RuleFaults)
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
	again := New(c, &wall{}, storeOpen(t, dir), slog.New(slog.DiscardHandler))
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
	server.forget()
	begun = time.Now()
	if _, _, err := c.Sources[0].Fetch(t.Context(), moment); !errors.Is(err, source.ErrUnchanged) || len(server.asked) != 2 {
		t.Errorf("again: %v, asked %d times", err, len(server.asked))
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
	h, _, err := austriaRulesOf(t, d, austriaPublished(t, d, sourcetest.Signed, sourcetest.Signed).start(t)).Fetch(t.Context(), Moment{Time: sourcetest.Now, Synced: true})
	take("austria", h, err)
	h, _, err = switzerlandOf(t, SourceConfig{Anchors: d.CSCA.PEM()}).read(switzerlandBuilt(t, d), Moment{Time: sourcetest.Now, Synced: true})
	take("switzerland", h, err)
	server := &ruleServer{service: ruleServiceOf(t, d)}
	h, _, err = rulesSource(t, SourceConfig{URLs: []string{server.start(t)}, Anchors: d.Signer.PublicPEM()}).Fetch(t.Context(), Moment{Time: sourcetest.Now, Synced: true})
	take("eu", h, err)
	b := compileRules(given)
	if b.rules.Len() != 271 || b.sets != 9 || len(b.faults) > 0 || len(b.vouch) != 1 {
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
	file, err := encodeGeneration(g)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeGeneration(file); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(file)), "bytes/file")
}
