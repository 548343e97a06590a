package verify

import (
	"maps"
	"strings"
	"testing"
	"time"

	"gatescan/verify/internal/cbor"
)

// Products of the catalogue.
const (
	yellowFeverProduct = "YellowFeverProductd8a09f80301dc05e124f99ffe7711fc0"
	polioProduct       = "PolioVaccineInactivatedIProduct087ff26057e89c006517428347dfbc3c"
)

type members = map[string]any

// changed is a copy of a map with some members set; nil takes one away.
func changed(m, change members) members {
	m = maps.Clone(m)
	for name, value := range change {
		if value == nil {
			delete(m, name)
		} else {
			m[name] = value
		}
	}
	return m
}

// day is a date so many days after that of the lab's moment, in UTC.
func (l *lab) day(days int) string { return l.now.UTC().AddDate(0, 0, days).Format(time.DateOnly) }

// The three shapes of an ICVP against yellow fever, valid since today. The first has a product of the catalogue, which none
// that was issued has.
func (l *lab) coded(person, dose members) members {
	v := members{
		"dn": "Primary", "tg": "1D47", "vp": yellowFeverProduct, "mp": "1", "ma": "HIPRA", "mid": "25", "dt": l.day(-10), "bo": "A1234",
		"vls": l.day(0), "vle": "2099-01-01", "cn": "Vacunador", "is": "ORG",
	}
	p := members{"n": "Aulo Agerio", "dob": "1905-08-23", "s": "M", "ntl": "CL", "nid": "16337361-9", "gn": "Parent/Juan Medina", "v": changed(v, dose)}
	return changed(p, person)
}

func (l *lab) brief(person, dose members) members {
	v := members{"vp": yellowFeverProduct, "dt": l.day(-10), "bo": "A1234", "vls": l.day(-10)}
	p := members{"n": "Aulo Agerio", "dob": "1905-08-23", "s": "male", "nid": "16337361-9", "ndt": "NI", "v": changed(v, dose)}
	return changed(p, person)
}

func (l *lab) model(person, dose members) members {
	vx := members{"vp": yellowFeverProduct, "dv": l.day(-10), "is": "CHL", "bo": "A1234"}
	p := members{"n": "Aulo Agerio", "dob": "1905-08-23", "s": "male", "nt": "CHL", "id": "P1234567", "dt": "PPN", "vx": changed(vx, dose), "v": "1.0.0"}
	return changed(p, person)
}

// icvpClaims are the claims of an ICVP as PH4H issues it, without exp, changed.
func (l *lab) icvpClaims(t testing.TB, document any, change map[int]any) []byte {
	claims := map[int]any{claimIssuer: "XCL", claimExpires: nil, claimHCERT: map[int]any{keyICVP: document}}
	maps.Copy(claims, change)
	return l.claims(t, claims)
}

// admitsICVP is the policy of a gate that admits ICVPs.
var admitsICVP = Policy{Kinds: SignsICVP}

