package trustsync

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"sync"
	"testing"

	"gatescan/verify"
)

// poolSize is the number of lines in testdata/dsc-pool.jsonl.gz.
const poolSize = 1801

// pooled is a line of testdata/dsc-pool.jsonl.gz.
type pooled struct {
	KID     string `json:"kid_hex"`
	Country string `json:"country"`
	DER     []byte `json:"certificate"`
	X509    string `json:"go_x509"`
}

var readPool = sync.OnceValues(func() (all []pooled, err error) {
	file, err := os.Open("testdata/dsc-pool.jsonl.gz")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := gzip.NewReader(file)
	if err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		var p pooled
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil {
			return nil, fmt.Errorf("line %d: %w", len(all)+1, err)
		}
		all = append(all, p)
	}
	return all, lines.Err()
})

// pool returns all certificates of the pool, for reading only.
func pool(t testing.TB) []pooled {
	t.Helper()
	all, err := readPool()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != poolSize {
		t.Fatalf("the pool has %d certificates, want %d", len(all), poolSize)
	}
	return all
}

// fromPool returns the certificate with that kid.
func fromPool(t testing.TB, kid string) []byte {
	t.Helper()
	for _, p := range pool(t) {
		if p.KID == kid {
			return p.DER
		}
	}
	t.Fatalf("no certificate %s in the pool", kid)
	return nil
}

// sameDSC says whether two DSCs are the same, key included.
func sameDSC(a, b verify.DSC) bool {
	return a.KID == b.KID && a.Country == b.Country && a.Usage == b.Usage &&
		a.NotBefore.Equal(b.NotBefore) && a.NotAfter.Equal(b.NotAfter) && reflect.DeepEqual(a.Key, b.Key)
}
