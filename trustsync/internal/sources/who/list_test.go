package who

import (
	"bytes"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
)

func TestParseWHOReal(t *testing.T) {
	tests := []struct {
		name            string
		in, out, others int
		why             map[error]int
	}{
		{"dcc-all-dsc", 438, 438, 0, nil},
		{"dcc-fra-dsc", 113, 113, 0, nil},
		{"dcc-fra-sca", 1, 0, 1, nil},
		{"dcc-pol-dsc", 3, 3, 0, nil},
		{"ref-root", 0, 0, 0, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			raw := sourcetest.WHODocument(t, tt.name)
			if !LooksLike(raw) {
				t.Error("does not look like a did.json")
			}
			payload, signed, err := openWHO(raw, whoAnchors(t, whoObservedPEM(t)))
			if err != nil {
				t.Fatal(err)
			}
			if signed.Format(time.DateOnly) != "2026-08-22" {
				t.Errorf("signed at %v", signed)
			}
			signers, report, err := Read(payload)
			if err != nil {
				t.Fatal(err)
			}
			why := map[error]int{}
			others := 0
			countries := map[string]int{}
			for _, s := range report.Skipped {
				t.Logf("skipped: %s: %v", s.Name, s.Err)
				if errors.Is(s.Err, errWHOOthers) {
					fmt.Sscan(s.Name, &others)
					continue
				}
				for e := range tt.why {
					if errors.Is(s.Err, e) {
						why[e]++
					}
				}
			}
			for _, s := range signers {
				countries[s.Country]++
			}
			t.Logf("%d keys in, %d usable, of %d countries: %v", tt.in, len(signers), len(countries), countries)
			if len(signers) != tt.out || report.Loaded != tt.out || others != tt.others || fmt.Sprint(why) != fmt.Sprint(tt.why) && len(tt.why) > 0 {
				t.Errorf("%d signers (%d reported), %d others, %v", len(signers), report.Loaded, others, why)
			}
			if named := len(report.Skipped) - min(others, 1); tt.out+others+named != tt.in || report.Duplicates != 0 {
				t.Errorf("%d + %d + %d of %d, %d duplicates", tt.out, others, named, tt.in, report.Duplicates)
			}
		})
	}
}

// The participant of every real entry is the country of its certificate, but for the alpha-2 that no rule gives.
func TestWHOParticipantsReal(t *testing.T) {
	alpha2 := map[string]string{
		"ALB": "AL", "AND": "AD", "ARM": "AM", "BEL": "BE", "BEN": "BJ", "BRA": "BR", "CYP": "CY", "CZE": "CZ", "ESP": "ES", "EST": "EE",
		"FIN": "FI", "FRA": "FR", "FRO": "FO", "IDN": "ID", "IRL": "IE", "ISL": "IS", "LTU": "LT", "LVA": "LV", "MCO": "MC", "MLT": "MT",
		"NLD": "NL", "NZL": "NZ", "OMN": "OM", "POL": "PL", "PRT": "PT", "SMR": "SM", "SVN": "SI", "SWE": "SE", "TGO": "TG", "THA": "TH", "TUR": "TR",
	}
	d, err := readDID(sourcetest.WHODocument(t, "dcc-all-dsc"))
	if err != nil {
		t.Fatal(err)
	}
	odd := map[string]int{}
	for i, pair := range sourcetest.RealChains(t) {
		s, err := pki.ParseSigner(pair[0])
		if err != nil {
			t.Fatal(err)
		}
		if p := d.methods[i].participant; alpha2[p] != s.Country {
			odd[p+" "+s.Country]++
		}
	}
	// IOM is the Isle of Man, whose alpha-2 is IM; XXH is a test participant.
	if want := map[string]int{"IOM IO": 1, "XXH XH": 5}; fmt.Sprint(odd) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", odd, want)
	}
}

