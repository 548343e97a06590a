package scanner

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dialect is how the modules of a family send, for tests that know the texts that were sent.
type dialect struct {
	module Module
	strict bool // whatever is no whole message makes no frame
	make   func(f *Framer) decoder
	send   func(text string) []string // what the module sends for it, silences between the parts
	// model says the rules again over the whole input, for a family that is not strict.
	model func(input string) []string
}

func oneCR(text string) []string { return []string{text + "\r"} }

var dialects = []dialect{
	{module: ModuleLine, make: func(f *Framer) decoder { return &lines{Framer: f} }, send: oneCR, model: modelFrames},
	{
		module: ModuleGM65, make: func(f *Framer) decoder { return gm65{}.decoder(f, Config{}, Setup{}) },
		send: func(text string) []string { return []string{"\x02\x00\x00\x01\x00\x33\x31" + text + "\r\n"} },
		model: func(input string) []string {
			// The only answers in the inputs, and without a second one inside each other.
			answers := regexp.MustCompile("[\x02\x03]\x00\x00\x01\x003" + "1")
			return modelFrames(answers.ReplaceAllString(input, ""))
		},
	},
	{
		module: ModuleNewland, make: func(f *Framer) decoder { return newland{}.decoder(f, Config{}, Setup{}) },
		send: oneCR,
		model: func(input string) []string {
			return slices.DeleteFunc(modelFrames(input), func(f string) bool {
				return strings.HasPrefix(f, "\x010000") && strings.HasSuffix(f, ";")
			})
		},
	},
	{
		module: ModuleHoneywell, make: func(f *Framer) decoder { return honeywell{}.decoder(f, Config{}, Setup{}) },
		send: oneCR,
		model: func(input string) []string {
			answer := regexp.MustCompile(`(?s)^.{6,}[\x05\x06\x15][.!]$`)
			return slices.DeleteFunc(modelFrames(input), func(f string) bool { return answer.MatchString(latin1(f)) })
		},
	},
	{
		module: ModuleSSI, strict: true,
		make: func(f *Framer) decoder { return ssi{}.decoder(f, Config{IdleGap: testGap}, Setup{kept: true}) },
		send: func(text string) []string { return ssiPackets(text, 250) },
	},
	{
		module: ModuleAccessIS,
		make:   func(f *Framer) decoder { return &accessis{Framer: f} },
		send:   func(text string) []string { return []string{"\x027" + text + "\r\x03"} },
		model: func(input string) (frames []string) {
			message := regexp.MustCompile(`\x02[^\x00\x02\x03\xff]([^\x00\x02\x03\xff]*)\r\x03`)
			for _, m := range message.FindAllStringSubmatch(latin1(input), -1) {
				text, _, _ := strings.Cut(strings.ReplaceAll(strings.TrimLeft(m[1], "\r\n\t"), "\n", "\r"), "\r")
				text, _, _ = strings.Cut(text, "\t")
				if text := modelFrames(bytesOf(text) + gap); text != nil {
					frames = append(frames, text...)
				}
			}
			return frames
		},
	},
}

// ssiPackets are those of one text, as a module sends them that takes size bytes into one. Written from the manual.
func ssiPackets(text string, size int) (packets []string) {
	for rest := text + "\r"; len(rest) > 0; {
		part := rest[:min(size, len(rest))]
		rest = rest[len(part):]
		status := byte(0)
		if len(rest) > 0 {
			status = 2
		}
		packets = append(packets, ssiSend(0xF3, status, "\xF1"+part))
	}
	return packets
}

// ssiSend is a packet of a decoder.
func ssiSend(opcode, status byte, data string) string {
	p := []byte{byte(4 + len(data)), opcode, 0, status}
	p = append(p, data...)
	sum := 0
	for _, c := range p {
		sum += int(c)
	}
	sum = 0x10000 - sum
	return string(append(p, byte(sum>>8), byte(sum)))
}

// feed gives input to a decoder, in chunks of a random size, and ends it with a silence if silent. It returns the frames.
func feed(d decoder, r *rand.Rand, input string, silent bool) (frames []string) {
	for len(input) > 0 {
		chunk := []byte(input[:min(len(input), 1+r.IntN(64))])
		input = input[len(chunk):]
		for len(chunk) > 0 {
			var frame Frame
			if frame, chunk = d.Next(chunk); frame.Text != nil {
				frames = append(frames, string(frame.Text))
			}
			d.answer()
		}
	}
	for silent {
		frame := d.Gap()
		d.answer()
		if frame.Text == nil {
			break
		}
		frames = append(frames, string(frame.Text))
	}
	return frames
}

