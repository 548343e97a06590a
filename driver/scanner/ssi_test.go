package scanner

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	ssiAckBytes = "\x04\xd0\x04\x00\xff\x28"
	ssiNakBytes = "\x05\xd1\x04\x00\x01\xff\x25"
)

// The packets of hardware.md's arithmetic: a text of 350 to 500 characters comes in two, one of 650 in three.
func TestSSIPackets(t *testing.T) {
	for length, packets := range map[int]int{1: 1, 249: 1, 350: 2, 500: 3, 650: 3, 4296: 18} { // with its CR
		text := strings.Repeat("A", length)
		sent := ssiPackets(text, 250)
		if len(sent) != packets {
			t.Errorf("%d characters in %d packets, want %d", length, len(sent), packets)
		}
		var f Framer
		d := ssi{}.decoder(&f, Config{IdleGap: testGap}, Setup{kept: true})
		for i, packet := range sent {
			frame, rest := d.Next([]byte(packet))
			if got := string(d.answer()); got != ssiAckBytes || len(rest) > 0 {
				t.Fatalf("answered %x", got)
			}
			if last := i == len(sent)-1; (frame.Text != nil) != last || last && string(frame.Text) != text {
				t.Errorf("%d characters, packet %d: %.40q", length, i, frame.Text)
			}
			if d.Gap().Text != nil {
				t.Error("a silence made a frame")
			}
		}
	}
}

func TestSSIMessages(t *testing.T) {
	long := strings.Repeat("0123456789", 60)
	p := ssiPackets("HC1:"+long, 250)
	again := func(packet string) string { return ssiSend(packet[1], packet[3]|1, packet[4:len(packet)-2]) }
	broken := func(packet string) string { return packet[:100] + "x" + packet[101:] }
	const silence = "\xff\xff\xff" // no packet
	short := ssiSend(0xF3, 0, "\xf1HC1:A\r\n")
	for _, tt := range []struct {
		name    string
		sent    []string
		frames  []string
		answers string // A, N
	}{
		{"one", []string{short}, []string{"HC1:A"}, "A"},
		{"three", p, []string{"HC1:" + long}, "AAA"},
		{"two messages", append(slices.Clone(p), short), []string{"HC1:" + long, "HC1:A"}, "AAAA"},
		{"the acknowledgement got lost", []string{p[0], again(p[0]), p[1], again(p[1]), again(p[1]), p[2]}, []string{"HC1:" + long}, "AAAAAA"},
		{"the last acknowledgement got lost", append(slices.Clone(p), again(p[2]), again(p[2])), []string{"HC1:" + long}, "AAAAA"},
		{"damaged, and sent again", []string{p[0], broken(p[1]), again(p[1]), p[2]}, []string{"HC1:" + long}, "ANAA"},
		{"the first damaged, and sent again", []string{broken(p[0]), again(p[0]), p[1], p[2]}, []string{"HC1:" + long}, "NAAA"},
		{"damaged, and not sent again", []string{p[0], broken(p[1]), p[2], short}, []string{"HC1:A"}, "ANAA"},
		{"sent again by itself: too old", []string{again(short), silence, short}, []string{"HC1:A"}, "AA"},
		{"half a message, then silence", []string{p[0], silence, short}, []string{"HC1:A"}, "AA"},
		{"half a packet, then silence", []string{short[:5], silence, short}, []string{"HC1:A"}, "NA"},
		{"an event and a reply in between", []string{p[0], ssiSend(0xF6, 0, "\x01"), ssiSend(0xA4, 0, "x"), p[1], ssiSend(0xD0, 0, ""), p[2]}, []string{"HC1:" + long}, "AAAAA"},
		{"empty", []string{ssiSend(0xF3, 0, ""), ssiSend(0xF3, 0, "\xf1\r")}, nil, "AA"},
		{"other symbologies than the first are text", []string{ssiSend(0xF3, 2, "\xf1AB"), ssiSend(0xF3, 0, "CD")}, []string{"ABCD"}, "AA"},
		{"from a host", []string{"\x07\xc6\x04\x00\xff\xee\x01\xfd\x41", silence, short}, []string{"HC1:A"}, "A"},
		{"lines are no packets", []string{"HC1:B\r", silence, short}, []string{"HC1:A"}, "A"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var f Framer
			d := ssi{}.decoder(&f, Config{IdleGap: testGap}, Setup{kept: true})
			var frames []string
			answers := ""
			note := func(frame Frame) {
				if frame.Text != nil {
					frames = append(frames, string(frame.Text))
				}
				for out := string(d.answer()); out != ""; {
					switch {
					case strings.HasPrefix(out, ssiAckBytes):
						answers, out = answers+"A", out[len(ssiAckBytes):]
					case strings.HasPrefix(out, ssiNakBytes):
						answers, out = answers+"N", out[len(ssiNakBytes):]
					default:
						t.Fatalf("answers %x", out)
					}
				}
			}
			for _, sent := range tt.sent {
				if sent == silence {
					for range int(ssiPatience/testGap) + 2 {
						note(d.Gap())
					}
					continue
				}
				for rest := []byte(sent); len(rest) > 0; {
					var frame Frame
					frame, rest = d.Next(rest)
					note(frame)
				}
				note(d.Gap())
			}
			if !slices.Equal(frames, tt.frames) {
				t.Errorf("frames %.60q, want %.60q", frames, tt.frames)
			}
			if answers != tt.answers {
				t.Errorf("answers %s, want %s", answers, tt.answers)
			}
		})
	}
}

