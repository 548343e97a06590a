package scanner

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func (u uart) config() Config {
	return Config{Device: "/dev/fake", Baud: int(u.baud), DataBits: u.dataBits, Parity: u.parity, StopBits: u.stopBits}.WithDefaults()
}

// wrongLines are modules that are set otherwise than the line: how they send, how we receive, and what should be said.
var wrongLines = []struct {
	name             string
	module, receiver uart
	problem          Problem
	likely           string
}{
	{"right", uart{baud: 9600}, uart{baud: 9600}, NoProblem, ""},
	{"right, 1.5% off", uart{baud: 9600 * 1.015}, uart{baud: 9600}, NoProblem, ""},
	{"right, 7E1", uart{baud: 9600, dataBits: 7, parity: ParityEven}, uart{baud: 9600, dataBits: 7, parity: ParityEven}, NoProblem, ""},
	{"8N2", uart{baud: 9600, stopBits: 2}, uart{baud: 9600}, NoProblem, ""}, // is read
	{"8N1 at 8N2", uart{baud: 9600}, uart{baud: 9600, stopBits: 2}, NoProblem, ""},

	{"9600 at 115200", uart{baud: 9600}, uart{baud: 115200}, WrongSpeed, "9600"},
	{"9600 at 115200, 1% off", uart{baud: 9600 * 0.99}, uart{baud: 115200}, WrongSpeed, "9600"},
	{"19200 at 115200", uart{baud: 19200}, uart{baud: 115200}, WrongSpeed, "19200"},
	{"38400 at 115200", uart{baud: 38400 * 1.004}, uart{baud: 115200}, WrongSpeed, "38400"},
	{"57600 at 115200", uart{baud: 57600}, uart{baud: 115200}, WrongSpeed, "57600"},
	{"9600 at 57600", uart{baud: 9600}, uart{baud: 57600}, WrongSpeed, "9600"},
	{"9600 at 38400", uart{baud: 9600}, uart{baud: 38400}, WrongSpeed, "9600"},
	{"9600 at 19200", uart{baud: 9600}, uart{baud: 19200}, WrongSpeed, "9600"},
	{"115200 at 9600", uart{baud: 115200}, uart{baud: 9600}, WrongSpeed, "115200"},
	{"115200 at 9600, 1% off", uart{baud: 115200 * 1.01}, uart{baud: 9600}, WrongSpeed, "115200"},
	{"115200 at 19200", uart{baud: 115200}, uart{baud: 19200}, WrongSpeed, "115200"},
	{"115200 at 38400", uart{baud: 115200}, uart{baud: 38400}, WrongSpeed, "115200"},
	{"115200 at 57600", uart{baud: 115200}, uart{baud: 57600}, WrongSpeed, "115200"},

	{"7E1", uart{baud: 9600, dataBits: 7, parity: ParityEven}, uart{baud: 9600}, WrongParity, "7 data bits, even"},
	{"7O1", uart{baud: 9600, dataBits: 7, parity: ParityOdd}, uart{baud: 9600}, WrongParity, "7 data bits, odd"},
	{"8E1", uart{baud: 9600, parity: ParityEven}, uart{baud: 9600}, WrongParity, "8 data bits, even"},
	{"8O1", uart{baud: 9600, parity: ParityOdd}, uart{baud: 9600}, WrongParity, "8 data bits, odd"},
	{"8N1 at 7E1", uart{baud: 9600}, uart{baud: 9600, dataBits: 7, parity: ParityEven}, WrongParity, "8 data bits, none"},
	{"8N1 at 7O1", uart{baud: 9600}, uart{baud: 9600, dataBits: 7, parity: ParityOdd}, WrongParity, "8 data bits, none"},
	{"7O1 at 7E1", uart{baud: 9600, dataBits: 7, parity: ParityOdd}, uart{baud: 9600, dataBits: 7, parity: ParityEven}, WrongParity, "odd, or none"},
	{"7E1 at 7O1", uart{baud: 9600, dataBits: 7, parity: ParityEven}, uart{baud: 9600, dataBits: 7, parity: ParityOdd}, WrongParity, "even, or none"},

	{"inverted", uart{baud: 9600, inverted: true}, uart{baud: 9600}, Inverted, ""},
	{"inverted at 115200", uart{baud: 115200, inverted: true}, uart{baud: 115200}, Inverted, ""},
}

func (u uart) filled() uart {
	if u.dataBits == 0 {
		u.dataBits = 8
	}
	if u.stopBits == 0 {
		u.stopBits = 1
	}
	if u.parity == "" {
		u.parity = ParityNone
	}
	return u
}

