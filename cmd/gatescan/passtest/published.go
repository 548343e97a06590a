package passtest

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatescan/trustsync"
	"gatescan/verify"
)

// Pass is a published test pass.
type Pass struct {
	ID   string
	Text string
	Now  time.Time // when it is good
	DSC  verify.DSC
}

// Published returns n passes of dgc-testdata that a verifier accepts, and trust in all of their DSCs.
func Published(t testing.TB, n int) ([]Pass, *verify.Trust) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), "verify", "testdata", "dgc-testdata.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var passes []Pass
	var dscs []verify.DSC
	v := verify.New(verify.Policy{})
	for line := range bytes.Lines(data) {
		var c struct {
			ID          string `json:"id"`
			Text        string `json:"text"`
			Certificate []byte `json:"certificate"`
			Clock       int64  `json:"clock"`
		}
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		d, err := trustsync.ParseCertificate(c.Certificate)
		if err != nil {
			continue
		}
		now := time.Unix(c.Clock, 0)
		if v.Verify([]byte(c.Text), verify.NewTrust([]verify.DSC{d}), now).Accepted() {
			passes, dscs = append(passes, Pass{c.ID, c.Text, now, d}), append(dscs, d)
		}
		if len(passes) == n {
			return passes, verify.NewTrust(dscs)
		}
	}
	t.Fatalf("only %d passes", len(passes))
	return nil, nil
}

// root returns the directory of go.mod, which tests run below.
func root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		above := filepath.Dir(dir)
		if above == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = above
	}
}
