package trustsync

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// ruledBy is what a source of that name gave.
func ruledBy(name string, rules ...[]byte) ruledSource {
	return ruledSource{name, &Holding{Rules: rules}, time.Time{}}
}

func withSet(g ruledSource, id, text string) ruledSource {
	h := *g.held
	h.ValueSets = append(slices.Clone(h.ValueSets), ValueSet{ID: id, JSON: []byte(text)})
	g.held = &h
	return g
}

// What several sources say together, asked of the verifier.
func TestRulebookUnion(t *testing.T) {
	signer := newPassSigner(t, "XX")
	signers, _, err := ReadDirectory(signer.directory)
	if err != nil {
		t.Fatal(err)
	}
	pass := signer.pass(t, vaccinated)
	in := func(set string) string {
		return `{"in":[{"var":"payload.v.0.mp"},{"var":"external.valueSets.` + set + `"}]}`
	}
	regional := func(logic string) []byte {
		return bytes.Replace(sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", logic), []byte(`"Country"`), []byte(`"Region":"NG","Country"`), 1)
	}
	invalidation := func(rule []byte) []byte { return bytes.Replace(rule, []byte("Acceptance"), []byte("Invalidation"), 1) }
	spaced := bytes.ReplaceAll(sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes), []byte(","), []byte(" ,\n"))
	long := "GR-XX-" + strings.Repeat("1", 34)
	for name, test := range map[string]struct {
		given  []ruledSource
		rules  int
		want   verify.Reason
		faults []string // a part of each
	}{
		"one":                        {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes))}, 1, verify.Accepted, nil},
		"the same of two":            {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), ruledBy("b", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes))}, 1, verify.Accepted, nil},
		"the same in other words":    {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), ruledBy("b", spaced)}, 1, verify.Accepted, nil},
		"two rules of two":           {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), ruledBy("b", sourcetest.RuleText("GR-XX-0002", "1.0.0", "XX", sourcetest.No))}, 2, verify.RuleFailed, nil},
		"a newer version":            {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No)), ruledBy("b", sourcetest.RuleText("GR-XX-0001", "1.0.1", "XX", sourcetest.Yes))}, 2, verify.Accepted, nil},
		"they differ":                {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), ruledBy("b", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No))}, 2, verify.RuleFailed, []string{"rule GR-XX-0001 1.0.0 of XX: sources a and b differ; both count"}},
		"the other way round":        {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No)), ruledBy("b", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes))}, 2, verify.RuleFailed, []string{"differ; both count"}},
		"they differ, both pass":     {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), ruledBy("b", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", `{"===":[2,2]}`))}, 2, verify.Accepted, []string{"differ"}},
		"for a region":               {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes), regional(sourcetest.No))}, 2, verify.Accepted, nil},
		"invalidation, for a region": {[]ruledSource{ruledBy("a", invalidation(sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), invalidation(regional(sourcetest.No)))}, 2, verify.RuleFailed, []string{"differ"}},
		"in one source":              {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes), sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No))}, 2, verify.RuleFailed, []string{"sources a and a differ"}},
		"three ways":                 {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes)), ruledBy("b", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", `{"===":[2,2]}`)), ruledBy("c", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No))}, 3, verify.RuleFailed, []string{"differ", "differ"}},
		"under the longest name":     {[]ruledSource{ruledBy("a", sourcetest.RuleText(long, "1.0.0", "XX", sourcetest.Yes)), ruledBy("b", sourcetest.RuleText(long, "1.0.0", "XX", `{"===":[2,2]}`))}, 1, verify.RuleOpen, []string{"differ", long}},
		"it does not compile":        {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", `{"nonsense":[1]}`))}, 1, verify.RuleOpen, []string{"rule GR-XX-0001 of XX"}},
		"a window that is none":      {[]ruledSource{ruledBy("a", bytes.Replace(sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes), []byte("2050-"), []byte("x"), 1))}, 1, verify.RuleOpen, []string{"ValidTo"}},
		"a type of no use":           {[]ruledSource{ruledBy("a", bytes.Replace(sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No), []byte("Acceptance"), []byte("Mask"), 1))}, 0, verify.RulesUnavailable, nil},
		"another country":            {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-FR-0001", "1.0.0", "FR", sourcetest.Yes))}, 1, verify.RulesUnavailable, nil},
		"a value set":                {[]ruledSource{withSet(ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", in("v"))), "v", `["EU/1/20/1528"]`)}, 1, verify.Accepted, nil},
		"a value set of another":     {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", in("v"))), withSet(ruledBy("b"), "v", `["EU/1/20/1528"]`)}, 1, verify.Accepted, nil},
		"the same set in both forms": {[]ruledSource{withSet(ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", in("v"))), "v", `["b","EU/1/20/1528","b"]`), withSet(ruledBy("b"), "v", `{"valueSetId":"v","valueSetValues":{"EU/1/20/1528":{},"b":{}}}`)}, 1, verify.Accepted, nil},
		"sets that differ":           {[]ruledSource{withSet(ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", in("v"))), "v", `["a","EU/1/20/1528"]`), withSet(ruledBy("b"), "v", `["a"]`)}, 1, verify.RuleFailed, []string{"value set v: sources a and b differ; only codes that both have count"}},
		"and both have it":           {[]ruledSource{withSet(ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", in("v"))), "v", `["a","EU/1/20/1528"]`), withSet(ruledBy("b"), "v", `["b","EU/1/20/1528"]`)}, 1, verify.Accepted, []string{"differ"}},
		"no such set":                {[]ruledSource{ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", in("v")))}, 1, verify.RuleOpen, nil},
		"a set that is none":         {[]ruledSource{withSet(ruledBy("a", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", in("v"))), "v", `[1]`)}, 1, verify.RuleOpen, []string{"value set v of source a"}},
	} {
		b := compileRules(test.given)
		trust := verify.NewTrust(DSCs(signers)).WithRules(b.rules)
		v := verify.New(verify.Policy{Arrival: "XX", RulesRequire: true})
		if got := v.Verify(pass, trust, sourcetest.Now).Reason(); got != test.want || b.rules.Len() != test.rules {
			t.Errorf("%s: %v, want %v; %v; %v", name, got, test.want, b.rules, b.faults)
		}
		ok := len(b.faults) == len(test.faults)
		for i := range min(len(b.faults), len(test.faults)) {
			ok = ok && strings.Contains(b.faults[i], test.faults[i])
		}
		if !ok {
			t.Errorf("%s: %q, want %q", name, b.faults, test.faults)
		}
	}
}

// All that is judged by is vouched for by somebody who is not too old.
func TestRulebookFresh(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	one, two := sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes), sourcetest.RuleText("GR-XX-0002", "1.0.0", "XX", sourcetest.Yes)
	until := func(g ruledSource, end time.Time) ruledSource { g.until = end; return g }
	for name, test := range map[string]struct {
		given []ruledSource
		want  time.Time
	}{
		"none":                     {nil, time.Time{}},
		"for ever":                 {[]ruledSource{ruledBy("a", one)}, time.Time{}},
		"one":                      {[]ruledSource{until(ruledBy("a", one), at(1))}, at(1)},
		"both have it":             {[]ruledSource{until(ruledBy("a", one), at(1)), until(ruledBy("b", one), at(2))}, at(2)},
		"both, one for ever":       {[]ruledSource{until(ruledBy("a", one), at(1)), ruledBy("b", one)}, time.Time{}},
		"each has one":             {[]ruledSource{until(ruledBy("a", one), at(2)), until(ruledBy("b", two), at(1))}, at(1)},
		"each has one, one stays":  {[]ruledSource{ruledBy("a", one), until(ruledBy("b", two), at(1))}, at(1)},
		"one has both":             {[]ruledSource{until(ruledBy("a", one, two), at(2)), until(ruledBy("b", two), at(1))}, at(2)},
		"sets that differ":         {[]ruledSource{until(withSet(ruledBy("a", one), "v", `["a"]`), at(3)), until(withSet(ruledBy("b", one), "v", `["b"]`), at(1))}, at(1)},
		"sets that are the same":   {[]ruledSource{until(withSet(ruledBy("a", one), "v", `["a"]`), at(3)), until(withSet(ruledBy("b", one), "v", `["a"]`), at(1))}, at(3)},
		"rules that differ":        {[]ruledSource{until(ruledBy("a", one), at(3)), until(ruledBy("b", sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No)), at(1))}, at(1)},
		"a set and nothing else":   {[]ruledSource{ruledBy("a", one), until(withSet(ruledBy("b"), "v", `["a"]`), at(1))}, at(1)},
		"of no use, and not asked": {[]ruledSource{ruledBy("a", one), until(ruledBy("b", bytes.Replace(two, []byte("Acceptance"), []byte("Mask"), 1)), at(1))}, time.Time{}},
	} {
		b := compileRules(test.given)
		if got := b.freshUntil(test.given); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
	var many []ruledSource
	for i := range 65 {
		many = append(many, until(ruledBy(fmt.Sprint(i), sourcetest.RuleText(fmt.Sprintf("GR-XX-%04d", i), "1.0.0", "XX", sourcetest.Yes)), at(30)))
	}
	if b := compileRules(many); !b.freshUntil(many).Equal(neverFresh) {
		t.Error("more sources than bits")
	}
}

// ruleFile writes rules into a directory of their own.
func ruleFile(t testing.TB, rules ...[]byte) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "rules.json")
	if err := os.WriteFile(path, slices.Concat([]byte("["), bytes.Join(rules, []byte(",")), []byte("]")), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func namedSource(t testing.TB, c SourceConfig) Named {
	t.Helper()
	n, err := NewSource(c)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Rules vouch for no key, keys for no rule; rules that are missing or too old are unavailable.
func TestRulesAvailable(t *testing.T) {
	signer := newPassSigner(t, "XX")
	pass := signer.pass(t, vaccinated)
	good := ruleFile(t, sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes))
	bad := ruleFile(t, sourcetest.RuleText("GR-XX-0002", "1.0.0", "XX", sourcetest.No))
	keys := namedSource(t, SourceConfig{Name: "keys", Kind: directory.Kind, Path: signer.directory})
	source := func(name, path string, age time.Duration) Named {
		return namedSource(t, SourceConfig{Name: name, Kind: directory.KindRules, Path: path, MaxAge: age})
	}
	for name, test := range map[string]struct {
		sources  []Named
		later    time.Duration
		required verify.Reason
		optional verify.Reason
	}{
		"keys alone":           {[]Named{keys}, 0, verify.RulesUnavailable, verify.Accepted},
		"rules alone":          {[]Named{source("a", good, 0)}, 0, verify.NoTrust, verify.NoTrust},
		"both":                 {[]Named{source("a", good, 0), keys}, 1000 * time.Hour, verify.Accepted, verify.Accepted},
		"rules that refuse":    {[]Named{keys, source("a", bad, 0)}, 0, verify.RuleFailed, verify.RuleFailed},
		"just not too old":     {[]Named{keys, source("a", good, time.Hour)}, time.Hour, verify.Accepted, verify.Accepted},
		"too old":              {[]Named{keys, source("a", good, time.Hour)}, time.Hour + time.Second, verify.RulesUnavailable, verify.Accepted},
		"too old, they refuse": {[]Named{keys, source("a", bad, time.Hour)}, time.Hour + time.Second, verify.RulesUnavailable, verify.RuleFailed},
		"one of two too old":   {[]Named{keys, source("a", good, time.Hour), source("b", bad, 2*time.Hour)}, time.Hour + time.Second, verify.RulesUnavailable, verify.RuleFailed},
		"one of two missing":   {[]Named{keys, source("a", good, 0), source("b", "/nowhere", 0)}, 0, verify.RulesUnavailable, verify.Accepted},
		"the only one missing": {[]Named{keys, source("b", "/nowhere", 0)}, 0, verify.RulesUnavailable, verify.Accepted},
	} {
		clock := &byTheHand{}
		clock.Store(sourcetest.Now.Unix())
		y := New(Config{Sources: test.sources}, clock, nil, slog.New(slog.DiscardHandler))
		if y.Current() != nil {
			t.Fatalf("%s: trust before anything was asked", name)
		}
		y.Once(t.Context())
		for require, want := range map[bool]verify.Reason{true: test.required, false: test.optional} {
			v := verify.New(verify.Policy{Arrival: "XX", RulesRequire: require})
			if got := v.Verify(pass, y.Current(), sourcetest.Now.Add(test.later)).Reason(); got != want {
				t.Errorf("%s, required %t: %v, want %v; %+v", name, require, got, want, y.State())
			}
		}
	}
}

// A source whose file goes bad keeps what it gave, also over a restart, and says so.
func TestRulesKept(t *testing.T) {
	signer := newPassSigner(t, "XX")
	path := ruleFile(t, sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.No), sourcetest.RuleText("GR-XX-0002", "1.0.0", "XX", `{"nonsense":[]}`))
	c := Config{Sources: []Named{
		namedSource(t, SourceConfig{Name: "keys", Kind: directory.Kind, Path: signer.directory}),
		namedSource(t, SourceConfig{Name: "rules", Kind: directory.KindRules, Path: path}),
	}}
	dir := t.TempDir()
	clock := &byTheHand{}
	clock.Store(sourcetest.Now.Unix())
	var log bytes.Buffer
	y := New(c, clock, openStore(t, dir), slog.New(slog.NewTextHandler(&log, nil)))
	y.Once(t.Context())
	for range 3 {
		y.Once(t.Context())
	}
	state := y.State()
	if state.Rules != 2 || len(state.RuleFaults) != 1 || !strings.Contains(state.RuleFaults[0], "GR-XX-0002") || state.Sources[1].Rules != 2 || state.Sources[1].Added != 2 {
		t.Errorf("%+v", state)
	}
	if n := strings.Count(log.String(), "a rule or value set cannot be used as it is"); n != 1 {
		t.Errorf("said %d times:\n%s", n, &log)
	}
	if !slices.Equal(state.Sources[1].Changes, []string{"new: rule GR-XX-0001 1.0.0", "new: rule GR-XX-0002 1.0.0"}) {
		t.Errorf("%q", state.Sources[1].Changes)
	}
	if err := os.WriteFile(path, []byte(`[{"Identifier":"GR-XX-0001"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	y.Once(t.Context())
	v := verify.New(verify.Policy{Arrival: "XX", RulesRequire: true})
	pass := signer.pass(t, vaccinated)
	again := New(c, clock, openStore(t, dir), slog.New(slog.DiscardHandler))
	for name, y := range map[string]*Syncer{"goes on": y, "restarted": again} {
		if got := v.Verify(pass, y.Current(), sourcetest.Now); got.Reason() != verify.RuleFailed {
			t.Errorf("%s: %v", name, got.Reason())
		}
	}
	if state := y.State().Sources[1]; !strings.Contains(state.Error, "rules.json") || state.Rules != 2 {
		t.Errorf("%+v", state)
	}
	// The store judges what is authentic, and no more.
	loaded, err := Load(dir, sourcetest.Now)
	if err != nil || loaded.Trust.Len() != 1 || loaded.Trust.Rules().Len() != 0 {
		t.Errorf("%v, %v", err, loaded.Trust.Rules())
	}
}

// Rules are compiled once per change, not once per publication.
func TestRulebookCompiledOnce(t *testing.T) {
	signer := newPassSigner(t, "XX")
	path := ruleFile(t, sourcetest.RuleText("GR-XX-0001", "1.0.0", "XX", sourcetest.Yes))
	c := Config{Sources: []Named{
		namedSource(t, SourceConfig{Name: "keys", Kind: directory.Kind, Path: signer.directory}),
		namedSource(t, SourceConfig{Name: "rules", Kind: directory.KindRules, Path: path}),
	}}
	y := New(c, &wall{}, nil, slog.New(slog.DiscardHandler))
	y.Once(t.Context())
	first := y.book.rules
	y.Once(t.Context())
	y.Configure(c)
	if first == nil || y.book.rules != first {
		t.Error("compiled again")
	}
	if err := os.WriteFile(path, sourcetest.RuleText("GR-XX-0001", "1.0.1", "XX", sourcetest.Yes), 0o600); err != nil {
		t.Fatal(err)
	}
	y.Once(t.Context())
	if y.book.rules == first {
		t.Error("not compiled again")
	}
	if state := y.State().Sources[1]; state.Changed != 1 || state.Added != 0 || !slices.Equal(state.Changes, []string{"changed: rule GR-XX-0001 1.0.1"}) {
		t.Errorf("%+v", state)
	}
}

// Keys and rules switch together: whoever looks, while they are switched and fetched all the time, sees a matching pair.
func TestKeysAndRulesNeverMix(t *testing.T) {
	type half struct {
		config Config
		pass   []byte
	}
	var halves []half
	for _, country := range []string{"AA", "BB"} {
		signer := newPassSigner(t, country)
		halves = append(halves, half{Config{Sources: []Named{
			namedSource(t, SourceConfig{Name: "keys-" + country, Kind: directory.Kind, Path: signer.directory}),
			namedSource(t, SourceConfig{Name: "rules-" + country, Kind: directory.KindRules, Path: ruleFile(t, sourcetest.RuleText("GR-"+country+"-0001", "1.0.0", country, sourcetest.Yes))}),
		}}, unsignedPass(t, signer.kid)})
	}
	y := New(halves[0].config, &wall{}, openStore(t, t.TempDir()), slog.New(slog.DiscardHandler))
	for _, h := range halves { // each has been asked once
		y.Configure(h.config)
		y.Once(t.Context())
	}
	var looks atomic.Int64
	var seen [2]atomic.Int64
	end := time.Now().Add(time.Second)
	var parts sync.WaitGroup
	for range 2 {
		parts.Go(func() {
			v := verify.New(verify.Policy{})
			for time.Now().Before(end) {
				trust := y.Current()
				a := v.Verify(halves[0].pass, trust, time.Now()).Reason() == verify.BadSignature
				b := v.Verify(halves[1].pass, trust, time.Now()).Reason() == verify.BadSignature
				ruleA, ruleB := trust.Rules().Count(verify.Acceptance, "AA") == 1, trust.Rules().Count(verify.Acceptance, "BB") == 1
				if a == b || a != ruleA || b != ruleB || trust.Rules().Stale(time.Now()) {
					t.Errorf("keys %t %t, rules %t %t: %v", a, b, ruleA, ruleB, trust.Rules())
					return
				}
				looks.Add(1)
				if a {
					seen[0].Add(1)
				} else {
					seen[1].Add(1)
				}
			}
		})
	}
	parts.Go(func() {
		for i := 0; time.Now().Before(end); i++ {
			y.Configure(halves[i%2].config)
			if i%4 == 0 {
				y.Once(t.Context())
			}
		}
	})
	parts.Wait()
	if seen[0].Load() == 0 || seen[1].Load() == 0 {
		t.Errorf("seen %d and %d", seen[0].Load(), seen[1].Load())
	}
	t.Logf("%d looks, %d of the one and %d of the other", looks.Load(), seen[0].Load(), seen[1].Load())
}
