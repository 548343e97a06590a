package eu

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store/storetest"
)

func rulesSource(t testing.TB, c sources.Config) source.Source {
	t.Helper()
	open := NewRules
	if c.Kind == KindGermanyRules {
		open = NewGermanyRules
	}
	s, err := open(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A service is asked for its lists, then for what is new, a few at a time; what comes is kept byte for byte.
func TestEURulesFetch(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	for i := range 40 {
		one := d.Rules[1]
		id := fmt.Sprintf("VR-XX-1%03d", i)
		d.Rules = append(d.Rules, lists.Rule{
			Identifier: id, Version: one.Version, Country: one.Country,
			JSON: bytes.Replace(one.JSON, []byte(one.Identifier), []byte(id), 1),
		})
	}
	server := &sourcetest.RuleServer{Service: sourcetest.RuleService(t, d)}
	src := rulesSource(t, sources.Config{URLs: []string{server.Start(t)}, Anchors: d.Signer.PublicPEM()})
	var reached [2]int
	now := source.Moment{Time: sourcetest.Now, Synced: true, Progress: func(done, total int) { reached = [2]int{done, total} }}
	h, report, err := src.Fetch(t.Context(), now)
	if err != nil || len(h.Rules) != 46 || len(h.ValueSets) != 2 || report.Loaded != 46 || len(report.Skipped) != 0 || len(server.Asked) != 50 {
		t.Fatalf("%v, %+v, asked %d times", err, report, len(server.Asked))
	}
	if most := server.Most.Load(); most < 2 || most > ruleAskers {
		t.Errorf("%d requests at a time", most)
	}
	if reached != [2]int{48, 48} {
		t.Errorf("progress %v", reached)
	}
	for _, rule := range d.Rules {
		if !slices.ContainsFunc(h.Rules, func(body []byte) bool { return bytes.Equal(body, rule.JSON) }) {
			t.Errorf("rule %s is not there as it was", rule.Identifier)
		}
	}
	if !slices.ContainsFunc(h.ValueSets, func(s source.ValueSet) bool {
		return s.ID == d.ValueSets[0].ID && bytes.Equal(s.JSON, d.ValueSets[0].JSON)
	}) {
		t.Error("a value set is not there as it was")
	}

	server.Forget()
	now.Last = h
	if _, _, err := src.Fetch(t.Context(), now); !errors.Is(err, source.ErrUnchanged) || !slices.Equal(server.Asked, []string{"/rules", "/valuesets"}) {
		t.Errorf("again: %v, asked for %v", err, server.Asked)
	}
	server.Forget()
	d.SetRule(lists.Rule{Identifier: "VR-XX-0001", Version: "1.0.1", Country: "XX", JSON: bytes.Replace(d.Rules[1].JSON, []byte(`"Version":"1.0.0"`), []byte(`"Version":"1.0.1"`), 1)})
	d.Rules = d.Rules[:45]
	server.Service = sourcetest.RuleService(t, d)
	changed, _, err := src.Fetch(t.Context(), now)
	if err != nil || len(changed.Rules) != 45 || len(server.Asked) != 3 || len(h.Rules) != 46 {
		t.Errorf("one changed, one gone: %v, asked for %v", err, server.Asked)
	}

	// An older list that is replayed cannot be told from a new one.
	d.Rules = d.Rules[:4]
	server.Service, now.Last = sourcetest.RuleService(t, d), changed
	if old, _, err := src.Fetch(t.Context(), now); err != nil || len(old.Rules) != 4 {
		t.Errorf("replay: %v", err)
	}
}

// What came before a failure is not asked for again, and nothing is in force before all is there.
func TestEURulesResume(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	server := &sourcetest.RuleServer{Service: sourcetest.RuleService(t, d)}
	bodies := 0
	server.Fail = func(path string) bool {
		if strings.Count(path, "/") < 2 {
			return false
		}
		bodies++
		return bodies > 5
	}
	src := rulesSource(t, sources.Config{URLs: []string{server.Start(t)}, Anchors: d.Signer.PublicPEM()})
	h, _, err := src.Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
	var status *fetch.StatusError
	if h != nil || !errors.As(err, &status) {
		t.Fatalf("%v, %v", h, err)
	}
	server.Forget()
	server.Fail = nil
	h, _, err = src.Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
	if err != nil || len(h.Rules) != 6 || len(server.Asked) >= 2+8 || len(server.Asked) < 2+3 { // what was under way when one failed may be lost
		t.Errorf("%v, asked for %v", err, server.Asked)
	}
}

func TestEURulesCountries(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	for _, one := range []struct {
		countries []string
		rules     int // with the one invalidation rule
		skipped   string
	}{
		{nil, 6, ""},
		{[]string{"XX"}, 5, ""},
		{[]string{"GR"}, 2, ""},
		{[]string{"el"}, 2, ""},
		{[]string{"xx", "EL"}, 6, ""},
		{[]string{"FR"}, 1, "country FR"},
		{[]string{"XX", "FR"}, 5, "country FR"},
	} {
		server := &sourcetest.RuleServer{Service: sourcetest.RuleService(t, d)}
		src := rulesSource(t, sources.Config{URLs: []string{server.Start(t)}, Anchors: d.Signer.PublicPEM(), Countries: one.countries})
		h, report, err := src.Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
		if err != nil || len(h.Rules) != one.rules || (len(report.Skipped) > 0) != (one.skipped != "") {
			t.Errorf("%v: %v, %+v", one.countries, err, report)
		} else if one.skipped != "" && report.Skipped[0].Name != one.skipped {
			t.Errorf("%v: %+v", one.countries, report)
		}
	}
}

// Types that are of no use to a gate are kept, so that they are not asked for again, and named.
func TestGermanyRulesTypes(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	one := d.Rules[1]
	d.SetRule(lists.Rule{Identifier: one.Identifier, Version: one.Version, Country: one.Country, JSON: bytes.Replace(one.JSON, []byte(`"Acceptance"`), []byte(`"ImpfstatusBZwei"`), 1)})
	server := &sourcetest.RuleServer{Service: sourcetest.RuleService(t, d)}
	src := rulesSource(t, sources.Config{Kind: KindGermanyRules, URLs: []string{server.Start(t)}, Anchors: d.Signer.PublicPEM()})
	h, report, err := src.Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
	if err != nil || len(h.Rules) != 6 || report.Loaded != 5 || len(report.Skipped) != 1 || !errors.Is(report.Skipped[0].Err, list.ErrRuleType) || report.Skipped[0].Name != "rule VR-XX-0001 1.0.0" {
		t.Fatalf("%v, %+v", err, report)
	}
	storetest.CheckRules(t, h.Rules, h.ValueSets)
	if traits := src.Traits(); traits.Kind != KindGermanyRules || !traits.Rules || traits.Age != source.AgeObserved || traits.Rollback {
		t.Errorf("%+v", traits)
	}
}

// replaceRule has the first listed rule of the domain answered with another body, under its right hash unless the list says otherwise.
func replaceRule(s *lists.RuleService, d *lists.Domain, change func(old string) string) {
	old := d.Rules[0].JSON
	body := []byte(change(string(old)))
	before, after := sha256.Sum256(old), sha256.Sum256(body)
	s.SetBody("/rules", bytes.Replace(s.Body("/rules"), []byte(hex.EncodeToString(before[:])), []byte(hex.EncodeToString(after[:])), 1))
	s.SetBody("/rules/XX/"+hex.EncodeToString(after[:]), body)
}

// Whatever is wrong with one part, nothing of the answer counts.
func TestEURulesRefused(t *testing.T) {
	in := func(old, new string) func(*lists.RuleService, *lists.Domain) { // a rule, under its hash
		return func(s *lists.RuleService, d *lists.Domain) {
			replaceRule(s, d, func(text string) string {
				if !strings.Contains(text, old) {
					panic(old)
				}
				return strings.Replace(text, old, new, 1)
			})
		}
	}
	list := func(path, old, new string) func(*lists.RuleService, *lists.Domain) {
		return func(s *lists.RuleService, _ *lists.Domain) {
			if !bytes.Contains(s.Body(path), []byte(old)) {
				panic(old)
			}
			s.SetBody(path, bytes.Replace(s.Body(path), []byte(old), []byte(new), 1))
		}
	}
	bodyPath := func(d *lists.Domain) string {
		sum := sha256.Sum256(d.Rules[0].JSON)
		return "/rules/XX/" + hex.EncodeToString(sum[:])
	}
	setPath := func(d *lists.Domain) string {
		sum := sha256.Sum256(d.ValueSets[0].JSON)
		return "/valuesets/" + hex.EncodeToString(sum[:])
	}
	for name, test := range map[string]struct {
		change   func(*lists.RuleService, *lists.Domain)
		want     error
		says     string
		unpinned bool // it is not refused where no key is pinned
	}{
		"rules not signed":       {func(s *lists.RuleService, _ *lists.Domain) { s.Unsign("/rules") }, source.ErrNotAuthentic, "no X-SIGNATURE", true},
		"value sets not signed":  {func(s *lists.RuleService, _ *lists.Domain) { s.Unsign("/valuesets") }, source.ErrNotAuthentic, "no X-SIGNATURE", true},
		"a rule not signed":      {func(s *lists.RuleService, d *lists.Domain) { s.Unsign(bodyPath(d)) }, source.ErrNotAuthentic, "no X-SIGNATURE", true},
		"a value set not signed": {func(s *lists.RuleService, d *lists.Domain) { s.Unsign(setPath(d)) }, source.ErrNotAuthentic, "no X-SIGNATURE", true},
		"another body":           {func(s *lists.RuleService, d *lists.Domain) { s.SetBody(bodyPath(d), d.Rules[1].JSON) }, source.ErrNotAuthentic, "its hash is ", false},
		"a space more in a body": {func(s *lists.RuleService, d *lists.Domain) {
			s.SetBody(bodyPath(d), append([]byte(" "), d.Rules[0].JSON...))
		}, source.ErrNotAuthentic, "its hash is ", false},
		"another value set": {func(s *lists.RuleService, d *lists.Domain) { s.SetBody(setPath(d), d.ValueSets[1].JSON) }, source.ErrNotAuthentic, "its hash is ", false},
		"a body too large":  {in(`"Logic"`, `"Padding":"`+strings.Repeat("x", source.MaxRuleSize)+`","Logic"`), source.ErrTooLarge, "", false},
		"a list too large": {func(s *lists.RuleService, _ *lists.Domain) {
			s.SetBody("/rules", bytes.Repeat([]byte(" "), maxRulesList+1))
		}, source.ErrTooLarge, "", false},
		"too many rules":         {func(s *lists.RuleService, _ *lists.Domain) { s.SetBody("/rules", manyRules(source.MaxRules+1)) }, source.ErrTooLarge, "more than 10000 entries", false},
		"a name twice in a body": {in(`"Logic"`, `"Version":"1.0.0","Logic"`), source.ErrMalformed, `two of "Version"`, false},
		"in another case":        {in(`"Logic"`, `"version":"1.0.0","Logic"`), source.ErrMalformed, `two of "Version"`, false},
		"twice in its logic":     {in(`"if":[`, `"if":[true,true,true],"if":[`), source.ErrMalformed, `two of "if"`, false},
		"a name twice in a list": {list("/rules", `"version"`, `"version":"9.9.9","version"`), source.ErrMalformed, `two of "version"`, false},
		"not JSON":               {in(`{`, `<`), source.ErrMalformed, "not a rule", false},
		"cut short": {func(s *lists.RuleService, d *lists.Domain) {
			replaceRule(s, d, func(t string) string { return t[:len(t)-1] })
		}, source.ErrMalformed, "not a rule", false},
		"not UTF-8": {in("The disease", "The\xff disease"), source.ErrMalformed, "not UTF-8", false},
		"an array": {func(s *lists.RuleService, d *lists.Domain) {
			replaceRule(s, d, func(t string) string { return "[" + t + "]" })
		}, source.ErrMalformed, "not a rule", false},
		"no logic":                 {in(`"Logic"`, `"Lodgic"`), source.ErrMalformed, "no logic", false},
		"no type":                  {in(`"Acceptance"`, `""`), source.ErrMalformed, "no version or type", false},
		"a number for a version":   {in(`"Version":"1.0.0"`, `"Version":7`), source.ErrMalformed, "a number where it does not belong", false},
		"another identifier":       {in(`GR-XX-0001`, `GR-XX-0002`), source.ErrMalformed, "it calls itself GR-XX-0002 1.0.0 of XX", false},
		"another country":          {in(`"Country":"XX"`, `"Country":"FR"`), source.ErrMalformed, "it calls itself GR-XX-0001 1.0.0 of FR", false},
		"another version":          {in(`"Version":"1.0.0"`, `"Version":"1.0.1"`), source.ErrMalformed, "it calls itself GR-XX-0001 1.0.1 of XX", false},
		"no country":               {in(`"Country":"XX"`, `"Country":"XXX"`), source.ErrMalformed, `country "XXX"`, false},
		"deep":                     {in(`"AffectedFields"`, `"X":`+strings.Repeat("[", 1000)+strings.Repeat("]", 1000)+`,"AffectedFields"`), source.ErrTooLarge, "nested", false},
		"a set of another id":      {list("/valuesets", `"disease-agent-targeted"`, `"disease-agent"`), source.ErrMalformed, `it calls itself "disease-agent-targeted"`, false},
		"a list of sets as rules":  {func(s *lists.RuleService, _ *lists.Domain) { s.SetBody("/rules", s.Body("/valuesets")) }, source.ErrMalformed, "entry 1: identifier", false},
		"a hash too short":         {list("/rules", `"hash":"`, `"hash":"00","hush":"`), source.ErrMalformed, "not the hexadecimal digits", false},
		"a path for a hash":        {list("/rules", `"hash":"`, `"hash":"../../publickey","hush":"`), source.ErrMalformed, "not the hexadecimal digits", false},
		"a path for a country":     {list("/rules", `"country":"EL"`, `"country":"../x"`), source.ErrMalformed, `country "../x"`, false},
		"something follows a list": {list("/rules", `]`, `] 1`), source.ErrMalformed, "", false},
		"a list of null":           {func(s *lists.RuleService, _ *lists.Domain) { s.SetBody("/rules", []byte("null")) }, source.ErrMalformed, "", false},
		"an empty list":            {func(s *lists.RuleService, _ *lists.Domain) { s.SetBody("/rules", []byte("[]")) }, source.ErrImplausible, "not one rule", false},
		"a listed body is missing": {list("/rules", `"hash":"`, `"hash":"`+strings.Repeat("0", 64)+`","hush":"`), nil, "status 404", false},
	} {
		d := sourcetest.Domain(t, 0)
		service := sourcetest.RuleService(t, d)
		test.change(service, d)
		for _, pinned := range []bool{true, false} {
			src := newRulesServiceUnsigned(t, d, (&sourcetest.RuleServer{Service: service}).Start(t), pinned)
			h, _, err := src.Fetch(t.Context(), source.Moment{Time: sourcetest.Now, Synced: true})
			if !pinned && test.unpinned {
				if err != nil || len(h.Rules) != 6 {
					t.Errorf("%s, unpinned: %v", name, err)
				}
				continue
			}
			if h != nil || err == nil || test.want != nil && !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s, pinned %t: %v, want %v: %s", name, pinned, err, test.want, test.says)
			}
		}
	}
}

// newRulesServiceUnsigned is a source that may ask without TLS and without a pinned key, which no configuration gives.
func newRulesServiceUnsigned(t *testing.T, d *lists.Domain, url string, pinned bool) source.Source {
	t.Helper()
	source := rulesSource(t, sources.Config{URLs: []string{url}, Anchors: d.Signer.PublicPEM()})
	if !pinned {
		source.(*rulesService).anchors = pki.Anchors{}
	}
	return source
}

func manyRules(n int) []byte {
	one := `{"identifier":"GR-XX-0001","version":"1.0.0","country":"XX","hash":"` + strings.Repeat("0", 64) + `"}`
	return []byte("[" + strings.Repeat(one+",", n-1) + one + "]")
}

func TestEURulesSignature(t *testing.T) {
	d, other := sourcetest.Domain(t, 0), sourcetest.Domain(t, 0)
	body := []byte(`[{"id":"x"}]`)
	good, err := lists.SignRules(d.Signer, body)
	if err != nil {
		t.Fatal(err)
	}
	s := rulesSource(t, sources.Config{URLs: []string{"https://x/"}, Anchors: append(other.Signer.PEM(), d.Signer.PEM()...)}).(*rulesService)
	verify := func(signature string, body []byte) error {
		return s.verify(&fetch.Response{Header: http.Header{"X-Signature": {signature}}, Body: body})
	}
	if err := verify(good, body); err != nil {
		t.Error(err)
	}
	raw := []byte(good)
	for i := range raw {
		flipped := bytes.Clone(raw)
		flipped[i] ^= 1
		if err := verify(string(flipped), body); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("byte %d: %v", i, err)
		}
	}
	for i := range body {
		flipped := bytes.Clone(body)
		flipped[i] ^= 1
		if err := verify(good, flipped); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("body, byte %d: %v", i, err)
		}
	}
	for _, wrong := range []string{"", "x", good + "=", good[:len(good)-4], " " + good} {
		if err := verify(wrong, body); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	stranger, err := lists.SignRules(sourcetest.Domain(t, 0).Signer, body)
	if err != nil {
		t.Fatal(err)
	}
	if err := verify(stranger, body); !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("a stranger: %v", err)
	}
}

