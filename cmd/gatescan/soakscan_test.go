//go:build soak

package main

import (
	"bytes"
	"compress/zlib"
	"io"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// soakClock is what the wall clock of a soaked gate says.
type soakClock int

const (
	clockRight soakClock = iota
	clock1970            // below the floor
	clockAhead           // by more than a pass is good for
	clockBack            // by an hour

	numSoakClocks
)

var soakClockText = [numSoakClocks]string{"right", "1970", "a year ahead", "an hour back"}

func (c soakClock) String() string { return soakClockText[c] }

// offset is how far such a clock is off.
func (c soakClock) offset() time.Duration {
	switch c {
	case clock1970:
		return time.Until(time.Unix(3600, 0))
	case clockAhead:
		return 366 * 24 * time.Hour
	case clockBack:
		return -time.Hour
	}
	return 0
}

// scanKind is a kind of what is shown to a module: how often, and what must become of it.
type scanKind struct {
	name   string
	weight int
	make   func(r *rand.Rand) string        // what the module sends
	want   func(c soakClock) (among string) // words for reasons; that a pass is repeated comes on top
}

func always(reasons string) func(soakClock) string { return func(soakClock) string { return reasons } }

// cutReasons is what may become of the beginning of a pass.
const cutReasons = "not_hcert bad_base45 bad_deflate"

// soakKinds mints what a soak shows. The passes are good from a month before to half a year after start, but for "new"
// ones, which were issued at start.
func soakKinds(r *rig, start time.Time) []scanKind {
	at := func(d time.Duration) string { return start.Add(d).UTC().Format(time.RFC3339) }
	const day = 24 * time.Hour
	good := slices.Concat(
		r.mints(16, "-iat", at(-30*day), "-exp", at(180*day)),
		r.mints(8, "-alg", "PS256", "-iat", at(-30*day), "-exp", at(180*day)))
	others := &rig{t: r.t, dir: filepath.Join(r.dir, "others"), lab: r.lab} // nobody trusts them
	others.run(r.lab, "", "init", filepath.Join(others.dir, "lab"))
	return []scanKind{
		{"good", 40, oneOf(good), func(c soakClock) string {
			return [...]string{"accepted", "clock_untrusted", "expired", "accepted"}[c]
		}},
		{"new", 8, oneOf(r.mints(8, "-iat", at(0), "-exp", at(180*day))), func(c soakClock) string {
			back := "not_yet_valid"
			if time.Since(start) > time.Hour-time.Minute { // an hour back is about when they were issued, or after it
				back += " accepted"
			}
			return [...]string{"accepted", "clock_untrusted", "expired", back}[c]
		}},
		{"expired", 10, oneOf(r.mints(8, "-iat", at(-30*day), "-exp", at(-2*day))), func(c soakClock) string {
			return [...]string{"expired", "clock_untrusted", "expired", "expired"}[c]
		}},
		{"forged", 10, oneOf(forge(r.t, good)), func(c soakClock) string {
			return [...]string{"bad_signature", "clock_untrusted", "bad_signature", "bad_signature"}[c]
		}},
		{"strange", 8, oneOf(others.mints(8)), always("unknown_kid")},
		{"garbage", 10, garbage, always("not_hcert other_code")},
		{"overlong", 6, overlong(good), always("too_large")},
		{"truncated", 8, truncated(good), always(cutReasons)},
	}
}

// mints makes n passes that differ in their signatures.
func (r *rig) mints(n int, args ...string) []string {
	r.t.Helper()
	passes := strings.Split(r.mint(strings.TrimSpace(strings.Repeat(canary+"\n", n)), args...), "\n")
	if len(passes) != n || passes[0] == passes[n-1] {
		r.t.Fatalf("%d passes were minted, want %d different ones", len(passes), n)
	}
	return passes
}

func oneOf(passes []string) func(*rand.Rand) string {
	return func(r *rand.Rand) string { return passes[r.IntN(len(passes))] + "\r" }
}

// forge spoils the signatures of passes, and packs them as if nothing had happened.
func forge(t *testing.T, passes []string) (forged []string) {
	t.Helper()
	for _, pass := range passes {
		z, err := zlib.NewReader(bytes.NewReader(fromBase45(strings.TrimPrefix(pass, "HC1:"))))
		if err != nil {
			t.Fatal(err)
		}
		cose, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		cose[len(cose)-1] ^= 1 // the signature is the last member of a COSE_Sign1
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		if _, err := w.Write(cose); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		forged = append(forged, "HC1:"+toBase45(b.Bytes()))
	}
	return forged
}

// base45 is the alphabet of RFC 9285: two bytes are three of its digits, the least first; a last byte is two.
const base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

func fromBase45(text string) (b []byte) {
	for digits := range slices.Chunk([]byte(text), 3) {
		n := 0
		for i := len(digits) - 1; i >= 0; i-- {
			n = 45*n + strings.IndexByte(base45, digits[i])
		}
		if len(digits) == 3 {
			b = append(b, byte(n>>8))
		}
		b = append(b, byte(n))
	}
	return b
}

func toBase45(b []byte) string {
	var text []byte
	for pair := range slices.Chunk(b, 2) {
		n := 0
		for _, c := range pair {
			n = n<<8 | int(c)
		}
		for range len(pair) + 1 {
			text = append(text, base45[n%45])
			n /= 45
		}
	}
	return string(text)
}

// garbage is any bytes. Its end makes one frame of it, unless an end among the bytes did already: a short printable piece is another code.
func garbage(r *rand.Rand) string {
	b := make([]byte, r.IntN(300))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return string(b) + "~\r"
}

// overlong is longer than any QR text, and short enough to be in the line's buffers at once: a pause would end the frame.
func overlong(passes []string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		text := passes[r.IntN(len(passes))]
		return strings.Repeat(text, 4400/len(text)+1+r.IntN(3)) + "\r"
	}
}

// truncated is the beginning of a good pass, ended by a terminator or by silence.
func truncated(passes []string) func(*rand.Rand) string {
	return func(r *rand.Rand) string {
		text := passes[r.IntN(len(passes))]
		text = text[:1+r.IntN(len(text)-1)]
		if r.IntN(2) == 0 {
			text += "\r"
		}
		return text
	}
}

// pick chooses a kind by weight.
func pick(kinds []scanKind, r *rand.Rand) *scanKind {
	total := 0
	for i := range kinds {
		total += kinds[i].weight
	}
	n := r.IntN(total)
	for i := range kinds {
		if n -= kinds[i].weight; n < 0 {
			return &kinds[i]
		}
	}
	panic("unreachable")
}