// noise is what no module sends: random bytes, bytes that mean something, torn and damaged pieces of messages.
func noise(r *rand.Rand, d dialect, texts []string) string {
	var b strings.Builder
	for range 1 + r.IntN(4) {
		switch r.IntN(4) {
		case 0:
			for range r.IntN(300) {
				b.WriteByte(byte(r.Uint32()))
			}
		case 1:
			for range r.IntN(40) {
				b.WriteByte(meaning[r.IntN(len(meaning))])
			}
		case 2:
			message := strings.Join(d.send(texts[r.IntN(len(texts))]), "")
			from := r.IntN(len(message))
			b.WriteString(message[from : from+r.IntN(len(message)-from)])
		case 3:
			message := []byte(strings.Join(d.send(texts[r.IntN(len(texts))]), ""))
			switch at := r.IntN(len(message)); d.module {
			case ModuleAccessIS: // the tty finds the bad parity
				message[at] = 0
			case ModuleSSI: // its checksum does not find two bits that make up for each other
				message[at] ^= 1 << r.IntN(8)
			default:
				for range 1 + r.IntN(3) {
					message[r.IntN(len(message))] ^= 1 << r.IntN(8)
				}
			}
			b.Write(message)
		}
	}
	if d.strict {
		return b.String()
	}
	return strings.ReplaceAll(b.String(), gap, "\xfe") // which stands for a silence in the model
}

// meaning are bytes that mean something to some family.
const meaning = "\x00\x01\x02\x03\x04\x06\r\n\t\x15\x16\x7e\xf3\xd0\xa4\xff;.!HC1:"

// Ten million bytes of noise, in chunks of random sizes, with whole messages among them. No frame is invented: of a strict family
// come exactly the whole messages and of the others what a model says. After a silence the next message is a frame.
func TestHostileBytes(t *testing.T) {
	texts := loadTexts(t)
	for _, d := range dialects {
		t.Run(string(d.module), func(t *testing.T) {
			most := 10_000_000
			if testing.Short() || raceEnabled {
				most /= 50
			}
			r := rand.New(rand.NewPCG(7, uint64(len(d.module))))
			var f Framer
			dec := d.make(&f)
			total, whole, others, late := 0, 0, 0, 0
			for total < most {
				junk := noise(r, d, texts)
				got := feed(dec, r, junk, true)
				total += len(junk)
				if d.strict {
					// A damaged message may have been damaged where it does not matter, or not at all.
					for _, frame := range got {
						if !slices.Contains(texts, frame) {
							t.Fatalf("invented %.60q out of %q", frame, junk)
						}
						late++
					}
				} else if want := d.model(junk + gap); !slices.Equal(got, want) {
					t.Fatalf("got  %.200q\nwant %.200q\nout of %q", got, want, junk)
				} else {
					others += len(got)
				}
				if a, ok := dec.(*ssiDecoder); ok { // its messages outlast a silence, not several
					for range a.patience {
						dec.Gap()
					}
				}
				text := texts[r.IntN(len(texts))]
				got = nil
				for _, part := range d.send(text) {
					total += len(part)
					got = append(got, feed(dec, r, part, true)...)
				}
				if !slices.Equal(got, []string{text}) {
					t.Fatalf("after the noise %q: got %.100q, want %.60q", junk, got, text)
				}
				whole++
			}
			t.Logf("%d bytes: %d whole messages, %d frames of noise as the model says, %d whole ones in it", total, whole, others, late)
			if whole == 0 || d.strict == (others > 0) {
				t.Error("that was no test")
			}
			dec.Reset()
			if bytes.Count(f.buf[:], []byte{0}) != len(f.buf) {
				t.Error("something was left in memory")
			}
		})
	}
}

// Without a silence between noise and message a strict family finds the message too, unless the noise has swallowed its
// beginning; the one after that it always finds.
func TestResynchronises(t *testing.T) {
	texts := loadTexts(t)
	for _, d := range dialects {
		r := rand.New(rand.NewPCG(8, 8))
		first := 0
		const rounds = 500
		for range rounds {
			var f Framer
			dec := d.make(&f)
			input := noise(r, d, texts)
			for range 2 {
				input += strings.Join(d.send(texts[0]), "")
			}
			got := feed(dec, r, input, true)
			n := len(slices.DeleteFunc(got, func(s string) bool { return s != texts[0] }))
			if n == 0 {
				t.Fatalf("%s: two messages behind noise, and none was found; %q", d.module, input)
			}
			if n >= 2 {
				first++
			}
		}
		t.Logf("%s: the first message behind noise was a frame %d times of %d, the second always", d.module, first, rounds)
	}
}

