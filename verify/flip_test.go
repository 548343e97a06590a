package verify

import (
	"bytes"
	"testing"
)

// Every single bit of 20 ES256 and 5 PS256 passes is flipped: in the COSE message, and for some also in the
// compressed bytes and in the text. A flip may be accepted only in the unprotected header, which nobody signs, and in
// the bits that DEFLATE pads to a byte with, which say nothing (RFC 1951 §3.2.4).
func TestEveryBitFlip(t *testing.T) {
	passes := spread(acceptable(t, ES256), 20)
	passes = append(passes, spread(acceptable(t, PS256), 5)...)
	step := 1
	if testing.Short() || raceEnabled {
		step = 7
		t.Logf("short or with the race detector: every %dth bit of 1 of %d passes", step, len(passes))
		passes = passes[:1]
	}
	v := New(Policy{})
	flips, accepted, padding := 0, 0, 0
	for i, p := range passes {
		trust := NewTrust([]DSC{p.dsc})
		judge := func(text []byte) bool { return v.Verify(text, trust, p.now).Accepted() }
		message := decodeText(t, p.text)
		m, _, refused := v.parseSign1(message)
		if refused != noObjection {
			t.Fatalf("%s: %v", p.id, refused)
		}
		unprotected := bytes.Index(message, m.protected) + len(m.protected)
		end := bytes.LastIndex(message, m.payload) - 3 // the head of a payload of 256 bytes or more
		for bit := 0; bit < 8*len(message); bit += step {
			flipped := flip(message, bit)
			flips++
			if judge([]byte(prefix + encodeBase45(compress(flipped)))) {
				accepted++
				t.Logf("%s: accepted with bit %d of byte %d flipped", p.id, bit%8, bit/8)
				if at := bit / 8; at < unprotected || at >= end {
					t.Errorf("%s: byte %d is not in the unprotected header (%d to %d)", p.id, at, unprotected, end)
				}
			}
		}
		if i%8 != 0 {
			continue
		}
		compressed, _ := decodeBase45(make([]byte, maxCompressed), p.text[len(prefix):])
		for bit := range 8 * len(compressed) {
			flips++
			flipped := flip(compressed, bit)
			if judge([]byte(prefix + encodeBase45(flipped))) {
				padding++
				t.Logf("%s: accepted with bit %d of compressed byte %d flipped, which pads", p.id, bit%8, bit/8)
				if got, ok := oracleInflate(flipped, maxCWT); !ok || !bytes.Equal(got, message) {
					t.Errorf("%s: the flip changes the message", p.id)
				}
			}
		}
		for bit := range 8 * len(p.text) {
			flips++
			if judge(flip(p.text, bit)) {
				t.Errorf("%s: accepted with bit %d of the text flipped", p.id, bit)
			}
		}
	}
	t.Logf("%d flips over %d passes: accepted %d in unprotected headers and %d in padding", flips, len(passes), accepted, padding)
	if flips < 3000/step {
		t.Errorf("only %d flips", flips)
	}
}

func flip(b []byte, bit int) []byte {
	b = bytes.Clone(b)
	b[bit/8] ^= 1 << (bit % 8)
	return b
}

// spread picks n of the passes, as far from each other as can be: neighbours are from one issuer.
func spread(passes []signed, n int) (some []signed) {
	n = min(n, len(passes))
	for i := range n {
		some = append(some, passes[i*len(passes)/n])
	}
	return some
}
