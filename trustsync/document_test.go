package trustsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sources/germany"
	"gatescan/trustsync/internal/sources/netherlands"
	"gatescan/trustsync/internal/sources/sweden"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// documentKinds are the kinds of lists that are one signed document: how each is made, read, and signed over any payload.
var documentKinds = map[string]struct {
	build   func(d *lists.Domain) ([]byte, error)
	sign    func(d *lists.Domain, payload string) ([]byte, error)
	payload func(entries string) string // with its entries
	unknown string                      // an entry of which nothing can be used
	dated   bool                        // has a signed time
	expires bool
}{
	germany.Kind: {
		build:   lists.Germany,
		sign:    func(d *lists.Domain, payload string) ([]byte, error) { return lists.SignGermany(d, []byte(payload)) },
		payload: func(entries string) string { return `{"certificates":[` + entries + `]}` },
		unknown: `{}`,
	},
	sweden.Kind: {
		build: func(d *lists.Domain) ([]byte, error) { return lists.Sweden(d, sourcetest.Signed, sourcetest.Expires) },
		sign: func(d *lists.Domain, payload string) ([]byte, error) {
			return lists.SignSweden(d.Signer, nil, []byte(payload))
		},
		payload: func(entries string) string {
			return fmt.Sprintf(`{"iat":%d,"exp":%d,"dsc_trust_list":{"XX":{"eku":{},"keys":[%s]}}}`, sourcetest.Signed.Unix(), sourcetest.Expires.Unix(), entries)
		},
		unknown: `{}`, dated: true, expires: true,
	},
	netherlands.Kind: {
		build: func(d *lists.Domain) ([]byte, error) { return lists.Netherlands(d, sourcetest.Signed) },
		sign: func(d *lists.Domain, payload string) ([]byte, error) {
			return lists.SignNetherlands(d.Signer, []byte(payload), lists.CMS{Time: sourcetest.Signed})
		},
		payload: func(entries string) string { return `{"eu_keys":{"AAAAAAAAAAA=":[` + entries + `]}}` },
		unknown: `{}`, dated: true,
	},
}

// documentOf makes a source that is asked without a network.
func documentOf(t testing.TB, kind string, anchors []byte) *fetch.Document {
	t.Helper()
	source, err := NewSource(sources.Config{Kind: kind, URLs: []string{"http://list.example/"}, Anchors: anchors})
	if err != nil {
		t.Fatal(err)
	}
	return source.Source.(*fetch.Document)
}

func TestDocumentGood(t *testing.T) {
	for kind, k := range documentKinds {
		t.Run(kind, func(t *testing.T) {
			d := sourcetest.Domain(t, 3)
			body, err := k.build(d)
			if err != nil {
				t.Fatal(err)
			}
			for name, anchor := range map[string][]byte{"certificate": d.Signer.PEM(), "key": d.Signer.PublicPEM(), "second of two": append(sourcetest.Domain(t, 0).Signer.PEM(), d.Signer.PEM()...)} {
				if kind == netherlands.Kind && name == "key" {
					continue // refused as a configuration: TestDocumentConfig
				}
				h, report, err := documentOf(t, kind, anchor).Read(body, source.Moment{Time: sourcetest.Now, Synced: true})
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if got, want := sourcetest.KIDs(h.Signers), sourcetest.DomainKIDs(d); !slices.Equal(got, want) || report.Loaded != 3 || len(report.Skipped) != 0 || report.Duplicates != 0 {
					t.Errorf("%s: kids %v, want %v; %+v", name, got, want, report)
				}
				for _, s := range h.Signers {
					if s.Country != "XX" || s.Key.Alg() != verify.ES256 || len(s.SPKI) == 0 {
						t.Errorf("%s: %+v", name, s)
					}
				}
				var signed, expires time.Time
				if k.dated {
					signed = sourcetest.Signed
				}
				if k.expires {
					expires = sourcetest.Expires
				}
				if !h.Signed.Equal(signed) || !h.Expires.Equal(expires) {
					t.Errorf("%s: signed %v, expires %v", name, h.Signed, h.Expires)
				}
			}
		})
	}
}