func TestWHOEntries(t *testing.T) {
	d, _ := whoDomain(t, 2)
	wrong, _ := whoDomain(t, 0)
	raw, err := lists.WHO(d, whoSigned)
	if err != nil {
		t.Fatal(err)
	}
	read := func(t *testing.T, change func(m *didMethod), f whoFilter) ([]source.Signer, source.Report) {
		t.Helper()
		doc, err := readDID(raw)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(&doc.methods[0])
		}
		if f.domain == "" {
			f.domain, f.usage = "DCC", "DSC"
		}
		list := newWHOList(f)
		if err := list.add(doc); err != nil {
			t.Fatal(err)
		}
		return list.done()
	}
	base := func(c *x509.Certificate) string {
		b, _ := json.Marshal(c.Raw)
		return strings.Trim(string(b), `"`)
	}
	text := func(m *didMethod, name string) *jwkMember {
		for i := range m.key {
			if m.key[i].name == name {
				return &m.key[i]
			}
		}
		t.Fatalf("no %s", name)
		return nil
	}
	tests := []struct {
		name   string
		change func(m *didMethod)
		want   error // nil: any
	}{
		{"no x5c", func(m *didMethod) { text(m, "x5c").texts = nil }, nil},
		{"five certificates", func(m *didMethod) { x := text(m, "x5c"); x.texts = append(x.texts, x.texts[1], x.texts[1], x.texts[1]) }, nil},
		{"kid of another", func(m *didMethod) { text(m, "kid").text = "AAAAAAAAAAA=" }, nil},
		{"kid that is short", func(m *didMethod) { text(m, "kid").text = "AAA=" }, nil},
		{"no kid", func(m *didMethod) {
			m.key = slices.DeleteFunc(m.key, func(k jwkMember) bool { return k.name == "kid" })
		}, nil},
		{"fragment of another", func(m *didMethod) { m.id = lists.WHOList + "#AAAAAAAAAAA=" }, nil},
		{"no fragment", func(m *didMethod) { m.id = lists.WHOList + ":x" }, nil},
		{"no base64", func(m *didMethod) { text(m, "x5c").texts[0] += "*" }, nil},
		{"no certificate", func(m *didMethod) { text(m, "x5c").texts[0] = "AAAA" }, nil},
		{"another certificate", func(m *didMethod) { text(m, "x5c").texts[0] = base(d.DSCs[1]) }, nil},
		{"CSCA that did not sign it", func(m *didMethod) { text(m, "x5c").texts[1] = base(wrong.CSCA.Cert) }, pki.ErrNotByCSCA},
		{"CSCA that is none", func(m *didMethod) { text(m, "x5c").texts[1] = base(d.DSCs[1]) }, pki.ErrNotCSCA},
		{"CSCA that is no base64", func(m *didMethod) { text(m, "x5c").texts[1] = "*" }, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			signers, report := read(t, tt.change, whoFilter{})
			if len(signers) != 1 || report.Loaded != 1 || len(report.Skipped) != 1 {
				t.Fatalf("%d signers, %+v, want the second entry alone", len(signers), report)
			}
			if err := report.Skipped[0].Err; tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	for name, change := range map[string]func(m *didMethod){
		"a DSC without its CSCA":  func(m *didMethod) { x := text(m, "x5c"); x.texts = x.texts[:1] },
		"numbers of another key":  func(m *didMethod) { text(m, "x").text = "AA" },
		"another name of a curve": func(m *didMethod) { text(m, "crv").text = "UNKNOWN CURVE" },
	} {
		if signers, report := read(t, change, whoFilter{}); len(signers) != 2 {
			t.Errorf("%s: %+v", name, report)
		}
	}

	// CSCAs of the configuration.
	for _, tt := range []struct {
		csca lists.Credential
		want int
	}{{d.CSCA, 2}, {wrong.CSCA, 0}} {
		f, err := newWHOFilter(sources.Config{CSCAs: tt.csca.PEM()})
		if err != nil {
			t.Fatal(err)
		}
		alone := func(m *didMethod) { x := text(m, "x5c"); x.texts = x.texts[:1] }
		if signers, report := read(t, alone, f); len(signers) != tt.want || len(report.Skipped) != 2-tt.want {
			t.Errorf("%d signers, want %d: %+v", len(signers), tt.want, report)
		}
	}

	// Neither domain, participant nor usage said: it is none of those that are wanted.
	if signers, report := read(t, func(m *didMethod) { m.domain = "" }, whoFilter{}); len(signers) != 1 || report.Skipped[0].Name != "1 entries" {
		t.Errorf("no domain: %d signers, %+v", len(signers), report)
	}

	// CSCAs by their own usage: SCA in the configuration is CSCA in the entries.
	csca, err := lists.WHOAuthorities(d, "did:web:tng-cdn.who.int:v2:trustlist:DCC:FRA:SCA", whoSigned)
	if err != nil {
		t.Fatal(err)
	}
	f, err := newWHOFilter(sources.Config{Usage: "SCA"})
	if err != nil {
		t.Fatal(err)
	}
	doc, err := readDID(csca)
	if err != nil {
		t.Fatal(err)
	}
	list := newWHOList(f)
	if err := list.add(doc); err != nil || list.others != 0 {
		t.Errorf("usage SCA: %v, %d others", err, list.others)
	}
}

func TestLooksLikeWHO(t *testing.T) {
	built, _ := whoBuilt(t, 1)
	for data, want := range map[string]bool{
		string(built): true, "\n " + string(built): true, "": false, "{": false, "{}": false, "[]": false,
		strings.Repeat(" ", 9000) + "{": false, `{"certificates":[]}`: false,
	} {
		if LooksLike([]byte(data)) != want {
			t.Errorf("%.40q: %v", data, !want)
		}
	}
}

// whoMany is a list of n entries, all with the certificate of the first but for its serial number.
func whoMany(t testing.TB, n int) []byte {
	t.Helper()
	d, _ := whoDomain(t, 1)
	d.CSCA.Cert = d.DSCs[0] // not in the entries: see below
	leaf := d.DSCs[0]
	at := bytes.Index(leaf.Raw, leaf.SerialNumber.Bytes())
	d.DSCs = make([]*x509.Certificate, n)
	for i := range d.DSCs {
		c := *leaf
		c.Raw = bytes.Clone(leaf.Raw)
		for k := range 3 {
			c.Raw[at+3+k] = byte(i >> (8 * k))
		}
		d.DSCs[i] = &c
	}
	raw, err := lists.WHO(d, whoSigned)
	if err != nil {
		t.Fatal(err)
	}
	csca, err := json.Marshal(leaf.Raw)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.ReplaceAll(raw, append([]byte(","), csca...), nil) // their CSCA did not sign them
}

// 10,000 entries of this size are 10 MB: hardly more fit into a document.
func BenchmarkParseWHO(b *testing.B) {
	for _, n := range []int{1_000, 10_000} {
		raw := whoMany(b, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				if signers, report, err := Read(raw); err != nil || len(signers) != n {
					b.Fatal(len(signers), report.Skipped[0], err)
				}
			}
		})
	}
}

