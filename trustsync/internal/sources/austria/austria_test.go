package austria

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
)

func austriaBuilt(t testing.TB, n int) (d *lists.Domain, list, signature []byte) {
	t.Helper()
	d = sourcetest.Domain(t, n)
	list, signature, err := lists.Austria(d, sourcetest.Signed, sourcetest.Expires)
	if err != nil {
		t.Fatal(err)
	}
	return d, list, signature
}

// openAustria is what a source does with both documents, without asking for them.
func openAustria(list, signature []byte, a pki.Anchors) (from, until time.Time, err error) {
	sig, err := openAustriaSignature(signature, austriaTrustList, a)
	if err != nil {
		return time.Time{}, time.Time{}, err
	}
	if sha256.Sum256(list) != sig.hash {
		return time.Time{}, time.Time{}, errListsDiffer
	}
	return sig.from, sig.until, nil
}

func TestAustriaGood(t *testing.T) {
	d, list, signature := austriaBuilt(t, 3)
	for name, a := range map[string]pki.Anchors{
		"certificate":   pkitest.Anchors(t, d.Signer.PEM()),
		"key":           pkitest.Anchors(t, d.Signer.PublicPEM()),
		"second of two": pkitest.Anchors(t, sourcetest.Domain(t, 0).Signer.PEM(), d.Signer.PEM()),
	} {
		from, until, err := openAustria(list, signature, a)
		if err != nil || !from.Equal(sourcetest.Signed) || !until.Equal(sourcetest.Expires) {
			t.Errorf("%s: %v to %v, %v", name, from, until, err)
		}
	}
	signers, report, err := Read(list)
	if err != nil || !slices.Equal(sourcetest.KIDs(signers), sourcetest.DomainKIDs(d)) || report.Loaded != 3 || len(report.Skipped) != 0 {
		t.Errorf("%v, %+v", err, report)
	}
	if s := signers[0]; s.Country != "XX" {
		t.Errorf("country %q", s.Country)
	}
}

// The publisher's library writes indefinite lengths; the same list in definite ones is as good.
func TestAustriaDefiniteLengths(t *testing.T) {
	d := sourcetest.Domain(t, 2)
	type entry struct {
		KID []byte `cbor:"i"`
		DER []byte `cbor:"c"`
	}
	var entries []entry
	for _, dsc := range d.DSCs {
		entries = append(entries, entry{sourcetest.CertKID(dsc.Raw), dsc.Raw})
	}
	list, err := cbor.Marshal(map[string]any{"c": entries})
	if err != nil {
		t.Fatal(err)
	}
	signers, _, err := Read(list)
	if err != nil || !slices.Equal(sourcetest.KIDs(signers), sourcetest.DomainKIDs(d)) || !LooksLike(list) {
		t.Errorf("%d signers, %v", len(signers), err)
	}
}

func TestAustriaBitFlips(t *testing.T) {
	d, list, signature := austriaBuilt(t, 2)
	a := pkitest.Anchors(t, d.Signer.PEM())
	for i := range signature {
		for bit := range 8 {
			flipped := bytes.Clone(signature)
			flipped[i] ^= 1 << bit
			if _, _, err := openAustria(list, flipped, a); err == nil {
				t.Errorf("signature, byte %d, bit %d: authentic", i, bit)
			}
		}
	}
	for i := range list {
		flipped := bytes.Clone(list)
		flipped[i] ^= 1 << (i % 8)
		if _, _, err := openAustria(flipped, signature, a); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("list, byte %d: %v", i, err)
		}
	}
	for i := range signature {
		if _, _, err := openAustria(list, signature[:i], a); !errors.Is(err, source.ErrMalformed) && !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("signature cut to %d: %v", i, err)
		}
	}
	for i := range list {
		if _, _, err := openAustria(list[:i], signature, a); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("list cut to %d: %v", i, err)
		}
		if _, _, err := Read(list[:i]); !errors.Is(err, source.ErrMalformed) {
			t.Errorf("list cut to %d is read: %v", i, err)
		}
	}
	if _, _, err := openAustria(list, append(bytes.Clone(signature), 0), a); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("something follows the signature: %v", err)
	}
}