func icvpProbes(t testing.TB, l *lab) (probes []probe) {
	t.Helper()
	type m = map[int]any
	issued := func(l *lab) *Trust {
		d := l.es
		d.Domain = DomainPH4H
		return NewTrust([]DSC{d})
	}
	usage := func(u Usage, d Domain) func(l *lab) *Trust {
		return func(l *lab) *Trust {
			dsc := l.es
			dsc.Usage, dsc.Domain = u, d
			return NewTrust([]DSC{dsc})
		}
	}
	add := func(name string, want Reason, document any, change ...func(*probe)) {
		p := probe{name: "ICVP: " + name, want: want, policy: admitsICVP, trust: issued, sketch: sketch{payload: l.icvpClaims(t, document, nil)}}
		for _, f := range change {
			f(&p)
		}
		probes = append(probes, p)
	}
	claims := func(document any, change m) func(*probe) {
		return func(p *probe) { p.sketch.payload = l.icvpClaims(t, document, change) }
	}
	policy := func(change func(*Policy)) func(*probe) { return func(p *probe) { change(&p.policy) } }
	trust := func(f func(l *lab) *Trust) func(*probe) { return func(p *probe) { p.trust = f } }
	asModel := policy(func(p *Policy) { p.ICVP.Complete = ICVPAsModel })
	flagged := func(p *probe) { p.name, p.policy.Tolerate = "tolerated "+p.name, ICVPVersion }
	good := l.model(nil, nil)
	long := strings.Repeat("YellowFeverProduct", 8)

	add("2024", Accepted, l.coded(nil, nil))
	add("2025", Accepted, l.brief(nil, nil))
	add("model", Accepted, good)
	add("polio, today", Accepted, l.model(nil, members{"vp": polioProduct, "dv": l.day(0)}))
	add("clinician in place of the issuer", Accepted, l.model(nil, members{"is": nil, "cn": "Dr Test"}))
	add("spaces, tags, a time", Accepted, l.model(members{"v": " 1.0.0 "}, members{"vp": " " + yellowFeverProduct, "dv": l.day(-10) + "T23:59:59Z"}))
	add("unknown members", Accepted, l.model(members{"x": m{1: 2}, strings.Repeat("long", 10): 1}, members{"x": []any{1}}))
	add("issued for life", Accepted, l.brief(nil, members{"vle": "life of person vaccinated"}))
	add("issued for life, in French", Accepted, l.brief(nil, members{"vle": "vie entière du sujet vacciné"}))
	add("last day", Accepted, l.brief(nil, members{"vle": l.day(0)}))
	add("exp a second away", Accepted, nil, claims(good, m{claimExpires: l.now.Unix() + 1}))
	add("other documents beside it", Accepted, nil, claims(nil, m{claimHCERT: m{keyICVP: good, 5: "vhlink:/x", 99: 1}}))
	add("DSC for vaccinations", Accepted, good, trust(usage(SignsVaccination, DomainICVP)))
	add("DSC with the three usages of a DCC", Accepted, good, trust(usage(SignsVaccination|SignsTest|SignsRecovery, DomainPH4H)))
	add("rules of a DCC are not for it", Accepted, good, policy(func(p *Policy) {
		p.Arrival, p.RulesRequire, p.Rules = "YY", true, ruleSet(t, nil, ruleText(t, map[string]any{"Country": "YY", "Logic": false}))
	}))
	matching := policy(func(p *Policy) { p.IssuerMatches = true })
	chile := trust(func(l *lab) *Trust {
		d := l.es
		d.Country, d.Domain = "CL", DomainPH4H
		return NewTrust([]DSC{d})
	})
	for issuer, want := range map[string]Reason{"CHL": Accepted, "chl": Accepted, "CL": Accepted, "ABW": IssuerMismatch, "ZWE": IssuerMismatch, "ZZZ": IssuerMismatch, "XCL": IssuerMismatch} {
		add("issuer "+issuer+" of a DSC of CL", want, nil, claims(good, m{claimIssuer: issuer}), matching, chile)
	}
	add("unknown version", Accepted, l.model(members{"v": "99"}, nil), flagged)

	add("kind not admitted", KindNotAllowed, good, policy(func(p *Policy) { p.Kinds = 0 }))
	add("DSC for tests", KeyUsage, good, trust(usage(SignsTest|SignsRecovery, DomainPH4H)))
	add("by a DSC of the DCC's domain", WrongDomain, good, trust(usage(0, 0)))
	add("and a DCC", NotOneEntry, nil, claims(nil, m{claimHCERT: m{keyICVP: good, keyDCC: members{"v": []any{m{}}}}}))
	add("and a DCC, the other way round, with exp", NotOneEntry, nil, claims(nil, m{claimHCERT: m{keyDCC: nil, keyICVP: nil}, claimExpires: l.expires}))
	add("iat missing", BadCWT, nil, claims(good, m{claimIssuedAt: nil}))
	add("iat to come", NotYetValid, nil, claims(good, m{claimIssuedAt: l.now.Unix() + 1}))
	add("nbf to come", NotYetValid, nil, claims(good, m{claimNotBefore: l.now.Unix() + 1}))
	add("exp passed", Expired, nil, claims(good, m{claimExpires: l.now.Unix() - 1}))
	add("exp is text", BadCWT, nil, claims(good, m{claimExpires: "never"}))
	add("of a specimen", Expired, nil, claims(good, m{claimExpires: specimenExpiry}))
	add("rules in parts are for DCCs", RulesUnavailable, good, policy(func(p *Policy) { p.Parts = []*Rules{ruleSet(t, nil)} }))

	add("text", BadDCC, "x")
	add("null", BadDCC, nil)
	add("array", BadDCC, []any{good})
	add("no dose", BadDCC, l.brief(members{"v": nil}, nil))
	add("dose is an array of one", BadDCC, l.brief(members{"v": []any{members{}}}, nil))
	add("two doses", NotOneEntry, l.model(members{"vx": []any{members{}, members{}}}, nil))
	add("dose is a number", BadDCC, l.model(members{"vx": 1}, nil))

	for _, name := range []string{"n", "dob", "s", "nt", "v"} {
		add("model without "+name, ICVPIncomplete, l.model(members{name: nil}, nil))
		add("model with empty "+name, ICVPIncomplete, l.model(members{name: " "}, nil))
	}
	for _, name := range []string{"vp", "dv", "bo", "is"} {
		add("model, dose without "+name, ICVPIncomplete, l.model(nil, members{name: nil}))
		add("model, dose with a number for "+name, ICVPIncomplete, l.model(nil, members{name: 1}))
	}
	for _, name := range []string{"n", "dob"} {
		add("2025 without "+name, ICVPIncomplete, l.brief(members{name: nil}, nil))
	}
	for _, name := range []string{"vp", "dt", "bo"} {
		add("2025, dose without "+name, ICVPIncomplete, l.brief(nil, members{name: nil}))
		add("2024, dose without "+name, ICVPIncomplete, l.coded(nil, members{name: nil}))
	}
	add("model with a dose of 2025", ICVPIncomplete, l.model(nil, members{"dv": nil, "dt": l.day(-10)}))
	add("model without its dose", ICVPIncomplete, l.model(members{"vx": nil}, nil))
	add("model whose version is a map", ICVPIncomplete, l.model(members{"v": members{"vp": yellowFeverProduct}}, nil))
	add("unknown version, as it is", ICVPIncomplete, l.model(members{"v": "99"}, nil))
	add("half a date", ICVPIncomplete, l.model(nil, members{"dv": l.day(-10)[:7]}))
	add("a day that is not in the calendar", ICVPIncomplete, l.model(nil, members{"dv": "2021-02-29"}))
	add("an end that is no date", ICVPIncomplete, l.brief(nil, members{"vle": "for life"}))
	add("2024 where the model is demanded", ICVPIncomplete, l.coded(nil, nil), asModel)
	add("2025 where the model is demanded", ICVPIncomplete, l.brief(nil, nil), asModel)
	add("the model where it is demanded", Accepted, good, asModel)

	add("product of no catalogue", ICVPProduct, l.model(nil, members{"vp": "YellowFeverProduct00000000000000000000000000000000"}))
	add("product as a code of ICD-11", ICVPProduct, l.coded(nil, members{"vp": "XM0N24"}))
	add("product of 144 bytes", ICVPProduct, l.model(nil, members{"vp": long}))
	add("against polio, where yellow fever is asked for", ICVPProduct, l.model(nil, members{"vp": polioProduct}), policy(func(p *Policy) { p.ICVP.Diseases = YellowFever }))
	add("against yellow fever, where it is asked for", Accepted, good, policy(func(p *Policy) { p.ICVP.Diseases = YellowFever }))

	add("day nine", ICVPTooEarly, l.model(nil, members{"dv": l.day(-9)}))
	add("day nine of 2025", ICVPTooEarly, l.brief(nil, members{"dt": l.day(-9)}))
	add("day nine of 2024", ICVPTooEarly, l.coded(nil, members{"dt": l.day(-9)}))
	add("says that it begins tomorrow", ICVPTooEarly, l.brief(nil, members{"vp": polioProduct, "vls": l.day(1)}))
	add("ended yesterday", ICVPNotValid, l.brief(nil, members{"vle": l.day(-1)}))
	add("model that ended yesterday", ICVPNotValid, l.model(nil, members{"vle": l.day(-1)}))
	add("dose to come", ICVPNotValid, l.model(nil, members{"vp": polioProduct, "dv": l.day(1)}))
	add("dose later than the issue", ICVPNotValid, nil, claims(l.model(nil, members{"vp": polioProduct, "dv": l.day(0)}), m{claimIssuedAt: l.now.Unix() - 86400}))

	for name, document := range map[string]m{"DDCC": {3: m{}}, "health link": {5: "vhlink:/x"}, "medication": {-7: m{}, 99: 1}, "DDCC of a test": {4: m{}}} {
		add(name, KindNotAllowed, nil, claims(nil, m{claimHCERT: document, claimIssuedAt: nil}))
	}
	add("DDCC of 2021", KindNotAllowed, nil, func(p *probe) {
		p.sketch.payload = mustCBOR(t, members{"name": "Eddie Murphy", "birthDate": "1986-09-19", "vaccine": members{"code": "1119349007"}})
	})
	add("texts for keys, and no name", BadDCC, nil, func(p *probe) {
		p.sketch.payload = mustCBOR(t, map[any]any{"x": 1, claimIssuedAt: l.issuedAt, claimExpires: l.expires})
	})
	return probes
}