// No bit of a document means nothing, but for space where JSON may have it.
func TestDocumentBitFlips(t *testing.T) {
	sourcetest.NoRaces(t)
	for kind, k := range documentKinds {
		t.Run(kind, func(t *testing.T) {
			d := sourcetest.Domain(t, 2)
			body, err := k.build(d)
			if err != nil {
				t.Fatal(err)
			}
			src := documentOf(t, kind, d.Signer.PEM())
			now := source.Moment{Time: sourcetest.Now, Synced: true}
			if _, _, err := src.Read(body, now); err != nil {
				t.Fatal(err)
			}
			tried := 0
			for i := range body {
				if i > 150 && i < len(body)-150 && i%7 != 0 {
					continue
				}
				for bit := range 8 {
					flipped := bytes.Clone(body)
					flipped[i] ^= 1 << bit
					tried++
					if h, _, err := src.Read(flipped, now); err == nil {
						t.Errorf("byte %d, %q to %q: %d signers", i, body[i], flipped[i], len(h.Signers))
					}
				}
			}
			if tried < 3000 {
				t.Errorf("only %d flips tried", tried)
			}
		})
	}
}

func TestDocumentTruncated(t *testing.T) {
	for kind, k := range documentKinds {
		t.Run(kind, func(t *testing.T) {
			d := sourcetest.Domain(t, 2)
			body, err := k.build(d)
			if err != nil {
				t.Fatal(err)
			}
			body = bytes.TrimRight(body, "\n") // not signed
			src := documentOf(t, kind, d.Signer.PEM())
			lengths := []int{0, 1, 2, len(body) - 1, len(body) - 2}
			for range 200 {
				lengths = append(lengths, rand.N(len(body)))
			}
			for _, n := range lengths {
				_, _, err := src.Read(body[:n], source.Moment{Time: sourcetest.Now})
				if !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
					t.Errorf("cut to %d of %d bytes: %v", n, len(body), err)
				}
			}
		})
	}
}