func fuzzDialect(f *testing.F, module Module) {
	i := slices.IndexFunc(dialects, func(d dialect) bool { return d.module == module })
	d := dialects[i]
	texts := loadTexts(f)
	for _, text := range texts {
		message := strings.Join(d.send(text), "")
		f.Add([]byte(message), uint64(1))
		f.Add([]byte(message[:len(message)/2]), uint64(2))
		f.Add([]byte(message[len(message)/2:]+message), uint64(3))
	}
	f.Add([]byte("\x02\x00\x00\x01\x00\x33"), uint64(4))
	f.Add([]byte("\x02\x010000#SCNMOD2\x06;\x03"), uint64(5))
	f.Add([]byte("232BAD9\x06!"), uint64(6))
	f.Add([]byte("\x04\xd0\x00\x00\xff\x2c\x0c\xa4\x00\x00PAABS006\xfd\x53"), uint64(7))
	f.Add([]byte("\x00\xff\xf3\x00\x02\xf1HC1:"), uint64(8))
	f.Fuzz(func(t *testing.T, input []byte, seed uint64) {
		var whole, chunked Framer
		one, other := d.make(&whole), d.make(&chunked)
		r := rand.New(rand.NewPCG(seed, seed))
		var want []string
		for rest := input; len(rest) > 0; {
			var frame Frame
			if frame, rest = one.Next(rest); frame.Text != nil {
				want = append(want, string(frame.Text))
			}
			one.answer()
		}
		for frame := one.Gap(); frame.Text != nil; frame = one.Gap() {
			want = append(want, string(frame.Text))
		}
		got := feed(other, r, string(input), true)
		if !slices.Equal(got, want) {
			t.Fatalf("in chunks %.200q\nwhole     %.200q", got, want)
		}
		for _, frame := range got {
			if len(frame) == 0 || len(frame) > MaxFrame || strings.ContainsAny(frame, "\r\n\t\x02\x03") {
				t.Fatalf("impossible frame of %d bytes: %.80q", len(frame), frame)
			}
		}
		if a, ok := other.(*ssiDecoder); ok {
			for range a.patience {
				other.Gap()
			}
		}
		got = nil
		for _, part := range d.send(texts[0]) {
			got = append(got, feed(other, r, part, true)...)
		}
		if !slices.Equal(got, texts[:1]) {
			t.Fatalf("after %q: %.80q", input, got)
		}
		other.drop(input)
		other.Reset()
		other.answer()
		if bytes.Count(chunked.buf[:], []byte{0}) != len(chunked.buf) {
			t.Fatal("something was left in memory")
		}
	})
}

func FuzzGM65(f *testing.F) { fuzzDialect(f, ModuleGM65) }

func FuzzNewland(f *testing.F) { fuzzDialect(f, ModuleNewland) }

func FuzzHoneywell(f *testing.F) { fuzzDialect(f, ModuleHoneywell) }

func FuzzSSI(f *testing.F) { fuzzDialect(f, ModuleSSI) }

func FuzzAccessIS(f *testing.F) { fuzzDialect(f, ModuleAccessIS) }

func TestDecodersDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT TESTED: the race detector allocates")
	}
	text := loadTexts(t)[0]
	for _, d := range dialects {
		var f Framer
		dec := d.make(&f)
		message := []byte(strings.Join(d.send(text), ""))
		noise := []byte("\x05\xf3\x00\x00\x02\x00HC1:" + string(message[:40]))
		n := 0
		allocs := testing.AllocsPerRun(100, func() {
			for rest := message; len(rest) > 0; {
				var frame Frame
				if frame, rest = dec.Next(rest); frame.Text != nil {
					n++
				}
				dec.answer()
			}
			if dec.Gap().Text != nil {
				n++
			}
			dec.drop(noise)
			dec.heard()
			dec.Gap()
			dec.Reset()
		})
		if allocs != 0 || n < 101 {
			t.Errorf("%s: %v allocations, %d frames", d.module, allocs, n)
		}
	}
	l := life{proven: true, questions: ssi{}.heartbeat()}
	var p port = nullPort{}
	now := l.heard
	if allocs := testing.AllocsPerRun(10, func() {
		now = now.Add(heartbeatPause)
		_ = l.watch(p, now, false, noSign)
		_ = l.watch(p, now, false, living)
	}); allocs != 0 {
		t.Errorf("heartbeat: %v allocations", allocs)
	}
}

type nullPort struct{ port }

func (nullPort) Write(b []byte) (int, error) { return len(b), nil }
