package scanner

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a module sends, with pauses in it, on a port that has shown that its frames end with a terminator.
func TestPauseWithinAText(t *testing.T) {
	texts := loadTexts(t)
	pass, other := texts[0], texts[1]
	const ticket = "M1SPECIMEN/ERIKA      EABCDEF FRAJFKLH 0400 326Y014C0001 100" // all of it is in the alphabet of Base45
	half := len(pass) / 2
	for _, tt := range []struct {
		name  string
		sent  []string // pieces
		pause time.Duration
		want  []string
	}{
		{"a pass in two pieces", []string{pass[:half], pass[half:] + "\r"}, 450 * time.Millisecond, []string{pass}},
		{"a pass in five pieces", []string{"]Q1", pass[:1], pass[1:half], pass[half:], "\r\n"}, 300 * time.Millisecond, []string{pass}},
		{"a pass cut in its context", []string{"HC", pass[2:] + "\r"}, 300 * time.Millisecond, []string{pass}},
		{"too long a pause", []string{pass[:half], pass[half:] + "\r"}, 600 * time.Millisecond, []string{pass[:half], pass[half:]}},
		{"half a pass, then the same", []string{pass[:half], pass + "\r"}, 200 * time.Millisecond, []string{pass}},
		{"half a pass, then another", []string{pass[:half], other + "\r"}, 200 * time.Millisecond, []string{other}},
		{"half a pass, then another behind AIM", []string{pass[:half], "]Q1" + other + "\r"}, 200 * time.Millisecond, []string{other}},
		{"half a pass, then another in two pieces", []string{pass[:half], other[:half], other[half:] + "\r"}, 200 * time.Millisecond, []string{other}},
		{"half a pass, then a link", []string{pass[:half], "https://example.eu/\r"}, 200 * time.Millisecond, []string{"https://example.eu/"}},
		{"half a pass, then a ticket", []string{pass[:half], ticket + "\r"}, 200 * time.Millisecond, []string{ticket}},
		{"half a link, then the same", []string{"https://example.eu/a", "https://example.eu/a/b\r"}, 200 * time.Millisecond, []string{"https://example.eu/a/b"}},
		{"half a ticket, then a pass", []string{ticket[:30], pass + "\r"}, 200 * time.Millisecond, []string{pass}},
		{"half a pass, then one that is too long", []string{pass[:half], strings.Repeat("A", MaxFrame+1) + "\r"}, 200 * time.Millisecond, []string{strings.Repeat("A", MaxFrame)}},
		{"half a pass, then nothing", []string{pass[:half], ""}, time.Second, []string{pass[:half]}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := newFakePort()
			run(t, p, func(b *bench) {
				after(2 * testGap)
				p.send("HC1:FIRST\r\n")
				after(time.Second)
				b.frames = nil
				for _, piece := range tt.sent {
					p.send(piece)
					after(tt.pause)
				}
				after(time.Second)
				b.want(t, tt.want...)
			})
		})
	}
}

// A pause where the reader drops what follows a decision does not make a text of what comes behind it.
func TestPauseWhileDropping(t *testing.T) {
	texts := loadTexts(t)
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2 * testGap)
		p.send("HC1:FIRST\r")
		after(time.Second)
		p.send(texts[0] + "\r")
		after(testGap / 2)
		p.send(texts[1][:100])
		after(200 * time.Millisecond)
		p.send(texts[1][100:] + "\r")
		after(time.Second)
		b.want(t, "HC1:FIRST", texts[0])
		p.send(texts[1] + "\r")
		b.want(t, "HC1:FIRST", texts[0], texts[1])
	})
}

