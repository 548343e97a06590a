package verify

import (
	"errors"
	"math"
	"strings"
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
		var whole any // for keys twice at any depth; it may dislike the content of a tag, such as a date that is none
		var twice *cbor.DupMapKeyError
		if err := mode.Unmarshal(payload, &whole); errors.As(err, &twice) {
			t.Fatalf("accepted %x, but fxamacker/cbor says %v", payload, err)
		} else if err != nil && strings.Contains(err.Error(), "tag number") {
			return // a time or a bignum that is none: it reads nothing around that, either
		}
		read := func(what string, raw []byte, into any) {
			if err := mode.Unmarshal(raw, into); err != nil {
				t.Fatalf("accepted %x, whose %s fxamacker/cbor cannot read: %v", payload, what, err)
			}
		}
		// Raw, so that what stands in tags deeper down is not judged here.
		var claims, hcert, dcc map[any]cbor.RawMessage
		read("claims", payload, &claims)
		read("health certificate claim", claims[int64(claimHCERT)], &hcert)
		read("DCC", hcert[uint64(keyDCC)], &dcc)

		var expires, issuedAt, notBefore any
		read("exp", claims[uint64(claimExpires)], &expires)
		read("iat", claims[uint64(claimIssuedAt)], &issuedAt)
		if raw, ok := claims[uint64(claimNotBefore)]; ok {
			read("nbf", raw, &notBefore)
		}
		if !(seconds(expires) >= now) || !(seconds(issuedAt) <= now) || notBefore != nil && !(seconds(notBefore) <= now) {
			t.Fatalf("accepted %x with exp %v, iat %v, nbf %v at %v", payload, expires, issuedAt, notBefore, now)
		}
		entries := 0
		for _, group := range []string{"v", "t", "r"} {
			var list []cbor.RawMessage
			if raw, ok := dcc[group]; ok {
				read("group "+group, raw, &list)
			}
			entries += len(list)
		}
		if entries != 1 {
			t.Fatalf("accepted %x with %d entries", payload, entries)
		}
	})
}