// Six real passes are shown to a module whose line is set wrongly, with each terminator, and the first that is read withdraws what
// was said.
func TestWrongLineSettings(t *testing.T) {
	texts := loadTexts(t)
	for _, tt := range wrongLines {
		for _, end := range []string{"\r", "\r\n", "\n", "\x03"} {
			for _, waits := range []bool{false, true} {
				module, receiver := tt.module.filled(), tt.receiver.filled()
				receiver.waits = waits
				t.Run(fmt.Sprintf("%s, %q, waits %v", tt.name, end, waits), func(t *testing.T) {
					p := newFakePort()
					c := receiver.config()
					runConfig(t, c, p, func(b *bench) {
						after(time.Second)
						read := false
						shown := 0
						for ; shown < 24 && b.Diagnosis().Problem != tt.problem; shown++ {
							for piece := range slices.Chunk(receiver.receive(module.transmit(texts[shown%len(texts)]+end)), 8) {
								p.send(string(piece))
								after(8 * time.Millisecond)
							}
							after(time.Second)
							read = read || len(b.frames) > 0 && slices.Contains(texts, b.frames[len(b.frames)-1])
						}
						d := b.Diagnosis()
						if read || tt.problem == NoProblem { // a receiver that waits reads 8E1
							if d.Problem != NoProblem || shown == 0 {
								t.Errorf("%+v although it is read", d)
							}
							return
						}
						if d.Problem != tt.problem || d.Likely != tt.likely || d.String() == "" {
							t.Errorf("%+v after %d passes, want %s %s; of the last %x", d, shown, tt.problem, tt.likely, receiver.receive(module.transmit(texts[0] + end))[:40])
							return
						}
						if n := strings.Count(b.log.String(), "set wrongly"); n != 1 {
							t.Errorf("said %d times\n%s", n, b.log.String())
						}
						b.frames = nil
						p.send(texts[0] + "\r\n")
						after(time.Second)
						if d := b.Diagnosis(); d.Problem != NoProblem || len(b.frames) != 1 || !b.Up() {
							t.Errorf("%+v after a text, frames %.40q", d, b.frames)
						}
						t.Logf("said after %d passes", shown)
					})
				})
			}
		}
	}
}

// What visitors may show to a module whose line is set right, on a port on which nothing was read: it ends each code as it always
// does, and nothing is diagnosed.
func TestNoCodeLooksLikeWrongSettings(t *testing.T) {
	n := 100_000 // all together
	if testing.Short() || raceEnabled {
		n /= 10
	}
	texts := loadTexts(t)
	r := rand.New(rand.NewPCG(5, 16))
	random := func(n int, from, to int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(from + r.IntN(to-from))
		}
		return string(b)
	}
	codes := map[string]func() string{
		"ticket":     func() string { return "#UT01" + random(20+r.IntN(400), 0, 256) },
		"bytes":      func() string { return random(16+r.IntN(300), 0, 256) },
		"NULs":       func() string { return strings.Repeat("\x00", 16+r.IntN(1000)) },
		"many NULs":  func() string { return strings.Repeat("\x00\x00\x00"+random(1, 0, 256), 5+r.IntN(100)) },
		"8 bits":     func() string { return random(16+r.IntN(300), 128, 256) },
		"Latin-1":    func() string { return strings.Repeat("Gr\xfc\xdfe aus M\xfcnchen ", 1+r.IntN(5)) },
		"UTF-8":      func() string { return strings.Repeat("Приветствую", 2+r.IntN(5)) },
		"Shift-JIS":  func() string { return strings.Repeat("\x82\xb1\x82\xf1\x82\xc9\x82\xbf\x82\xcd", 2+r.IntN(9)) },
		"few values": func() string { return strings.Repeat(random(1, 0, 256)+random(1, 0, 256), 10+r.IntN(100)) },
		// Made by somebody who knows how we judge. The module's own terminator gives them away.
		"made slow": func() string {
			return string(uart{baud: 115200}.filled().receive(uart{baud: 38400}.filled().transmit(texts[r.IntN(len(texts))])))
		},
		"made even": func() string {
			sent := uart{baud: 9600, dataBits: 7, parity: ParityEven, stopBits: 1}.transmit(texts[r.IntN(len(texts))])
			return string(uart{baud: 9600}.filled().receive(sent))
		},
		"zeros, ones": func() string { return strings.Repeat("\x00\xff", 10+r.IntN(100)) },
	}
	lines := []struct {
		end string
		c   Config
	}{
		{"\r", Config{}},
		{"\r\n", Config{Baud: 9600}},
		{"\n", Config{Baud: 9600}},
		{"\t", Config{}},
		{"\r\x03", Config{}},
		{"\r", Config{Baud: 9600, DataBits: 7, Parity: ParityEven}},
		{"\n", Config{Baud: 9600, DataBits: 7, Parity: ParityOdd}},
		{"", Config{Module: ModuleAccessISRaw}},
	}
	for _, line := range lines {
		c := line.c.WithDefaults()
		for name, code := range codes {
			if name == "made slow" && !strings.HasPrefix(line.end, "\r") && line.end != "\n" || name == "made even" && !strings.HasPrefix(line.end, "\r") {
				continue // the terminator is as they are
			}
			made := strings.HasPrefix(name, "made")
			var e evidence
			for i := range n / len(codes) / len(lines) {
				if made && i == 20 { // they are slow to make
					break
				}
				sent := code() + line.end
				if c.Module == ModuleAccessISRaw {
					sent = "s" + sent
				}
				if c.DataBits == 7 {
					sent = strings.Map(func(r rune) rune { return r & 0x7F }, latin1(sent))
				}
				e.take([]byte(sent))
				if v, enough := e.silence(c); enough {
					t.Errorf("%s, ended by %q at %+v: %+v", name, line.end, c, v)
					break
				}
			}
		}
	}
}