// A day begins and ends where the gate stands.
func TestICVPDays(t *testing.T) {
	l := newLab(t)
	l.es.Domain = DomainICVP
	noon := time.Date(2021, 12, 20, 12, 0, 0, 0, time.UTC)
	auckland, honolulu := time.FixedZone("UTC+13", 13*3600), time.FixedZone("UTC-10", -10*3600)
	for _, tc := range []struct {
		zone *time.Location
		dose string
		want Reason
	}{
		{nil, "2021-12-10", Accepted},
		{nil, "2021-12-11", ICVPTooEarly},
		{auckland, "2021-12-11", Accepted}, // the 21st there
		{auckland, "2021-12-12", ICVPTooEarly},
		{honolulu, "2021-12-10", Accepted},
	} {
		text := l.mint(t, sketch{payload: l.icvpClaims(t, l.model(nil, members{"dv": tc.dose}), nil)})
		v := New(Policy{Kinds: SignsICVP, ICVP: ICVPPolicy{Zone: tc.zone}})
		if got := v.Verify(text, l.trust(), noon); got.Reason() != tc.want {
			t.Errorf("%v, dose %s: %v, want %v", tc.zone, tc.dose, got.Reason(), tc.want)
		}
	}
	midnight := time.Date(2021, 12, 21, 0, 0, 0, 0, time.UTC)
	text := l.mint(t, sketch{payload: l.icvpClaims(t, l.brief(nil, members{"vle": "2021-12-20"}), nil)})
	v := New(admitsICVP)
	if got := v.Verify(text, l.trust(), midnight.Add(-time.Nanosecond)); !got.Accepted() {
		t.Errorf("the last moment of the last day: %v", got.Reason())
	}
	if got := v.Verify(text, l.trust(), midnight); got.Reason() != ICVPNotValid {
		t.Errorf("the first moment after it: %v", got.Reason())
	}
}