// The request ends with the context, and none is left behind.
func TestEURulesCancelled(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	server := &sourcetest.RuleServer{Service: sourcetest.RuleService(t, d)}
	ctx, cancel := context.WithCancel(t.Context())
	server.Fail = func(path string) bool {
		if strings.Count(path, "/") > 1 {
			cancel()
		}
		return false
	}
	src := rulesSource(t, sources.Config{URLs: []string{server.Start(t)}, Anchors: d.Signer.PublicPEM()})
	if h, _, err := src.Fetch(ctx, source.Moment{Time: sourcetest.Now, Synced: true}); h != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", h, err)
	}
	if n := server.Now.Load(); n > ruleAskers {
		t.Errorf("%d requests under way", n)
	}
}

// No list of rules or value sets makes its reader fail otherwise than by saying what is wrong with it.
func FuzzRulesList(f *testing.F) {
	f.Add([]byte(`[{"identifier":"GR-XX-0001","version":"1.0.0","country":"XX","hash":"` + strings.Repeat("0", 64) + `"}]`))
	f.Add([]byte(`[{"id":"x","hash":"` + strings.Repeat("0", 64) + `"}]`))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, parse := range []func(list.JSON) (listedBody, error){parseRuleEntry, parseSetEntry} {
			list, err := parseRulesList(data, 100, parse)
			if err != nil && !errors.Is(err, source.ErrMalformed) && !errors.Is(err, source.ErrTooLarge) || len(list) > 100 {
				t.Fatal(len(list), err)
			}
		}
	})
}