func TestDocumentWrongKey(t *testing.T) {
	for kind, k := range documentKinds {
		body, err := k.build(sourcetest.Domain(t, 1))
		if err != nil {
			t.Fatal(err)
		}
		other := sourcetest.Domain(t, 0) // whose names are the same
		if _, _, err := documentOf(t, kind, other.Signer.PEM()).Read(body, source.Moment{Time: sourcetest.Now}); !errors.Is(err, source.ErrNotAuthentic) {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func TestDocumentTimes(t *testing.T) {
	last := func(signed time.Time) *source.Holding { return &source.Holding{Signed: signed} }
	for kind, k := range documentKinds {
		d := sourcetest.Domain(t, 1)
		body, err := k.build(d)
		if err != nil {
			t.Fatal(err)
		}
		src := documentOf(t, kind, d.Signer.PEM())
		for _, test := range []struct {
			name  string
			now   source.Moment
			want  error
			needs bool
		}{
			{"at its time", source.Moment{Time: sourcetest.Signed, Synced: true}, nil, true},
			{"at its end", source.Moment{Time: sourcetest.Expires, Synced: true}, nil, true},
			{"past its end", source.Moment{Time: sourcetest.Expires.Add(time.Second)}, source.ErrExpired, k.expires},
			{"a little ahead", source.Moment{Time: sourcetest.Signed.Add(-source.MaxSkew), Synced: true}, nil, true},
			{"too far ahead", source.Moment{Time: sourcetest.Signed.Add(-source.MaxSkew - time.Second), Synced: true}, source.ErrFuture, k.dated},
			{"ahead of a clock that may be wrong", source.Moment{Time: sourcetest.Signed.AddDate(-1, 0, 0)}, nil, true},
			{"the same again", source.Moment{Time: sourcetest.Now, Last: last(sourcetest.Signed)}, nil, true},
			{"older than the last", source.Moment{Time: sourcetest.Now, Last: last(sourcetest.Signed.Add(time.Second))}, source.ErrRollback, k.dated},
		} {
			want := test.want
			if !test.needs {
				want = nil
			}
			if _, _, err := src.Read(body, test.now); !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%s, %s: %v, want %v", kind, test.name, err, want)
			}
		}
		traits := src.Traits()
		if traits.Kind != kind || traits.Rollback != k.dated || (traits.Age == source.AgeSigned) != k.dated || traits.Signs == "" || traits.Absence == "" {
			t.Errorf("%s: %+v", kind, traits)
		}
	}
}

// What is authentic may still be nonsense.
func TestDocumentSignedNonsense(t *testing.T) {
	sourcetest.NoRaces(t)
	for kind, k := range documentKinds {
		d := sourcetest.Domain(t, 1)
		src := documentOf(t, kind, d.Signer.PEM())
		many := func(n int) string { return strings.TrimSuffix(strings.Repeat(k.unknown+",", n), ",") }
		wide := strings.Replace(k.payload(""), "{", `{"more":[`+strings.TrimSuffix(strings.Repeat("[],", 1_000_000), ",")+`],`, 1)
		for _, test := range []struct {
			name    string
			payload string
			want    error
			skipped int
		}{
			{"no entries", k.payload(""), nil, 0},
			{"unusable entries", k.payload(many(3)), nil, 3},
			{"entries of other shapes", k.payload(`1, null, "x", [], {}, {"kid":5}, {"x5c":{}}, {"subjectPk":["x"]}`), nil, 8},
			{"as many as allowed", k.payload(many(source.MaxCertificates)), nil, source.MaxCertificates},
			{"one too many", k.payload(many(source.MaxCertificates + 1)), source.ErrTooLarge, 0},
			{"a million of something else", wide, nil, 0},
			{"not JSON", `{`, source.ErrMalformed, 0},
			{"something follows", k.payload("") + ` {}`, source.ErrMalformed, 0},
			{"not the list", `{"iat":1,"exp":9999999999,"value_sets":{}}`, source.ErrMalformed, 0},
			{"deep", k.payload(strings.Repeat("[", 100_000)), source.ErrMalformed, 0},
			{"deep elsewhere", `{"x":` + strings.Repeat(`{"x":`, 100_000), source.ErrMalformed, 0},
			{"entries that are no array", strings.Replace(strings.Replace(k.payload("@"), "[@]", "{}", 1), "@", "", 1), source.ErrMalformed, 0},
		} {
			body, err := k.sign(d, test.payload)
			if err != nil {
				if test.want != nil && kind == sweden.Kind {
					continue
				}
				t.Fatal(err)
			}
			h, report, err := src.Read(body, source.Moment{Time: sourcetest.Now})
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Errorf("%s, %s: %v, want %v", kind, test.name, err, test.want)
				continue
			}
			if err == nil && (len(report.Skipped) != test.skipped || report.Loaded != 0 || len(h.Signers) != 0) {
				t.Errorf("%s, %s: %d skipped, want %d, %d loaded", kind, test.name, len(report.Skipped), test.skipped, report.Loaded)
			}
		}
		if _, _, err := src.Read(make([]byte, source.MaxListSize+1), source.Moment{Time: sourcetest.Now}); !errors.Is(err, source.ErrTooLarge) {
			t.Errorf("%s, a body too large: %v", kind, err)
		}
	}
}

func TestDocumentConfig(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	urls := []string{"https://list.example/"}
	p384 := sourcetest.P384PEM(t)
	for kind := range documentKinds {
		for name, c := range map[string]sources.Config{
			"no anchor":           {URLs: urls},
			"no URL":              {Anchors: d.Signer.PEM()},
			"anchor that is none": {URLs: urls, Anchors: []byte("x")},
			"anchor of a kind that never signs such lists": {URLs: urls, Anchors: p384},
		} {
			c.Kind = kind
			if _, err := NewSource(c); err == nil {
				t.Errorf("%s: %s is a source", kind, name)
			}
		}
	}
	if _, err := netherlands.New(sources.Config{URLs: urls, Anchors: d.Signer.PublicPEM()}); err == nil {
		t.Error("a bare key is an anchor of a CMS")
	}
	if _, err := sweden.New(sources.Config{URLs: urls, Anchors: d.CSCA.PEM()}); err != nil {
		t.Errorf("an authority as the anchor: %v", err)
	}
}

// documentServer serves a document with an entity tag and counts what it was asked.
func documentServer(t *testing.T, body []byte) (url string, asked *[]string) {
	t.Helper()
	asked = new([]string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked = append(*asked, r.Header.Get("If-None-Match"))
		w.Header().Set("ETag", `"one"`)
		if r.Header.Get("If-None-Match") == `"one"` {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/list", asked
}

func TestDocumentFetch(t *testing.T) {
	for kind, k := range documentKinds {
		t.Run(kind, func(t *testing.T) {
			d := sourcetest.Domain(t, 2)
			body, err := k.build(d)
			if err != nil {
				t.Fatal(err)
			}
			flipped := bytes.Clone(body)
			flipped[len(flipped)/2] ^= 1
			bad, _ := documentServer(t, flipped)
			good, asked := documentServer(t, body)
			src, err := NewSource(sources.Config{Kind: kind, URLs: []string{bad, good}, Anchors: d.Signer.PEM()})
			if err != nil {
				t.Fatal(err)
			}
			now := source.Moment{Time: sourcetest.Now, Synced: true}
			h, report, err := src.Fetch(context.Background(), now)
			if err != nil || !slices.Equal(sourcetest.KIDs(h.Signers), sourcetest.DomainKIDs(d)) || report.Loaded != 2 || string(h.Cursor) != `"one"` {
				t.Fatalf("%v, %+v", err, h)
			}
			now.Last = h
			if _, _, err := src.Fetch(context.Background(), now); !errors.Is(err, source.ErrUnchanged) {
				t.Errorf("again: %v", err)
			}
			h.Cursor = []byte(`"two"`)
			if _, _, err := src.Fetch(context.Background(), now); err != nil {
				t.Errorf("changed: %v", err)
			}
			if want := []string{"", `"two"`}; !slices.Equal(*asked, want) { // the first mirror said that nothing had changed
				t.Errorf("asked for %q, want %q", *asked, want)
			}
			h.Cursor = []byte("not a tag\r\n")
			if _, _, err := src.Fetch(context.Background(), now); err != nil {
				t.Errorf("with a damaged cursor: %v", err)
			}
			only, err := NewSource(sources.Config{Kind: kind, URLs: []string{bad}, Anchors: d.Signer.PEM()})
			if err != nil {
				t.Fatal(err)
			}
			if h, _, err := only.Fetch(context.Background(), source.Moment{Time: sourcetest.Now}); h != nil || !errors.Is(err, source.ErrNotAuthentic) && !errors.Is(err, source.ErrMalformed) {
				t.Errorf("only a bad one: %v, %v", h, err)
			}
		})
	}
}

// An answer without content is none, and so is one that nothing has changed, if nothing was there.
func TestDocumentEmptyAnswers(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	for _, status := range []int{http.StatusNoContent, http.StatusNotModified, http.StatusNotFound} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
		src, err := germany.New(sources.Config{URLs: []string{server.URL}, Anchors: d.Signer.PEM()})
		if err != nil {
			t.Fatal(err)
		}
		if h, _, err := src.Fetch(context.Background(), source.Moment{Time: sourcetest.Now}); err == nil || errors.Is(err, source.ErrUnchanged) || h != nil {
			t.Errorf("status %d: %v, %v", status, h, err)
		}
		server.Close()
	}
}