// The verdict names the product and its disease, also of a refusal; of a product that no catalogue has it names nothing.
func TestICVPVerdict(t *testing.T) {
	l := newLab(t)
	l.es.Domain = DomainICVP
	for _, tc := range []struct {
		dose          members
		want          Reason
		product, kind string
		rule, disease string
	}{
		{members{}, Accepted, yellowFeverProduct, "p", "", "yellow_fever"},
		{members{"vp": polioProduct}, Accepted, polioProduct, "p", "", "polio"},
		{members{"dv": l.day(0)}, ICVPTooEarly, yellowFeverProduct, "p", "ICVP-DAY-10", "yellow_fever"},
		{members{"vp": "Aulo Agerio"}, ICVPProduct, "", "p", "ICVP-PRODUCT", ""},
	} {
		v := New(admitsICVP)
		got := v.Verify(l.mint(t, sketch{payload: l.icvpClaims(t, l.model(nil, tc.dose), nil)}), l.trust(), l.now)
		if got.Reason() != tc.want || got.Product() != tc.product || got.Kind().String() != tc.kind || got.Rule() != tc.rule || got.Disease().String() != tc.disease {
			t.Errorf("%v: %v %q %v %q %v", tc.dose, got.Reason(), got.Product(), got.Kind(), got.Rule(), got.Disease())
		}
	}
}