// A module that was never heard may send lines or packets. Once it has sent a packet, only packets count.
func TestSSIUnanswered(t *testing.T) {
	packet := ssiSend(0xF3, 0, "\xf1HC1:P\r")
	for _, tt := range []struct {
		sent string
		want []string
	}{
		{"HC1:A\r\nHC1:B\r" + gap, []string{"HC1:A", "HC1:B"}},
		{"]Q1HC1:A" + gap, []string{"HC1:A"}},
		{"HC1:A\r" + packet + gap, []string{"HC1:A", "HC1:P"}},
		{packet + gap + "HC1:A\r" + gap + packet, []string{"HC1:P", "HC1:P"}},
		{"X" + gap + packet[:9] + gap + "HC1:A\r", []string{"X", packet[:9], "HC1:A"}}, // as lines read it, too
	} {
		for _, size := range []int{1, 2, 3, 64} {
			var f Framer
			d := ssi{}.decoder(&f, Config{IdleGap: testGap}, Setup{})
			var got []string
			for i, part := range strings.Split(tt.sent, gap) {
				if i > 0 {
					for frame := d.Gap(); frame.Text != nil; frame = d.Gap() {
						got = append(got, string(frame.Text))
					}
				}
				for chunk := range slices.Chunk([]byte(part), size) {
					for len(chunk) > 0 {
						var frame Frame
						if frame, chunk = d.Next(chunk); frame.Text != nil {
							got = append(got, string(frame.Text))
						}
					}
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("%q in chunks of %d: %q, want %q", tt.sent, size, got, tt.want)
			}
		}
	}
}

// What comes behind a decision is acknowledged, or the module would send it again later, and makes no frame; neither does what it
// sends again.
func TestSSIWhileDropping(t *testing.T) {
	p := ssiPackets(strings.Repeat("A", 400), 250)
	module := newRecorded(t, 115200, ssiTalk)
	port := module.port()
	runModule(t, ModuleSSI, port, func(b *bench) {
		after(setUpLimit)
		acks := func() (n int) {
			fakes.Lock()
			defer fakes.Unlock()
			for _, sent := range port.sent {
				n += bytes.Count(sent, []byte(ssiAckBytes))
			}
			return n
		}
		before := acks()
		b.during = func(Frame) { time.Sleep(200 * time.Millisecond) }
		port.send(p[0])
		after(time.Millisecond)
		port.send(p[1])
		after(200*time.Millisecond + testGap/2)
		port.send(p[0]) // within the silence that must follow
		after(testGap / 2)
		port.send(p[1][:50])
		after(testGap / 2)
		port.send(p[1][50:])
		after(10 * testGap)
		if got := acks() - before; got != 4 {
			t.Errorf("%d acknowledgements, want 4", got)
		}
		late := ssiSend(0xF3, 1, "\xf1HC1:LATE") // nobody acknowledged it before
		port.send(late)
		after(time.Second)
		b.want(t, strings.Repeat("A", 400))
		port.send(ssiSend(0xF3, 0, "\xf1HC1:B"))
		after(time.Second)
		b.want(t, strings.Repeat("A", 400), "HC1:B")
		if got := acks() - before; got != 6 {
			t.Errorf("%d acknowledgements, want 6", got)
		}
	})
}

// A message whose beginning was dropped makes no frame of its end.
func TestSSIDroppedBeginning(t *testing.T) {
	p := ssiPackets(strings.Repeat("A", 400), 250)
	var f Framer
	d := ssi{}.decoder(&f, Config{IdleGap: testGap}, Setup{kept: true})
	d.drop([]byte(p[0]))
	if d.Gap().Text != nil || string(d.answer()) != ssiAckBytes {
		t.Error("a frame, or no acknowledgement")
	}
	if got := feed(d, rand.New(rand.NewPCG(1, 1)), p[1], true); got != nil {
		t.Errorf("%q", got)
	}
	if got := feed(d, rand.New(rand.NewPCG(1, 1)), p[0]+p[1], true); len(got) != 1 {
		t.Errorf("%q", got)
	}
}
