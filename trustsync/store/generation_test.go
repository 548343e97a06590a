package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"

	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// storeFile adds the hash to what a file begins with.
func storeFile(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return append([]byte(body), sum[:]...)
}

func storeHex(t testing.TB, s string) []byte {
	t.Helper()
	data, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func storeEncode(t testing.TB, g *Generation) []byte {
	t.Helper()
	data, err := Encode(g)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Every signer of the pool comes back as it was, key included.
func TestGenerationPool(t *testing.T) {
	var signers []source.Signer
	for _, p := range sourcetest.Pool(t) {
		if s, err := pki.ParseSigner(p.DER); err == nil {
			s.Lab = len(signers)%2 == 1
			signers = append(signers, s)
		}
	}
	if len(signers) < 1700 {
		t.Fatalf("only %d signers", len(signers))
	}
	g := &Generation{
		Number: math.MaxUint64, Written: time.Date(1970, 1, 1, 0, 0, 12, 5, time.UTC),
		Sources: map[string]Stored{
			"all":   {Kind: "directory", Holding: source.Holding{Signers: signers}},
			"empty": {},
			"":      {Identity: [32]byte{1}, Floor: time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)},
			"bare": {Holding: source.Holding{Signers: []source.Signer{{
				DSC:  verify.DSC{KID: verify.KID{1}, NotBefore: source.BeginningOfTime, NotAfter: source.EndOfTime, Usage: verify.SignsTest, Key: signers[0].Key},
				SPKI: signers[0].SPKI,
			}}}},
		},
	}
	data := storeEncode(t, g)
	if !LooksLikeGeneration(data) || LooksLikeGeneration([]byte("{}")) {
		t.Error("looksLikeGeneration")
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := sameSources(g, got); err != nil {
		t.Error(err)
	}
	if got.Number != g.Number || !got.Written.Equal(g.Written) || len(got.Sources) != 4 || len(got.Skipped) != 0 {
		t.Error(got.Number, got.Written, len(got.Sources), got.Skipped)
	}
	if e := got.Sources["empty"]; !e.Confirmed.IsZero() || !e.Floor.IsZero() || !e.Holding.Signed.IsZero() || !e.Holding.Expires.IsZero() {
		t.Errorf("zero times came back as %v", e)
	}
}

// The domains of signers survive, and only a generation with another domain than the DCC's is written in format 3.
func TestGenerationDomains(t *testing.T) {
	signers := storeSigners(t, 3)
	for domain, format := range map[verify.Domain]string{0: "format 1\n", verify.DomainPH4H | verify.DomainDCC: "format 3\n"} {
		signers[1].Domain = domain
		data := storeEncode(t, &Generation{Number: 1, Written: time.Unix(1, 0), Sources: map[string]Stored{"a": {Holding: source.Holding{Signers: signers}}}})
		if !bytes.Contains(data[:64], []byte(format)) {
			t.Errorf("domain %v: not in %s", domain, format)
		}
		g, err := Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		for i, s := range g.Sources["a"].Holding.Signers {
			if s.Domain != signers[i].Domain {
				t.Errorf("signer %d vouches for %v, want %v", i, s.Domain, signers[i].Domain)
			}
		}
	}
}

func TestGenerationFlips(t *testing.T) {
	g := storeGeneration(t, "a", 3)
	g.Number = 12
	data := storeEncode(t, g)
	if len(data)*8 < 2000 {
		t.Fatalf("only %d bytes", len(data))
	}
	for i := range len(data) * 8 {
		bad := bytes.Clone(data)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := Decode(bad); !errors.Is(err, source.ErrMalformed) {
			t.Fatalf("bit %d of byte %d: %v", i%8, i/8, err)
		}
	}
	for length := range data {
		if _, err := Decode(data[:length]); !errors.Is(err, source.ErrMalformed) {
			t.Fatalf("%d bytes of %d: %v", length, len(data), err)
		}
	}
	if _, err := Decode(append(bytes.Clone(data), 0)); !errors.Is(err, source.ErrMalformed) {
		t.Error("a byte more")
	}
	t.Logf("%d bits, %d lengths", len(data)*8, len(data))

	// The larger file is like those in use.
	g.Sources["a"] = Stored{Holding: source.Holding{Signers: storeSigners(t, 500)}}
	data = storeEncode(t, g)
	random := rand.New(rand.NewPCG(cutSeed, 3))
	for range 600 {
		bit := random.IntN(len(data) * 8)
		data[bit/8] ^= 1 << (bit % 8)
		if _, err := Decode(data); !errors.Is(err, source.ErrMalformed) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		data[bit/8] ^= 1 << (bit % 8)
	}
	if _, err := Decode(data); err != nil {
		t.Error(err)
	}
}

// What has a good hash was written by us, or by somebody who may write to the disk; it is refused all the same.
func TestGenerationStrict(t *testing.T) {
	for name, test := range map[string]struct {
		payload string // hex
		want    string // in the error; empty if it is good
	}{
		"good, no source":      {"a3010102820000" + "03a0", ""},
		"number 0":             {"a3010002820000" + "03a0", "number 0"},
		"nothing":              {"", "EOF"},
		"null":                 {"f6", "not as it would be written"},
		"no sources":           {"a2010102820000", "not as it would be written"},
		"sources are null":     {"a3010102820000" + "03f6", "not as it would be written"},
		"time is null":         {"a3010102f6" + "03a0", "not as it would be written"},
		"trailing byte":        {"a3010102820000" + "03a0" + "00", "extraneous data"},
		"duplicate key":        {"a401010101" + "02820000" + "03a0", "duplicate"},
		"unknown key":          {"a4010102820000" + "03a0" + "0400", "unknown field"},
		"other order":          {"a3028200000101" + "03a0", "not as it would be written"},
		"long number":          {"a301180102820000" + "03a0", "not as it would be written"},
		"indefinite map":       {"bf010102820000" + "03a0ff", "indefinite"},
		"tag":                  {"a301c10102820000" + "03a0", "tag"},
		"nanoseconds too many": {"a301010282001a3b9aca00" + "03a0", "number 1"},
		"negative nanoseconds": {"a3010102820020" + "03a0", "number 1"},
		"time overflows":       {"a301010282" + "1b7fffffffffffffff" + "00" + "03a0", "number 1"},
		"huge map":             {"a301010282000003bb00000001000000ff", "max"},
		"huge array":           {"a30101029b0000000100000000", "max"},
		"deep":                 {"a30101" + strings.Repeat("81", 40) + "00", "nested"},
		"half a source":        {"a3010102820000" + "03a1" + "6161" + "a1" + "01" + "6161", "not as it would be written"},
		"a source is a number": {"a3010102820000" + "03a1" + "6161" + "01", "cannot unmarshal"},
	} {
		_, err := Decode(storeFile("gatescan generation\nformat 1\n" + string(storeHex(t, test.payload))))
		if test.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err == nil || !errors.Is(err, source.ErrMalformed) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
	}
	for name, body := range map[string]string{
		"empty":            "",
		"magic only":       "gatescan generation\n",
		"floors":           "gatescan floors\nformat 1\n\xa20000",
		"format 0":         "gatescan generation\nformat 0\n",
		"format -1":        "gatescan generation\nformat -1\n",
		"format too large": "gatescan generation\nformat 65536\n",
		"no format":        "gatescan generation\n\xa3",
		"no line":          "gatescan generation\nformat 1",
	} {
		if _, err := Decode(storeFile(body)); !errors.Is(err, source.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode(storeFile("gatescan generation\nformat 4\n")); !errors.Is(err, ErrNewer) || errors.Is(err, source.ErrMalformed) {
		t.Errorf("format 4: %v", err)
	}
}

// The parts of one source that are wrong although they are well-formed.
func TestGenerationSourceStrict(t *testing.T) {
	spki := storeSigners(t, 1)[0].SPKI
	for name, test := range map[string]struct {
		change  func(*storedForm, *signerForm)
		want    error // nil if the generation is good
		skipped int
	}{
		"good":               {func(*storedForm, *signerForm) {}, nil, 0},
		"key of no use":      {func(_ *storedForm, s *signerForm) { s.SPKI = []byte{0x30, 0} }, nil, 1},
		"no key":             {func(_ *storedForm, s *signerForm) { s.SPKI = []byte{} }, nil, 1},
		"key too large":      {func(_ *storedForm, s *signerForm) { s.SPKI = make([]byte, pki.MaxCertificateSize+1) }, source.ErrTooLarge, 0},
		"short kid":          {func(_ *storedForm, s *signerForm) { s.KID = s.KID[:7] }, source.ErrMalformed, 0},
		"long kid":           {func(_ *storedForm, s *signerForm) { s.KID = append(s.KID, 0) }, source.ErrMalformed, 0},
		"country":            {func(_ *storedForm, s *signerForm) { s.Country = "de" }, source.ErrMalformed, 0},
		"usage":              {func(_ *storedForm, s *signerForm) { s.Usage = 0x81 }, source.ErrMalformed, 0},
		"end of validity":    {func(_ *storedForm, s *signerForm) { s.NotAfter = math.MaxInt64 }, source.ErrMalformed, 0},
		"start of validity":  {func(_ *storedForm, s *signerForm) { s.NotBefore = math.MinInt64 }, source.ErrMalformed, 0},
		"identity":           {func(f *storedForm, _ *signerForm) { f.Identity = f.Identity[1:] }, source.ErrMalformed, 0},
		"withdrawn":          {func(f *storedForm, _ *signerForm) { f.Withdrawn = make([]byte, 9) }, source.ErrMalformed, 0},
		"too many withdrawn": {func(f *storedForm, _ *signerForm) { f.Withdrawn = make([]byte, 8*(maxWithdrawn+1)) }, source.ErrTooLarge, 0},
		"cursor":             {func(f *storedForm, _ *signerForm) { f.Cursor = make([]byte, source.MaxCursor+1) }, source.ErrTooLarge, 0},
		"kind":               {func(f *storedForm, _ *signerForm) { f.Kind = strings.Repeat("x", 256) }, source.ErrTooLarge, 0},
		"floor":              {func(f *storedForm, _ *signerForm) { f.Floor.Seconds = math.MaxInt64 }, source.ErrMalformed, 0},
		"domains":            {func(f *storedForm, _ *signerForm) { f.Domains = []byte{byte(verify.DomainPH4H)} }, nil, 0},
		"domain unknown":     {func(f *storedForm, _ *signerForm) { f.Domains = []byte{0x80} }, source.ErrMalformed, 0},
		"two domains":        {func(f *storedForm, _ *signerForm) { f.Domains = []byte{1, 2} }, source.ErrMalformed, 0},
		"domains of none":    {func(f *storedForm, _ *signerForm) { f.Domains = []byte{0} }, source.ErrMalformed, 0},
		"signers are null":   {func(f *storedForm, s *signerForm) { s.KID, f.Signers = nil, cbor.RawMessage{0xf6} }, source.ErrMalformed, 0},
		"signers are nulls":  {func(f *storedForm, s *signerForm) { s.KID, f.Signers = nil, cbor.RawMessage{0x81, 0xf6} }, source.ErrMalformed, 0},
	} {
		stored := storedForm{Identity: make([]byte, 32), Cursor: []byte{}, Withdrawn: []byte{}}
		signer := signerForm{KID: make([]byte, 8), SPKI: spki}
		test.change(&stored, &signer)
		if stored.Signers == nil {
			stored.Signers, _ = storeEncoding.Marshal([]signerForm{signer})
		}
		file, err := seal(generationMagic, stored.format(), generationForm{Number: 1, Sources: map[string]storedForm{"a": stored}})
		if err != nil {
			t.Fatal(name, err)
		}
		g, err := Decode(file)
		if !errors.Is(err, test.want) || err == nil != (test.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		} else if err == nil && (len(g.Skipped) != test.skipped || len(g.Sources["a"].Holding.Signers) != 1-test.skipped) {
			t.Errorf("%s: %d signers, skipped %v", name, len(g.Sources["a"].Holding.Signers), g.Skipped)
		}
	}
}

// Bounds are over all sources together, and hold in both directions.
func TestGenerationBounds(t *testing.T) {
	sourcetest.NoRaces(t)
	signers := make([]source.Signer, source.MaxCertificates)
	kids := make([]verify.KID, maxWithdrawn)
	split := func(n int) map[string]Stored {
		return map[string]Stored{
			"a": {Holding: source.Holding{Signers: signers[:n], Withdrawn: kids[:n]}},
			"b": {Holding: source.Holding{Signers: signers[:source.MaxCertificates-n], Withdrawn: kids[:maxWithdrawn-n]}},
		}
	}
	data := storeEncode(t, &Generation{Number: 1, Sources: split(40_000)})
	if g, err := Decode(data); err != nil || len(g.Skipped) != source.MaxCertificates {
		t.Errorf("as many as are allowed: %v", err)
	}
	over := split(40_000)
	over["c"] = Stored{Holding: source.Holding{Signers: signers[:1]}}
	many := map[string]Stored{}
	for i := range maxStored + 1 {
		many[fmt.Sprint(i)] = Stored{Kind: "x"}
	}
	large := source.Signer{SPKI: make([]byte, pki.MaxCertificateSize)}
	for name, sources := range map[string]map[string]Stored{
		"signers":   over,
		"withdrawn": {"a": {Holding: source.Holding{Withdrawn: make([]verify.KID, maxWithdrawn+1)}}},
		"sources":   many,
		"name":      {strings.Repeat("x", 256): {}},
		"cursor":    {"a": {Holding: source.Holding{Cursor: make([]byte, source.MaxCursor+1)}}},
		"bytes":     {"a": {Holding: source.Holding{Signers: bytesOfSigners(large, 1100)}}},
	} {
		if _, err := Encode(&Generation{Number: 1, Sources: sources}); !errors.Is(err, source.ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Encode(&Generation{Number: 1, Sources: map[string]Stored{"\xff": {}}}); !errors.Is(err, source.ErrMalformed) {
		t.Errorf("name that is not UTF-8: %v", err)
	}

	// 64 sources with as many nulls each as one source may have signers would take 100 times their size in memory.
	nulls := append([]byte{0x9a, 0, 1, 0x86, 0xa0}, bytes.Repeat([]byte{0xf6}, source.MaxCertificates)...)
	form := generationForm{Number: 1, Sources: map[string]storedForm{}}
	for i := range maxStored {
		form.Sources[fmt.Sprint(i)] = storedForm{Identity: make([]byte, 32), Signers: nulls}
	}
	file, err := seal(generationMagic, 1, form)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(file); !errors.Is(err, source.ErrMalformed) {
		t.Error(err)
	}
	// A list is counted against what the others left before it is decoded.
	good, _ := storeEncoding.Marshal([]signerForm{{KID: make([]byte, 8)}})
	list := append([]byte{0x9a, 0, 1, 0x86, 0xa0}, bytes.Repeat(good[1:], source.MaxCertificates)...)
	form.Sources = map[string]storedForm{}
	for _, name := range []string{"a", "b"} {
		form.Sources[name] = storedForm{Identity: make([]byte, 32), Signers: list}
	}
	if file, err = seal(generationMagic, 1, form); err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(file); !errors.Is(err, source.ErrMalformed) && !errors.Is(err, source.ErrTooLarge) {
		t.Error(err)
	}
}

func bytesOfSigners(s source.Signer, n int) []source.Signer {
	all := make([]source.Signer, n)
	for i := range all {
		all[i] = s
	}
	return all
}

// What decodes, with the hash put right, comes out again as it went in; nothing makes the decoder panic.
func FuzzGeneration(f *testing.F) {
	g := storeGeneration(f, "a", 3)
	g.Number = 7
	g.Sources["b"] = Stored{Kind: "x", Floor: storeTime(1)}
	data := storeEncode(f, g)
	f.Add(data[:len(data)-sha256.Size], true)
	f.Add(data, false)
	g.Sources["a"] = Stored{Holding: source.Holding{Signers: storeSigners(f, 1)}}
	data = storeEncode(f, g)
	f.Add(data[:len(data)-sha256.Size], true) // format 1
	known := floors{9, map[string]floor{"a": {storeTime(1), 2, 1}}}
	file, err := known.encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file[:len(file)-sha256.Size], true)
	f.Fuzz(func(t *testing.T, data []byte, mend bool) {
		if mend {
			data = storeFile(string(data))
		}
		if known, err := decodeFloors(data); err == nil {
			again, err := known.encode()
			if err != nil || !bytes.Equal(again, data) {
				t.Fatalf("floors came out as %x, %v", again, err)
			}
		}
		g, err := Decode(data)
		if err != nil {
			if g != nil || !errors.Is(err, source.ErrMalformed) && !errors.Is(err, source.ErrTooLarge) && !errors.Is(err, ErrNewer) {
				t.Fatal(g, err)
			}
			return
		}
		if len(g.Skipped) > 0 {
			return
		}
		again, err := Encode(g)
		if err != nil || !bytes.Equal(again, data) {
			t.Fatalf("came out as %x, %v", again, err)
		}
	})
}