// Whatever the members of an ICVP are, what rules see of it fits its place and is well-formed, and has nothing of the holder.
func TestICVPView(t *testing.T) {
	v := New(admitsICVP)
	long := []byte(strings.Repeat("p", 8000))
	p := icvp{product: long, dose: long[:10], from: long[:10], until: long[:10]}
	view := v.viewICVP(&p)
	var check cbor.Checker
	whole := view
	if !whole.Skip() || !whole.Done() || !check.Check(v.view[:whole.Offset()]) || whole.Offset() > maxView {
		t.Errorf("%d bytes: %x", whole.Offset(), v.view[:whole.Offset()])
	}
	vx, _ := member(view, "vx")
	for name, want := range map[string]int{"vp": maxProduct + 1, "dv": 10, "vls": 10, "vle": 10, "n": 0} {
		if got := textMember(vx, name); len(got) != want {
			t.Errorf("%s has %d bytes, want %d", name, len(got), want)
		}
	}
}

func TestIsDate(t *testing.T) {
	for text, want := range map[string]bool{
		"2024-02-29": true, "2000-02-29": true, "0000-01-01": true, "9999-12-31": true, "2026-11-30": true,
		"2023-02-29": false, "1900-02-29": false, "2026-11-31": false, "2026-00-01": false, "2026-13-01": false, "2026-01-00": false,
		"2026-1-01": false, "2026-01-1": false, "2026/01/01": false, "20260101": false, "": false, "2026-01-0a": false, "-026-01-01": false,
		"2026-01-011": false, "٢٠٢٦-01": false,
	} {
		if isDate([]byte(text)) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}

// The tables as they are printed are rules that say what the verifier says: judged as the rules of a country they refuse the
// same ICVPs.
func TestICVPTables(t *testing.T) {
	texts, sets := ICVPTables()
	if len(texts) != len(icvpReasons) || len(sets["icvp-yellow-fever"]) != 11 || len(sets["icvp-polio"]) != 49 {
		t.Fatalf("%d rules, %d and %d products", len(texts), len(sets["icvp-yellow-fever"]), len(sets["icvp-polio"]))
	}
	var rules []Rule
	reasons := map[Reason]bool{}
	for _, text := range texts {
		rule := mustRule(t, text)
		if rule.CertificateType != ICVP || rule.Country != "XX" || len(rule.Description) != 4 {
			t.Errorf("%s: %v %s %v", rule.Identifier, rule.CertificateType, rule.Country, rule.Description)
		}
		reasons[icvpReasons[rule.Identifier]] = true
		rules = append(rules, rule)
	}
	if len(reasons) != 3 || reasons[Internal] {
		t.Errorf("the tables give %v", reasons)
	}
	compiled, faults := NewRules(rules, sets)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	l := newLab(t)
	seen := 0
	for _, p := range icvpProbes(t, l) {
		if p.want != ICVPProduct && p.want != ICVPTooEarly && p.want != ICVPNotValid || strings.Contains(p.name, "asked for") {
			continue
		}
		seen++
		text := l.mint(t, p.sketch)
		want := New(p.policy).Verify(text, p.trust(l), l.now)
		p.policy.Arrival = "XX"
		if got := New(p.policy).Verify(text, p.trust(l).WithRules(compiled), l.now); got.Reason() != RuleFailed || got.Rule() != want.Rule() {
			t.Errorf("%s: %v by %q, want %q", p.name, got.Reason(), got.Rule(), want.Rule())
		}
	}
	if seen < 10 {
		t.Errorf("only %d probes", seen)
	}
}

// A catalogue may come with the snapshot's value sets; the operator's outweighs it.
func TestCatalogue(t *testing.T) {
	const mine, other = "MyProduct", "OtherProduct"
	l := newLab(t)
	l.es.Domain = DomainPH4H
	text := func(product string) []byte {
		return l.mint(t, sketch{payload: l.icvpClaims(t, l.model(nil, members{"vp": product, "dv": l.day(-1)}), nil)})
	}
	sets := func(product string) map[string][]string {
		return map[string][]string{"icvp-yellow-fever": {}, "icvp-polio": {product}, "more": {"x"}}
	}
	operator, err := NewCatalogue(sets(mine))
	if err != nil {
		t.Fatal(err)
	}
	brought, _ := NewRules(nil, sets(other))
	half, faults := NewRules(nil, map[string][]string{"icvp-polio": {other}})
	if len(faults) != 1 || !strings.Contains(faults[0].Error(), "icvp-yellow-fever is missing") {
		t.Errorf("half a catalogue: %v", faults)
	}
	for _, tc := range []struct {
		name     string
		product  string
		operator *Catalogue
		rules    *Rules
		want     Reason
	}{
		{"built in", polioProduct, nil, nil, Accepted},
		{"of no catalogue", mine, nil, nil, ICVPProduct},
		{"operator's", mine, operator, brought, Accepted},
		{"snapshot's, where the operator has one", other, operator, brought, ICVPProduct},
		{"snapshot's", other, nil, brought, Accepted},
		{"built in, where the snapshot has one", polioProduct, nil, brought, ICVPProduct},
		{"half of one in the snapshot", other, nil, half, ICVPProduct},
		{"built in, beside half of one", polioProduct, nil, half, Accepted},
	} {
		v := New(Policy{Kinds: SignsICVP, ICVP: ICVPPolicy{Catalogue: tc.operator}})
		if got := v.Verify(text(tc.product), l.trust().WithRules(tc.rules), l.now); got.Reason() != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got.Reason(), tc.want)
		}
	}
	for name, sets := range map[string]map[string][]string{
		"is missing": {"icvp-polio": {"x"}}, "icvp-polio is missing": {"icvp-yellow-fever": {"x"}}, "0 bytes": sets(""), "97 bytes": sets(strings.Repeat("x", maxProduct+1)),
	} {
		if _, err := NewCatalogue(sets); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q", err, name)
		}
	}
}

