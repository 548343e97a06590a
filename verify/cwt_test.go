package verify

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/fxamacker/cbor/v2"
)

// oracleClaims is the payload as fxamacker/cbor reads it.
type oracleClaims struct {
	Issuer    any         `cbor:"1,keyasint"`
	Expires   any         `cbor:"4,keyasint"`
	NotBefore any         `cbor:"5,keyasint"`
	IssuedAt  any         `cbor:"6,keyasint"`
	HCERT     map[any]any `cbor:"-260,keyasint"`
}

// seconds is a NumericDate as a number, NaN if it is none.
func seconds(v any) float64 {
	if tag, ok := v.(cbor.Tag); ok {
		v = tag.Content
	}
	switch v := v.(type) {
	case uint64:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		return v
	case time.Time:
		return float64(v.UnixNano()) / 1e9
	}
	return math.NaN()
}

// FuzzClaims signs any payload. What is accepted must be acceptable as fxamacker/cbor reads it.
func FuzzClaims(f *testing.F) {
	l := newLab(f)
	for _, p := range probes(f, l) {
		if p.sketch.payload != nil {
			f.Add(p.sketch.payload)
		}
	}
	v := New(Policy{})
	for _, p := range spread(acceptable(f, ES256), 30) {
		m, _, refused := v.parseSign1(decodeText(f, p.text))
		if refused != noObjection {
			f.Fatal(refused)
		}
		f.Add(append([]byte{}, m.payload...))
	}
	mode, err := cbor.DecOptions{DupMapKey: cbor.DupMapKeyEnforcedAPF, TimeTag: cbor.DecTagIgnored}.DecMode()
	if err != nil {
		f.Fatal(err)
	}
	now := float64(l.now.Unix())
	f.Fuzz(func(t *testing.T, payload []byte) {
		if len(payload) > maxCWT/2 {
			return
		}
		if verdict := v.Verify(l.mint(t, sketch{payload: payload}), l.trust(), l.now); !verdict.Accepted() {
			return
		}
		if err := mode.Wellformed(payload); err != nil {
			t.Fatalf("accepted %x, but fxamacker/cbor says %v", payload, err)
		}
		var c oracleClaims
		var twice *cbor.DupMapKeyError
		if err := mode.Unmarshal(payload, &c); errors.As(err, &twice) {
			t.Fatalf("accepted %x, but fxamacker/cbor says %v", payload, err)
		} else if err != nil {
			return // a tag whose content it dislikes, such as a date that is none: formats are not enforced here
		}
		if !(seconds(c.Expires) > now) || !(seconds(c.IssuedAt) <= now) || c.NotBefore != nil && !(seconds(c.NotBefore) <= now) {
			t.Fatalf("accepted %x with exp %v, iat %v, nbf %v at %v", payload, c.Expires, c.IssuedAt, c.NotBefore, now)
		}
		dcc, ok := c.HCERT[uint64(keyDCC)].(map[any]any)
		if !ok {
			t.Fatalf("accepted %x with %v", payload, c.HCERT)
		}
		entries := 0
		for _, group := range []string{"v", "t", "r"} {
			if list, ok := dcc[group].([]any); ok {
				entries += len(list)
			}
		}
		if entries != 1 {
			t.Fatalf("accepted %x with %d entries", payload, entries)
		}
	})
}