// A module that marks no ends is read at once, also after somebody has shown a code with a terminator in it.
func TestNoTerminator(t *testing.T) {
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2 * testGap)
		for range 3 {
			p.send("sHC1:RAW")
			after(2 * testGap)
		}
		b.want(t, "HC1:RAW", "HC1:RAW", "HC1:RAW")
		p.send("sBEGIN:VCARD\r")
		b.frames = nil
		after(time.Second)
		for range 10 { // a code that stays in view
			p.send("sHC1:0123456789")
			after(200 * time.Millisecond)
		}
		if len(b.frames) < 5 {
			t.Errorf("of ten showings %q", b.frames)
		}
		b.frames = nil
		after(time.Second)
		p.send("sBEGIN:VCARD\r")
		after(time.Second)
		p.send("sHC1:LATE") // the silence behind it shows that this module marks no ends
		after(time.Second)
		p.send("sHC1:B")
		after(2 * testGap)
		b.want(t, "sBEGIN:VCARD", "HC1:LATE", "HC1:B")
	})
}

// Passes in random pieces with random pauses: what comes out is a pass that was sent, or part of one if the line was silent for long.
// Two never make a third, if the line was silent between them.
func TestRandomPauses(t *testing.T) {
	texts := loadTexts(t)
	whole := 0
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 16))
		p := newFakePort()
		run(t, p, func(b *bench) {
			after(2 * testGap)
			p.send("HC1:FIRST\r")
			after(time.Second)
			b.frames = nil
			for range 50 {
				text := texts[r.IntN(len(texts))]
				sent := text + "\r"
				if r.IntN(4) == 0 {
					sent = text[:r.IntN(len(text))] // its end gets lost
				}
				for len(sent) > 0 {
					n := 1 + r.IntN(len(sent))
					p.send(sent[:n])
					sent = sent[n:]
					after(time.Duration(r.IntN(390)) * time.Millisecond)
				}
				after(2 * testGap)
			}
			after(time.Second)
			for _, frame := range b.frames {
				if slices.Contains(texts, frame) {
					whole++
				} else if !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(text, frame) }) {
					t.Errorf("seed %d: %q was never sent", seed, frame)
				}
			}
		})
	}
	if whole < 500 {
		t.Errorf("only %d whole passes", whole)
	}
}

// Whether a text came whole, and whether it followed the one before.
func TestWholeAndContinued(t *testing.T) {
	type mark struct{ whole, continued bool }
	watch := func(b *bench) *[]mark {
		var marks []mark
		b.during = func(f Frame) { marks = append(marks, mark{f.Whole, f.Continued}) }
		return &marks
	}
	p := newFakePort()
	run(t, p, func(b *bench) {
		marks := watch(b)
		after(2 * testGap)
		p.send("HC1:RAW") // ended by silence on a line whose module nobody can ask
		after(time.Second)
		p.send("HC1:A\r")
		after(200 * time.Millisecond)
		p.send("#UT01\x9e\r") // a piece of a ticket
		after(100 * time.Millisecond)
		p.send("\x01rest\r")
		after(600 * time.Millisecond)
		p.send("HC1:HALF")
		after(time.Second)
		p.send("HC1:A\r")
		for range 40 { // no silence: nothing of it is a frame, but the line goes on
			p.send("HC1:A\r")
			after(testGap / 2)
		}
		after(200 * time.Millisecond)
		p.send("HC1:A\r")
		after(time.Second)
		p.send(strings.Repeat("Z", MaxFrame+1) + "\r")
		after(time.Second)
		want := []mark{{false, false}, {true, false}, {true, true}, {true, true}, {false, false}, {true, false}, {true, true}, {false, false}}
		if !slices.Equal(*marks, want) {
			t.Errorf("whole, continued %v\nwant             %v", *marks, want)
		}
	})
	m := newRecorded(t, 115200, gm65Talk)
	p = m.port()
	runModule(t, ModuleGM65, p, func(b *bench) {
		marks := watch(b)
		after(setUpLimit)
		p.send("HC1:RAW") // its module has answered, so the line is good
		after(time.Second)
		p.send("HC1:A\r")
		after(time.Second)
		p.send("HC1:HALF") // and now it is known to mark ends
		after(time.Second)
		if want := []mark{{true, false}, {true, false}, {false, false}}; !slices.Equal(*marks, want) {
			t.Errorf("whole, continued %v\nwant             %v", *marks, want)
		}
	})
}