// Explain says of each rule of the tables what it found, and nothing of the holder.
func TestExplainICVP(t *testing.T) {
	l := newLab(t)
	l.es.Domain = DomainPH4H
	text := l.mint(t, sketch{payload: l.icvpClaims(t, l.brief(nil, members{"dt": l.day(-9), "vle": l.day(-1)}), nil)})
	verdict, rules := New(admitsICVP).Explain(text, l.trust(), l.now, Explain{Lang: "es"})
	if verdict.Reason() != ICVPTooEarly || verdict.Rule() != "ICVP-DAY-10" {
		t.Errorf("%v by %q", verdict.Reason(), verdict.Rule())
	}
	outcomes := map[string]string{
		"ICVP-PRODUCT": "passed", "ICVP-DOSE": "passed", "ICVP-DAY-10": "failed", "ICVP-FROM": "passed", "ICVP-UNTIL": "failed",
	}
	if len(rules) != len(outcomes) {
		t.Fatalf("%d rules", len(rules))
	}
	values := map[string]string{}
	for _, r := range rules {
		if r.Outcome.String() != outcomes[r.Identifier] || r.Description == "" || r.Description[0] == 'T' {
			t.Errorf("%s %v: %s", r.Identifier, r.Outcome, r.Description)
		}
		for _, value := range r.Values {
			values[value.Path] = string(value.JSON)
		}
	}
	for path, want := range map[string]string{
		"payload.vx.vp": `"` + yellowFeverProduct + `"`, "payload.vx.dv": `"` + l.day(-9) + `"`, "payload.vx.vle": `"` + l.day(-1) + `"`,
		"external.valueSets.icvp-yellow-fever": `"11 codes"`,
	} {
		if values[path] != want {
			t.Errorf("%s is %s, want %s", path, values[path], want)
		}
	}
}