// What else the signer signs, and what others sign.
func TestAustriaOtherSignatures(t *testing.T) {
	d, list, _ := austriaBuilt(t, 1)
	header := func(change func(cose.ProtectedHeader)) cose.ProtectedHeader {
		h := cose.ProtectedHeader{
			cose.HeaderLabelAlgorithm: cose.AlgorithmES256, cose.HeaderLabelKeyID: d.Signer.KID(), int64(42): int64(2),
		}
		change(h)
		return h
	}
	same := func(cose.ProtectedHeader) {}
	noVersion := func(h cose.ProtectedHeader) { delete(h, int64(42)) }
	other := sourcetest.Domain(t, 0).Signer
	certificate, key := pkitest.Anchors(t, d.Signer.PEM()), pkitest.Anchors(t, d.Signer.PublicPEM())
	for _, test := range []struct {
		name    string
		signer  lists.Credential
		header  cose.ProtectedHeader
		anchors pki.Anchors
		ok      bool
	}{
		{"a list", d.Signer, header(same), certificate, true},
		{"a list of version 1", d.Signer, header(func(h cose.ProtectedHeader) { h[int64(42)] = int64(1) }), certificate, false},
		{"a list of version 3", d.Signer, header(func(h cose.ProtectedHeader) { h[int64(42)] = int64(3) }), certificate, false},
		{"a version in text", d.Signer, header(func(h cose.ProtectedHeader) { h[int64(42)] = "2" }), certificate, false},
		{"without version", d.Signer, header(noVersion), certificate, false},
		{"rules", d.Signer, header(func(h cose.ProtectedHeader) { noVersion(h); h[int64(-65537)] = int64(1) }), certificate, false},
		{"value sets", d.Signer, header(func(h cose.ProtectedHeader) { noVersion(h); h[int64(-65538)] = int64(1) }), certificate, false},
		{"another kid", d.Signer, header(func(h cose.ProtectedHeader) { h[cose.HeaderLabelKeyID] = other.KID() }), certificate, false},
		{"another kid for a bare key", d.Signer, header(func(h cose.ProtectedHeader) { h[cose.HeaderLabelKeyID] = other.KID() }), key, true},
		{"no kid", d.Signer, header(func(h cose.ProtectedHeader) { delete(h, cose.HeaderLabelKeyID) }), certificate, false},
		{"another signer under this kid", other, header(same), certificate, false},
		{"another signer under its kid", other, header(func(h cose.ProtectedHeader) { h[cose.HeaderLabelKeyID] = other.KID() }), certificate, false},
		{"another signer for a bare key", other, header(same), key, false},
	} {
		signature, err := lists.SignAustriaAs(test.signer, test.header, list, sourcetest.Signed, sourcetest.Expires)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := openAustria(list, signature, test.anchors); (err == nil) != test.ok || err != nil && !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("%s: %v", test.name, err)
		}
	}
	if _, _, err := openAustria(list, nil, pki.Anchors{}); err == nil {
		t.Error("authentic without anchors")
	}
	if _, _, err := openAustria(list, make([]byte, maxAustriaSignature+1), certificate); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("a signature too large: %v", err)
	}
}

