package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
)

// Every answer is bounded, and one that is no page fails the attempt.
func TestGatewayHostilePages(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 100)
	g := gatewayOf(t, d)
	var page atomic.Int64
	always := func(text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, text); return true }
	}
	ofHundred := func() string { // entries that are all different
		n := page.Add(1)
		return "[" + strings.TrimSuffix(strings.Repeat(fmt.Sprintf(`{"kid":"%d"},`, n), gatewayPage), ",") + "]"
	}
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter, *http.Request) bool
		want   error
	}{
		{"good", func(http.ResponseWriter, *http.Request) bool { return false }, nil},
		{"the first page again and again", func(_ http.ResponseWriter, r *http.Request) bool {
			r.URL.RawQuery = "pagesize=100"
			return false
		}, source.ErrMalformed},
		{"no end", func(w http.ResponseWriter, _ *http.Request) bool { fmt.Fprint(w, ofHundred()); return true }, source.ErrTooLarge},
		{"pages of 7 MiB without end", func(w http.ResponseWriter, _ *http.Request) bool {
			fmt.Fprint(w, strings.Repeat(" ", 7<<20), ofHundred())
			return true
		}, source.ErrTooLarge},
		{"more than was asked for", always("[" + strings.Repeat("{},", gatewayPage) + "{}]"), source.ErrMalformed},
		{"a body without end", func(w http.ResponseWriter, _ *http.Request) bool {
			for range 2 * maxGatewayPage / 1024 {
				fmt.Fprint(w, strings.Repeat(" ", 1024))
			}
			return true
		}, source.ErrTooLarge},
		{"nothing", always(""), source.ErrMalformed},
		{"null", always("null"), source.ErrMalformed},
		{"an object", always("{}"), source.ErrMalformed},
		{"HTML", always("<html>"), source.ErrMalformed},
		{"half a page", always(`[{"kid":"`), source.ErrMalformed},
		{"something follows", always(`[] []`), source.ErrMalformed},
		{"deep", always(strings.Repeat("[", 1_000_000)), source.ErrMalformed},
		{"no content", func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusNoContent); return true }, source.ErrMalformed},
	} {
		page.Store(0)
		src := gatewaySource(t, d.Anchor.PEM(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, lists.GatewayDSC) && test.answer(w, r) {
				return
			}
			g.ServeHTTP(w, r)
		}))
		h, _, err := src.Fetch(context.Background(), gatewayNow(nil))
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || (h == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		most := int64(2 * maxGatewayPages)
		if strings.Contains(test.name, "7 MiB") {
			most = 2 * source.MaxListSize / (7 << 20)
		}
		if page.Load() > most {
			t.Errorf("%s: %d pages were asked for", test.name, page.Load())
		}
	}
	source := gatewaySource(t, d.Anchor.PEM(), http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	var status *fetch.StatusError
	if _, _, err := source.Fetch(context.Background(), gatewayNow(nil)); !errors.As(err, &status) || status.Code != http.StatusUnauthorized {
		t.Errorf("a stranger: %v", err)
	}
}