// Whoever asks is told what an ICVP lacks: of each that is incomplete something, and never what stands in it.
func TestExplainIncompleteICVP(t *testing.T) {
	l := newLab(t)
	l.es.Domain = DomainPH4H
	want := map[string]string{
		"ICVP: model without n": "lacks n", "ICVP: model, dose without is": "lacks is or cn", "ICVP: model without v": "lacks v",
		"ICVP: model without its dose": "lacks vp, dv, bo, is or cn", "ICVP: unknown version, as it is": "lacks a version that is known",
		"ICVP: 2025 without dob": "lacks dob", "ICVP: 2025, dose without dt": "lacks dv", "ICVP: an end that is no date": "lacks full dates",
		"ICVP: half a date": "lacks dv, full dates", "ICVP: 2024 where the model is demanded": "lacks the form of WHO's model, which it precedes",
	}
	seen := 0
	for _, p := range icvpProbes(t, l) {
		if p.want != ICVPIncomplete {
			continue
		}
		verdict, rules := New(p.policy).Explain(l.mint(t, p.sketch), l.trust(), l.now, Explain{})
		if verdict.Reason() != ICVPIncomplete || len(rules) != 1 || rules[0].Identifier != "ICVP-COMPLETE" || !strings.HasPrefix(rules[0].Why, "lacks ") {
			t.Errorf("%s: %v, %+v", p.name, verdict.Reason(), rules)
			continue
		}
		if why, ok := want[p.name]; ok {
			seen++
			if rules[0].Why != why {
				t.Errorf("%s: %q, want %q", p.name, rules[0].Why, why)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("saw %d of %d", seen, len(want))
	}
}

// The countries are those of ISO 3166-1 and Kosovo, in order, or some would not be found.
func TestAlpha3(t *testing.T) {
	if len(alpha3) != 250*5 {
		t.Fatalf("%d bytes", len(alpha3))
	}
	last := ""
	for i := 0; i < len(alpha3); i += 5 {
		code := alpha3[i : i+3]
		if short, ok := alpha2([]byte(code)); !ok || string(short[:]) != alpha3[i+3:i+5] || code <= last {
			t.Errorf("%s: %s, %v", code, short, ok)
		}
		last = code
	}
	for code, want := range map[string]string{"DEU": "DE", "GRC": "GR", "GBR": "GB", "CHE": "CH", "URY": "UY", "XKX": "XK", "ROU": "RO", "SRB": "RS", "TLS": "TL", "MMR": "MM", "COD": "CD"} {
		if short, _ := alpha2([]byte(code)); string(short[:]) != want {
			t.Errorf("%s: %s, want %s", code, short, want)
		}
	}
}