// A single byte, a few texts, or three bursts that do not agree say nothing.
func TestDiagnosisNeedsMore(t *testing.T) {
	text := loadTexts(t)[0]
	c := Config{}.WithDefaults()
	sevenEven := string(uart{baud: 115200}.filled().receive(uart{baud: 115200, dataBits: 7, parity: ParityEven, stopBits: 1}.transmit(text + "\r")))
	sevenOdd := string(uart{baud: 115200}.filled().receive(uart{baud: 115200, dataBits: 7, parity: ParityOdd, stopBits: 1}.transmit(text + "\r")))
	for _, tt := range []struct {
		bursts []string
		want   bool
	}{
		{[]string{sevenEven, sevenEven, sevenEven}, true},
		{[]string{sevenEven, sevenEven}, false},
		{[]string{sevenEven, sevenEven, sevenOdd, sevenEven, sevenEven}, false},
		{[]string{sevenEven, sevenEven, text + "\x9e\r", sevenEven}, false},
		{[]string{sevenEven[:15], sevenEven[:15], sevenEven[:15], sevenEven[:15]}, false},
	} {
		var e evidence
		said := false
		for _, burst := range tt.bursts {
			e.take([]byte(burst))
			v, enough := e.silence(c)
			said = said || enough && v == verdict{WrongParity, "7 data bits, even"}
		}
		if said != tt.want {
			t.Errorf("%d bursts: said %v", len(tt.bursts), said)
		}
	}
	r := rand.New(rand.NewPCG(6, 16))
	var garbled evidence
	for i := range manyBursts {
		b := make([]byte, 60)
		for j := range b {
			b[j] = byte(r.Uint32())
		}
		b[0], b[59] = 0xFE, 0xFE // neither a letter nor a terminator
		garbled.take(b)
		if v, enough := garbled.silence(c); enough != (i == 5) || enough && v != (verdict{WrongSpeed, "9600"}) {
			t.Errorf("after %d bursts without order %+v, %v", i+1, v, enough)
		}
	}
	var e evidence
	for range 3 {
		e.take([]byte(sevenEven))
		e.silence(c)
		e.text(Frame{Text: []byte("HC1:A")})
	}
	if e.votes != 0 || !e.proven {
		t.Errorf("after a text %+v", e.verdict)
	}
}

// What is kept of a burst to judge it by is wiped with its end.
func TestEvidenceWipes(t *testing.T) {
	blank := func(e *evidence) bool { return e.head == [evidenceHead]byte{} && e.tail == [evidenceTail]byte{} }
	var e evidence
	secret := bytes.Repeat([]byte("SECRET\x9e"), 20)
	e.take(secret)
	if blank(&e) {
		t.Fatal("nothing was kept to judge by")
	}
	e.silence(Config{}.WithDefaults())
	if !blank(&e) {
		t.Error("a burst is in memory after its end")
	}
	e.take(secret[:10])
	e.text(Frame{Text: []byte("HC1:SECRET")})
	e.take(secret)
	if !blank(&e) {
		t.Error("something is kept although a text was read")
	}
	p := newFakePort()
	run(t, p, func(b *bench) {
		after(2 * testGap)
		p.send(string(secret))
		synctest.Wait()
		p.unplug()
		synctest.Wait()
		if !blank(&b.seen) {
			t.Error("a burst of an unplugged module is in memory")
		}
	})
}
