package verify

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// readICVPFile reads a file of testdata/icvp (its README.md says where they are from).
func readICVPFile(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "icvp", name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSpace(data)
}

// icvpDSC is the DSC of a certificate there, of the domain PH4H.
func icvpDSC(t testing.TB, name string) DSC {
	t.Helper()
	d, ok := pass{ID: name, Certificate: readICVPFile(t, name)}.dsc(t)
	if !ok {
		t.Fatalf("%s has no key", name)
	}
	d.Domain = DomainPH4H
	return d
}

// icvpVector is a line of vectors.jsonl.
type icvpVector struct{ ID, At, Prefix, Expect, Why string }

func icvpVectors(t testing.TB) (vectors []icvpVector) {
	t.Helper()
	for line := range bytes.Lines(readICVPFile(t, "vectors.jsonl")) {
		var v icvpVector
		if err := json.Unmarshal(line, &v); err != nil {
			t.Fatal(err)
		}
		vectors = append(vectors, v)
	}
	if len(vectors) != 13 {
		t.Fatalf("%d vectors, want 13", len(vectors))
	}
	return vectors
}

func TestICVPVectors(t *testing.T) {
	// What may come of each expectation.
	reasons := map[string][]Reason{
		"valid": {Accepted}, "not_valid": {ICVPProduct, ICVPTooEarly, ICVPNotValid}, "not_valid_or_valid": {ICVPNotValid}, "incomplete": {ICVPIncomplete},
		"expired": {Expired}, "not_a_pass": {KindNotAllowed}, "ambiguous": {ICVPIncomplete, NotOneEntry}, "bad_cwt": {BadCWT},
	}
	// And of single vectors, where that could be more than one thing.
	exact := map[string]Reason{
		"g3-unknown-product": ICVPProduct, "g1-2024": ICVPProduct, "g2-yf-vle-passed": ICVPNotValid,
		"g3-unknown-version": ICVPIncomplete, "dcc-and-icvp": NotOneEntry,
	}
	trust := NewTrust([]DSC{icvpDSC(t, "icvp-dsc.der")})
	admitting, closed := New(admitsICVP), New(Policy{})
	for _, vector := range icvpVectors(t) {
		at, err := time.Parse(time.RFC3339, vector.At)
		if err != nil {
			t.Fatal(err)
		}
		got := admitting.Verify([]byte(vector.Prefix), trust, at).Reason()
		want := reasons[vector.Expect]
		if reason, ok := exact[vector.ID]; ok {
			want = []Reason{reason}
		}
		if !slices.Contains(want, got) {
			t.Errorf("%s: %v, want %v (%s)", vector.ID, got, want, vector.Why)
		}
		if got == Accepted {
			if got := closed.Verify([]byte(vector.Prefix), trust, at).Reason(); got != KindNotAllowed {
				t.Errorf("%s: %v where no ICVP is admitted", vector.ID, got)
			}
		}
		judgeDayBefore(t, vector, trust)
	}
}

// judgeDayBefore judges a vector that is against yellow fever and accepted on its day on the day before.
func judgeDayBefore(t *testing.T, vector icvpVector, trust *Trust) {
	t.Helper()
	at, _ := time.Parse(time.RFC3339, vector.At)
	if vector.Expect != "valid" || at.Format(time.DateOnly) != "2026-11-30" {
		return
	}
	before := at.Truncate(24 * time.Hour).Add(-time.Second)
	if got := New(admitsICVP).Verify([]byte(vector.Prefix), trust, before).Reason(); got != ICVPTooEarly {
		t.Errorf("%s on the day before: %v", vector.ID, got)
	}
}

// What WHO's own validator was tested with. Two of the three name the kid of a certificate that did not sign them, and the
// third was issued before there was a catalogue.
func TestGenuineICVPs(t *testing.T) {
	signer := icvpDSC(t, "dsc-XCL-dev-UUuJcwmjoJM.der")
	at := time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC)
	dcc := signer
	dcc.Domain = DomainDCC
	for name, want := range map[string]Reason{
		"DVCTestQR.txt": BadSignature, "DVCTest2QR.txt": BadSignature, "DVCTest3QR.txt": ICVPProduct,
		"WHOQR1Contents.txt": UnknownKID, "WHOQR2Contents.txt": UnknownKID, "WHOSingaporePCRContents.txt": UnknownKID,
	} {
		text := readICVPFile(t, name)
		if got := New(admitsICVP).Verify(text, NewTrust([]DSC{signer}), at); got.Reason() != want {
			t.Errorf("%s: %v, want %v", name, got.Reason(), want)
		}
		if want != ICVPProduct {
			continue
		}
		for _, other := range []struct {
			policy Policy
			dsc    DSC
			at     time.Time
			want   Reason
		}{
			{Policy{}, signer, at, KindNotAllowed},
			{admitsICVP, dcc, at, WrongDomain},
			{admitsICVP, signer, at.AddDate(-1, 0, 0), NotYetValid},
			{admitsICVP, signer, at.AddDate(1, 0, 0), DSCNotValid},
			{Policy{Kinds: SignsICVP, ICVP: ICVPPolicy{Complete: ICVPAsModel}}, signer, at, ICVPIncomplete},
		} {
			if got := New(other.policy).Verify(text, NewTrust([]DSC{other.dsc}), other.at); got.Reason() != other.want {
				t.Errorf("%s: %v, want %v", name, got.Reason(), other.want)
			}
		}
	}
}