func TestAustriaEntries(t *testing.T) {
	d := sourcetest.Domain(t, 1)
	der := d.DSCs[0].Raw
	kid := sourcetest.CertKID(der)
	entry := func(i, c any) any { return map[string]any{"i": i, "c": c} }
	for _, test := range []struct {
		name                        string
		list                        any
		loaded, skipped, duplicates int
		want                        error
	}{
		{"one", map[string]any{"c": []any{entry(kid, der)}}, 1, 0, 0, nil},
		{"none", map[string]any{"c": []any{}}, 0, 0, 0, nil},
		{"twice", map[string]any{"c": []any{entry(kid, der), entry(kid, der)}}, 1, 0, 1, nil},
		{"another kid", map[string]any{"c": []any{entry([]byte("12345678"), der), entry(kid, der)}}, 1, 1, 0, nil},
		{"kid in text", map[string]any{"c": []any{entry("12345678", der), entry(kid, der)}}, 1, 1, 0, nil},
		{"junk", map[string]any{"c": []any{1, nil, "x", []int{1}, entry(kid, []byte("x")), entry(kid, nil)}}, 0, 6, 0, nil},
		{"no list", map[string]any{"r": []any{}}, 0, 0, 0, source.ErrMalformed},
		{"no array", map[string]any{"c": 1}, 0, 0, 0, source.ErrMalformed},
		{"null", map[string]any{"c": nil}, 0, 0, 0, source.ErrMalformed},
		{"an array outside", []any{entry(kid, der)}, 0, 0, 0, source.ErrMalformed},
		{"tagged", cbor.Tag{Number: 24, Content: map[string]any{"c": []any{}}}, 0, 0, 0, source.ErrMalformed},
	} {
		list, err := cbor.Marshal(test.list)
		if err != nil {
			t.Fatal(err)
		}
		signers, report, err := Read(list)
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || len(signers) != test.loaded || len(report.Skipped) != test.skipped || report.Duplicates != test.duplicates {
			t.Errorf("%s: %d signers, %+v, %v", test.name, len(signers), report, err)
		}
	}
	header := "\xa1\x61c"
	for name, test := range map[string]struct {
		list string
		want error
	}{
		"as many as allowed":        {header + "\x9a\x00\x01\x86\xa0" + strings.Repeat("\x01", 100_000), nil},
		"one too many":              {header + "\x9a\x00\x01\x86\xa1" + strings.Repeat("\x01", 100_001), source.ErrTooLarge},
		"one too many, indefinite":  {header + "\x9f" + strings.Repeat("\x01", 100_001) + "\xff", source.ErrTooLarge},
		"a count of four billion":   {header + "\x9a\xff\xff\xff\xff\x01", source.ErrTooLarge},
		"a count of 2^63":           {header + "\x9b\x80\x00\x00\x00\x00\x00\x00\x00\x01", nil},
		"a certificate of 2^32":     {header + "\x81\xa1\x61c\x5a\xff\xff\xff\xff\x01", source.ErrMalformed},
		"deep":                      {header + strings.Repeat("\x81", 100_000), source.ErrMalformed},
		"deep, indefinite":          {strings.Repeat("\x9f", 100_000), source.ErrMalformed},
		"two lists":                 {"\xa2\x61c\x80\x61c\x80", source.ErrMalformed},
		"something follows":         {header + "\x80\x00", source.ErrMalformed},
		"never ends":                {"\xbf\x61c\x9f", source.ErrMalformed},
		"a break where none can be": {header + "\xff", source.ErrMalformed},
	} {
		_, report, err := Read([]byte(test.list))
		if name == "a count of 2^63" {
			if err == nil {
				t.Errorf("%s: %+v", name, report)
			}
			continue
		}
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// austriaServer serves two documents, which next may change before each request.
type austriaServer struct {
	mu              sync.Mutex
	list, signature []byte
	asked           []string
	next            func(s *austriaServer, path string)
}

func (s *austriaServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.URL.Path)
	if s.next != nil {
		s.next(s, r.URL.Path)
	}
	switch r.URL.Path {
	case "/at/trustlist":
		w.Write(s.list)
	case "/at/trustlistsig":
		w.Write(s.signature)
	default:
		http.NotFound(w, r)
	}
}

func (s *austriaServer) start(t *testing.T) string {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL + "/at/"
}

func austriaSource(t *testing.T, d *lists.Domain, urls ...string) source.Source {
	t.Helper()
	source, err := New(sources.Config{URLs: urls, Anchors: d.Signer.PEM()})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

func TestAustriaFetch(t *testing.T) {
	d, list, signature := austriaBuilt(t, 2)
	good := &austriaServer{list: list, signature: signature}
	bad := &austriaServer{list: append(bytes.Clone(list), 0), signature: signature}
	goodURL, badURL := good.start(t), bad.start(t)
	now := source.Moment{Time: sourcetest.Now, Synced: true}

	h, report, err := austriaSource(t, d, badURL, goodURL).Fetch(context.Background(), now)
	if err != nil || !slices.Equal(sourcetest.KIDs(h.Signers), sourcetest.DomainKIDs(d)) || report.Loaded != 2 || !h.Signed.Equal(sourcetest.Signed) || !h.Expires.Equal(sourcetest.Expires) {
		t.Fatalf("%v, %+v", err, h)
	}
	if len(bad.asked) != 4 {
		t.Errorf("the bad mirror was asked for %v", bad.asked)
	}

	good.asked, now.Last = nil, h
	if _, _, err := austriaSource(t, d, goodURL).Fetch(context.Background(), now); !errors.Is(err, source.ErrUnchanged) || !slices.Equal(good.asked, []string{"/at/trustlistsig"}) {
		t.Errorf("again: %v, asked for %v", err, good.asked)
	}
	later, err := lists.SignAustria(d.Signer, list, sourcetest.Signed.Add(time.Minute), sourcetest.Expires)
	if err != nil {
		t.Fatal(err)
	}
	good.signature = later
	if h, _, err := austriaSource(t, d, goodURL).Fetch(context.Background(), now); err != nil || !h.Signed.Equal(sourcetest.Signed.Add(time.Minute)) {
		t.Errorf("signed again: %v", err)
	}

	if h, _, err := austriaSource(t, d, badURL).Fetch(context.Background(), source.Moment{Time: sourcetest.Now}); h != nil || !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("only the bad one: %v, %v", h, err)
	}
	if _, _, err := austriaSource(t, sourcetest.Domain(t, 0), goodURL).Fetch(context.Background(), source.Moment{Time: sourcetest.Now}); !errors.Is(err, source.ErrNotAuthentic) {
		t.Errorf("another's list: %v", err)
	}
}

// Both documents are replaced while we are between them; once is forgiven.
func TestAustriaPublication(t *testing.T) {
	d, list, signature := austriaBuilt(t, 2)
	d.DSCs = d.DSCs[:1]
	newList, newSignature, err := lists.Austria(d, sourcetest.Signed.Add(time.Minute), sourcetest.Expires)
	if err != nil {
		t.Fatal(err)
	}
	server := &austriaServer{list: list, signature: signature}
	server.next = func(s *austriaServer, path string) {
		if path == "/at/trustlist" { // after the signature was fetched
			s.list, s.signature = newList, newSignature
		}
	}
	h, _, err := austriaSource(t, d, server.start(t)).Fetch(context.Background(), source.Moment{Time: sourcetest.Now, Synced: true})
	if err != nil || len(h.Signers) != 1 || len(server.asked) != 4 {
		t.Errorf("%v, asked for %v", err, server.asked)
	}
	if sum := sha256.Sum256(newList); err == nil && string(h.Cursor) != string(austriaSigned{hash: sum}.cursor()) {
		t.Errorf("cursor %s", h.Cursor)
	}

	never := &austriaServer{list: list, signature: newSignature}
	if h, _, err := austriaSource(t, d, never.start(t)).Fetch(context.Background(), source.Moment{Time: sourcetest.Now, Synced: true}); h != nil || !errors.Is(err, source.ErrNotAuthentic) || len(never.asked) != 4 {
		t.Errorf("%v, asked for %v", err, never.asked)
	}
}

func TestAustriaTimes(t *testing.T) {
	d, list, signature := austriaBuilt(t, 1)
	url := (&austriaServer{list: list, signature: signature}).start(t)
	for _, test := range []struct {
		name string
		now  source.Moment
		want error
	}{
		{"a little past its end", source.Moment{Time: sourcetest.Expires.Add(austriaLeeway)}, nil},
		{"past its end", source.Moment{Time: sourcetest.Expires.Add(austriaLeeway + time.Second)}, source.ErrExpired},
		{"a little ahead", source.Moment{Time: sourcetest.Signed.Add(-source.MaxSkew), Synced: true}, nil},
		{"ahead", source.Moment{Time: sourcetest.Signed.Add(-source.MaxSkew - time.Second), Synced: true}, source.ErrFuture},
		{"older than the last", source.Moment{Time: sourcetest.Now, Last: &source.Holding{Signed: sourcetest.Signed.Add(1)}}, source.ErrRollback},
	} {
		if _, _, err := austriaSource(t, d, url).Fetch(context.Background(), test.now); !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestAustriaConfig(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	urls := []string{"https://list.example/"}
	for name, c := range map[string]sources.Config{
		"no anchor":                  {URLs: urls},
		"no URL":                     {Anchors: d.Signer.PEM()},
		"a second URL that is none":  {Anchors: d.Signer.PEM(), URLs: append(slices.Clone(urls), "x")},
		"an anchor on another curve": {URLs: urls, Anchors: sourcetest.P384PEM(t)},
	} {
		if _, err := New(c); err == nil {
			t.Errorf("%s is a source", name)
		}
	}
	traits := austriaSource(t, d, urls...).Traits()
	if traits.Kind != Kind || traits.Age != source.AgeSigned || !traits.Rollback {
		t.Errorf("%+v", traits)
	}
}

func FuzzAustria(f *testing.F) {
	_, list, signature := austriaBuilt(f, 1)
	f.Add(list, signature)
	f.Add([]byte("\xa1\x61c\x80"), []byte{})
	other := pkitest.Anchors(f, sourcetest.Domain(f, 0).Signer.PublicPEM())
	f.Fuzz(func(t *testing.T, list, signature []byte) {
		LooksLike(list)
		if _, _, err := openAustria(list, signature, other); err == nil {
			t.Fatal("authentic")
		}
		signers, report, err := Read(list)
		if err == nil && (report.Loaded != len(signers) || len(signers) > source.MaxCertificates) {
			t.Fatalf("%d signers, %+v", len(signers), report)
		}
	})
}
