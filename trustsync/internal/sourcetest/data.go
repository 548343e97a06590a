// Package sourcetest holds what tests of several rooms of trustsync need: published certificates and lists, made-up domains, TLS servers. Only
// tests import it.
package sourcetest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"testing"

	"gatescan/verify"
)

// Repository returns the directory that go.mod is in.
func Repository(t testing.TB) string {
	t.Helper()
	for dir := "."; len(dir) < 20; dir = filepath.Join("..", dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod above this directory")
	return ""
}

// File returns a file of trustsync/testdata.
func File(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(Repository(t), "trustsync", "testdata", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Gunzipped is a file of testdata.
func Gunzipped(t testing.TB, name string) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(File(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func WHODocument(t testing.TB, name string) []byte {
	t.Helper()
	return Gunzipped(t, "who/"+name+".json.gz")
}

// poolSize is the number of lines in testdata/dsc-pool.jsonl.gz.
const poolSize = 1801

// pooled is a line of testdata/dsc-pool.jsonl.gz.
type pooled struct {
	KID     string `json:"kid_hex"`
	Country string `json:"country"`
	DER     []byte `json:"certificate"`
	X509    string `json:"go_x509"`
}

var poolMu sync.Mutex

var poolAll []pooled // guarded by poolMu

// Pool returns all certificates of the pool, for reading only.
func Pool(t testing.TB) []pooled {
	t.Helper()
	poolMu.Lock()
	defer poolMu.Unlock()
	if poolAll != nil {
		return poolAll
	}
	var all []pooled
	lines := json.NewDecoder(bytes.NewReader(Gunzipped(t, "dsc-pool.jsonl.gz")))
	for lines.More() {
		var p pooled
		if err := lines.Decode(&p); err != nil {
			t.Fatalf("line %d: %v", len(all)+1, err)
		}
		all = append(all, p)
	}
	if len(all) != poolSize {
		t.Fatalf("the pool has %d certificates, want %d", len(all), poolSize)
	}
	poolAll = all
	return all
}

// FromPool returns the certificate with that kid.
func FromPool(t testing.TB, kid string) []byte {
	t.Helper()
	for _, p := range Pool(t) {
		if p.KID == kid {
			return p.DER
		}
	}
	t.Fatalf("no certificate %s in the pool", kid)
	return nil
}

// SameDSC says whether two DSCs are the same, key included.
func SameDSC(a, b verify.DSC) bool {
	return a.KID == b.KID && a.Country == b.Country && a.Usage == b.Usage &&
		a.NotBefore.Equal(b.NotBefore) && a.NotAfter.Equal(b.NotAfter) && reflect.DeepEqual(a.Key, b.Key)
}

// NoRaces skips a long test of one goroutine in short runs, which are those under the race detector: there is nothing for it to
// see, and it makes them ten times as long.
func NoRaces(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("one goroutine: make test runs it")
	}
}
