package lists

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"math/bits"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestServerDistorted(t *testing.T) {
	b := serve(t)
	const path = "/netherlands/v4/verifier/public_keys"
	resp, good := b.get(path)
	tag := resp.Header.Get("ETag")
	for fault, at := range map[string]int{"flip": len(good) / 2, "flip=0": 0, "flip=7": 7, "flip=99999999": len(good) - 1} {
		_, body := b.get("/~"+fault+path, "If-None-Match", tag) // sent all the same
		different := 0
		for i := range body {
			different += bits.OnesCount8(body[i] ^ good[i])
		}
		if len(body) != len(good) || different != 1 || body[at] == good[at] {
			t.Errorf("%s: %d bits, of %d bytes", fault, different, len(body))
		}
	}
	for fault, n := range map[string]int{"cut": len(good) / 2, "cut=0": 0, "cut=9": 9, "cut=99999999": len(good) - 1} {
		if resp, body := b.get("/~" + fault + path); !bytes.Equal(body, good[:n]) || resp.ContentLength != int64(n) {
			t.Errorf("%s: %d bytes, announced as %d", fault, len(body), resp.ContentLength)
		}
	}
	for fault, n := range map[string]int{"torn": len(good) / 2, "torn=0": 0, "torn=9": 9, "torn=99999999": len(good) - 1} {
		resp, body, err := b.ask("/~" + fault + path)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.Equal(body, good[:n]) || resp.ContentLength != int64(len(good)) {
			t.Errorf("%s: %v after %d bytes, announced as %d", fault, err, len(body), resp.ContentLength)
		}
	}
	for fault, code := range map[string]int{"500": 500, "404": 404, "304": 304} {
		if resp, _ := b.get("/~" + fault + path); resp.StatusCode != code {
			t.Errorf("%s: %d", fault, resp.StatusCode)
		}
	}
	if resp, _ := b.get("/~redirect" + path); resp.StatusCode != http.StatusFound || resp.Header.Get("Location") != "/~redirect"+path {
		t.Errorf("redirect: %v", resp.Header)
	}
	resp, _ = b.get("/~downgrade" + path)
	there, err := b.http.Get(resp.Header.Get("Location"))
	if err != nil || there.StatusCode != http.StatusOK || there.Request.URL.Scheme != "http" {
		t.Fatalf("downgrade: %v, %v", resp.Header, err)
	}
	there.Body.Close()
	if there, err = b.http.Get(b.URL(Plain, "/~downgrade"+path)); err != nil || !strings.HasPrefix(there.Header.Get("Location"), "http://localhost:") {
		t.Fatalf("downgrade from http: %v", err)
	}
	there.Body.Close()
	resp, body := b.get("/~skew=-24h" + path)
	if date, err := http.ParseTime(resp.Header.Get("Date")); err != nil || (time.Since(date)-24*time.Hour).Abs() > time.Minute || !bytes.Equal(body, good) {
		t.Errorf("skew: %v", resp.Header)
	}
}

func TestServerNeverEnds(t *testing.T) {
	b := serve(t)
	const path = "/germany/trustList/DSC/"
	_, good := b.get(path)
	open := func(fault string) (*http.Response, context.CancelFunc) {
		ctx, cancel := context.WithCancel(t.Context())
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL(TLS, "/~"+fault+path), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := b.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp, func() {
			resp.Body.Close()
			cancel()
		}
	}
	resp, hangUp := open("endless")
	begin := make([]byte, len(good)+8<<20)
	if _, err := io.ReadFull(resp.Body, begin); err != nil || !bytes.HasPrefix(begin, good) || strings.Trim(string(begin[len(good):]), " ") != "" {
		t.Errorf("endless: %v", err)
	}
	hangUp()

	resp, hangUp = open("gzip")
	unpacked, err := gzip.NewReader(resp.Body)
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, resp.Header)
	}
	if n, err := io.CopyN(io.Discard, unpacked, 64<<20); err != nil {
		t.Errorf("gzip: %d bytes, %v", n, err)
	}
	hangUp()

	resp, hangUp = open("slow=10")
	start := time.Now()
	if _, err := io.ReadFull(resp.Body, begin[:10]); err != nil || time.Since(start) < 800*time.Millisecond || !bytes.HasPrefix(good, begin[:10]) {
		t.Errorf("slow=10: %v in %v", err, time.Since(start))
	}
	hangUp()

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, b.URL(TLS, "/~hang"+path), nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := b.http.Do(req); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("hang: %v, %v", resp, err)
	}
}