// A participant that renewed its CSCA has the new and the old one beside a DSC that either signed. Two that did not sign are refused.
func TestWHORenewedCSCA(t *testing.T) {
	d, _ := whoDomain(t, 1)
	stranger, _ := whoDomain(t, 1)
	raw, err := lists.WHO(d, whoSigned)
	if err != nil {
		t.Fatal(err)
	}
	other, err := lists.WHO(stranger, whoSigned)
	if err != nil {
		t.Fatal(err)
	}
	x5c := func(raw []byte) (*didDocument, []string) {
		doc, err := readDID(raw)
		if err != nil {
			t.Fatal(err)
		}
		return doc, doc.methods[0].key.member("x5c").texts
	}
	_, own := x5c(raw)
	_, foreign := x5c(other)
	for name, test := range map[string]struct {
		texts []string
		want  int
	}{
		"the new one first": {[]string{own[0], foreign[1], own[1]}, 1},
		"the old one first": {[]string{own[0], own[1], foreign[1]}, 1},
		"three authorities": {[]string{own[0], foreign[1], foreign[1], own[1]}, 1},
		"none of two":       {[]string{own[0], foreign[1], foreign[1]}, 0},
	} {
		doc, _ := x5c(raw)
		key := doc.methods[0].key
		for i := range key {
			if key[i].name == "x5c" {
				key[i].texts = test.texts
			}
		}
		list := newWHOList(whoFilter{domain: "DCC", usage: "DSC", virtual: true})
		if err := list.add(doc); err != nil {
			t.Fatal(err)
		}
		if signers, report := list.done(); len(signers) != test.want {
			t.Errorf("%s: %d signers, %v", name, len(signers), report.Skipped)
		}
	}
}

func TestWHOIsVirtual(t *testing.T) {
	for participant, want := range map[string]bool{
		"FRA": false, "XKX": false, "QAT": false, "ZWE": false, "AFG": false, "ZMB": false, "QLZ": false,
		"XXA": true, "XCL": true, "XML": true, "XYK": true, "AAA": true, "AAZ": true, "QMA": true, "QZZ": true, "XAA": true, "XZZ": true, "ZZA": true, "ZZZ": true,
		"XT": true, "XW": true, "": true, "FRAN": true, "fra": true,
	} {
		if got := isVirtual(participant); got != want {
			t.Errorf("%q: %v", participant, got)
		}
	}
}

// Participants that exist for tests stand in the production list. A gate takes them only if they are named, or in a lab.
func TestWHOVirtualParticipants(t *testing.T) {
	raw := sourcetest.WHODocument(t, "dcc-all-dsc")
	for _, test := range []struct {
		config sources.Config
		want   int
	}{
		{sources.Config{}, 433},
		{sources.Config{Lab: true}, 438},
		{sources.Config{Participants: []string{"XXH"}}, 5},
		{sources.Config{Participants: []string{"FRA"}}, 113},
	} {
		f, err := newWHOFilter(test.config)
		if err != nil {
			t.Fatal(err)
		}
		d, err := readDID(raw)
		if err != nil {
			t.Fatal(err)
		}
		list := newWHOList(f)
		if err := list.add(d); err != nil {
			t.Fatal(err)
		}
		if signers, _ := list.done(); len(signers) != test.want {
			t.Errorf("%+v: %d signers, want %d", test.config, len(signers), test.want)
		}
	}
}