// ICVPs of every shape are minted, and bits of 20 of them are flipped, as TestEveryBitFlip does it with DCCs.
func TestEveryBitFlipOfICVPs(t *testing.T) {
	l := newLab(t)
	l.es.Domain, l.ps.Domain = DomainPH4H, DomainICVP
	v, trust := New(admitsICVP), l.trust()
	passes, step := 20, 4
	if testing.Short() || raceEnabled {
		passes, step = 3, 29
	}
	flips := 0
	for i := range passes {
		document := [...]members{l.coded(nil, nil), l.brief(nil, nil), l.model(nil, nil)}[i%3]
		s := sketch{payload: l.icvpClaims(t, document, nil), alg: []Alg{ES256, PS256}[i/3%2]}
		var unprotected, tail int // where the unprotected header stands
		s.message = func(p, u, y, sig []byte) []byte {
			m := coseMessage(p, u, y, sig)
			unprotected = bytes.Index(m, p) + len(p)
			tail = unprotected + len(u)
			return m
		}
		text := l.mint(t, s)
		if got := v.Verify(text, trust, l.now); !got.Accepted() {
			t.Fatalf("%d: %v", i, got.Reason())
		}
		message := decodeText(t, text)
		for bit := i % step; bit < 8*len(message); bit += step {
			flips++
			if v.Verify([]byte(prefix+encodeBase45(compress(flip(message, bit)))), trust, l.now).Accepted() && (bit/8 < unprotected || bit/8 >= tail) {
				t.Errorf("%d: accepted with bit %d of byte %d flipped", i, bit%8, bit/8)
			}
		}
	}
	t.Logf("%d flips over %d passes", flips, passes)
	if flips < 2000/step {
		t.Errorf("only %d flips", flips)
	}
}

// FuzzICVP signs any document as an ICVP. None makes a panic or leaves anything behind; what is accepted has a product of the
// catalogue, and is accepted again.
func FuzzICVP(f *testing.F) {
	l := always(f)
	l.es.Domain = DomainPH4H
	for _, p := range icvpProbes(f, l) {
		f.Add(p.sketch.payload)
	}
	v := New(admitsICVP)
	for _, text := range [][]byte{readICVPFile(f, "DVCTestQR.txt"), readICVPFile(f, "DVCTest2QR.txt"), readICVPFile(f, "DVCTest3QR.txt"), readICVPFile(f, "WHOSingaporePCRContents.txt")} {
		m, _, refused := v.parseSign1(decodeText(f, text))
		if refused != noObjection {
			f.Fatal(refused)
		}
		f.Add(bytes.Clone(m.payload))
	}
	for _, vector := range icvpVectors(f) {
		m, _, refused := v.parseSign1(decodeText(f, []byte(vector.Prefix)))
		if refused != noObjection {
			f.Fatal(refused)
		}
		f.Add(bytes.Clone(m.payload))
	}
	trust := l.trust()
	explaining := New(admitsICVP)
	f.Fuzz(func(t *testing.T, payload []byte) {
		text := l.mint(t, sketch{payload: payload})
		got := v.Verify(text, trust, l.now)
		if got.Accepted() {
			product := got.Product()
			if got.Kind() != ICVP || got.Disease() == 0 || !strings.Contains(product, "Product") || !bytes.Contains(payload, []byte(product)) {
				t.Errorf("%v %v %q accepted", got.Kind(), got.Disease(), product)
			}
		}
		if got.Kind() == ICVP && got.Reason() == BadDCC || got.Reason() == Internal || got.Reason() == RuleOpen || got.Reason() == RuleFailed {
			t.Errorf("%v of kind %v", got.Reason(), got.Kind())
		}
		if len(bytes.Trim(v.view[:], "\x00"))+len(bytes.Trim(v.joined[:], "\x00"))+len(bytes.Trim(v.message[:], "\x00")) != 0 {
			t.Error("something of the pass was left")
		}
		if again, _ := explaining.Explain(text, trust, l.now, Explain{}); again.Reason() != got.Reason() {
			t.Errorf("%v explained as %v", got.Reason(), again.Reason())
		}
	})
}
