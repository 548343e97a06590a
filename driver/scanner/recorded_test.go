package scanner

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"
	"time"
)

// exchange is one command and its answer, as hexadecimal bytes. They are literals on purpose: nothing in them was
// computed by the code that they test.
type exchange struct{ command, answer string }

// recorded is a module that plays back a conversation: it listens at one speed, and answers what it knows.
type recorded struct {
	t      *testing.T
	baud   int
	speaks map[string]string
	told   []string // the commands that came at the module's speed, in order
	lose   int      // how many answers get lost, from the next on
	silent bool
	then   func(command string) // after an answer
}

func newRecorded(t *testing.T, baud int, exchanges []exchange) *recorded {
	m := &recorded{t: t, baud: baud, speaks: map[string]string{}}
	for _, e := range exchanges {
		m.speaks[e.command] = e.answer
	}
	return m
}

// answer is for fakePort, which calls it under the lock of all fakes.
func (m *recorded) answer(baud int, command []byte) []byte {
	if baud != m.baud {
		return nil
	}
	text := strings.ToUpper(hex.EncodeToString(command))
	var spaced []string
	for i := 0; i < len(text); i += 2 {
		spaced = append(spaced, text[i:i+2])
	}
	text = strings.Join(spaced, " ")
	m.told = append(m.told, text)
	if m.silent {
		return nil
	}
	answer, known := m.speaks[text]
	if !known {
		return nil
	}
	if m.then != nil {
		m.then(text)
	}
	if m.lose > 0 {
		m.lose--
		return nil
	}
	return unhex(m.t, answer)
}

func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const gm65OK = "02 00 00 01 00 33 31"

// gm65Talk is how a GM65 is set up. Commands and answers are the manuals' (Grow GM65 §3, Waveshare p. 47, Newland NLS-EM3095 p. 19), or
// built from them with a CRC by another program.
var gm65Talk = []exchange{
	{"7E 00 07 01 00 2A 02 D8 0F", "02 00 00 02 39 01 C1 4C"}, // the speed: 9600
	{"7E 00 08 02 00 2A 1A 00 E4 7E", gm65OK},                 // 115200
	{"7E 00 07 01 00 00 01 01 41", "02 00 00 01 D4 B8 C8"},    // the mode: by trigger
	{"7E 00 08 01 00 00 D6 DF 22", gm65OK},                    // all the time
	{"7E 00 08 01 00 03 02 01 88", gm65OK},                    // no setup codes
	{"7E 00 08 01 00 05 01 9B 4D", gm65OK},
	{"7E 00 08 01 00 06 00 DE 3F", gm65OK},
	{"7E 00 08 01 00 13 8A 12 7B", gm65OK}, // the same code again after 1 s
	{"7E 00 07 01 00 0D 01 77 1D", "02 00 00 01 A0 86 DB"},
	{"7E 00 0A 01 00 00 00 30 1A", "03 00 00 01 00 33 31"}, // the heartbeat
	{"7E 00 09 01 00 00 00 DE C8", gm65OK},                 // into flash
	{"7E 00 07 01 00 00 02 31 22", "02 00 00 02 D6 00 D1 E1"},
}

var newlandTalk = []exchange{
	{"7E 01 30 30 30 30 23 53 43 4E 4D 4F 44 2A 3B 03", "02 01 30 30 30 30 23 53 43 4E 4D 4F 44 30 06 3B 03"}, // SCNMOD*
	{"7E 01 30 30 30 30 23 32 33 32 42 41 44 38 3B 03", "02 01 30 30 30 30 23 32 33 32 42 41 44 38 06 3B 03"}, // 232BAD8
	{"7E 01 30 30 30 30 23 53 43 4E 4D 4F 44 32 3B 03", "02 01 30 30 30 30 23 53 43 4E 4D 4F 44 32 06 3B 03"}, // SCNMOD2
	{"7E 01 30 30 30 30 23 52 52 44 45 4E 41 31 3B 03", "02 01 30 30 30 30 23 52 52 44 45 4E 41 31 06 3B 03"}, // RRDENA1
	{"7E 01 30 30 30 30 23 52 52 44 44 55 52 31 30 30 30 3B 03", "02 01 30 30 30 30 23 52 52 44 44 55 52 31 30 30 30 06 3B 03"},
	{"7E 01 30 30 30 30 23 53 45 54 55 50 45 30 3B 03", "02 01 30 30 30 30 23 53 45 54 55 50 45 30 06 3B 03"}, // SETUPE0
}

var honeywellTalk = []exchange{
	{"16 4D 0D 32 33 32 42 41 44 3F 2E", "32 33 32 42 41 44 35 06 2E"},                   // 232BAD?.
	{"16 4D 0D 32 33 32 42 41 44 39 21", "32 33 32 42 41 44 39 06 21"},                   // 232BAD9!
	{"16 4D 0D 54 52 47 4D 4F 44 33 21", "54 52 47 4D 4F 44 33 06 21"},                   // TRGMOD3!
	{"16 4D 0D 44 4C 59 52 52 44 31 30 30 30 21", "44 4C 59 52 52 44 31 30 30 30 06 21"}, // DLYRRD1000!
}

const ssiOK = "04 D0 00 00 FF 2C"

var ssiTalk = []exchange{
	{"00", ""}, // wakes it up
	{"04 A3 04 00 FF 55", "0C A4 00 00 50 41 41 42 53 30 30 36 FD 53"}, // REQUEST_REVISION, "PAABS006"
	{"04 D0 04 00 FF 28", ""},             // our acknowledgement
	{"07 C6 04 00 FF EE 01 FD 41", ssiOK}, // packets
	{"07 C6 04 00 FF 8A 07 FD 9F", ssiOK}, // presentation
	{"07 C6 04 00 FF 89 0A FD 9D", ssiOK}, // 1 s
	{"04 E9 04 00 FF 0F", ssiOK},
}

// speeds answers to a change of speed as a module does: at the old one, and from then on it listens at the new one.
func (m *recorded) speeds(to map[string]int) *recorded {
	m.then = func(command string) {
		if baud := to[command]; baud != 0 {
			m.baud = baud
		}
	}
	return m
}

func recordedGM65(t *testing.T, baud int) *recorded {
	return newRecorded(t, baud, gm65Talk).speeds(map[string]int{"7E 00 08 02 00 2A 1A 00 E4 7E": 115200})
}

func recordedNewland(t *testing.T, baud int) *recorded {
	return newRecorded(t, baud, newlandTalk).speeds(map[string]int{"7E 01 30 30 30 30 23 32 33 32 42 41 44 38 3B 03": 115200})
}

func recordedHoneywell(t *testing.T, baud int) *recorded {
	return newRecorded(t, baud, honeywellTalk).speeds(map[string]int{"16 4D 0D 32 33 32 42 41 44 39 21": 115200})
}

func (m *recorded) port() *fakePort {
	p := newFakePort()
	p.reply = m.answer
	return p
}

func commands(exchanges []exchange, which ...int) (list []string) {
	for _, i := range which {
		list = append(list, exchanges[i].command)
	}
	return list
}

func TestRecordedConversations(t *testing.T) {
	for _, tt := range []struct {
		name   string
		module Module
		asked  Module
		make   func(t *testing.T) *recorded
		told   []string
		set    string
		baud   int
	}{
		{
			"GM65 from the factory", ModuleGM65, ModuleGM65, func(t *testing.T) *recorded { return recordedGM65(t, 9600) },
			commands(gm65Talk, 0, 1, 0, 2, 3, 4, 5, 6, 7, 8),
			"115200 baud, reading all the time, setup codes off, read interval 100ms, no read time-out, same-code delay 1s", 115200,
		},
		{
			"GM65 set up before", ModuleGM65, ModuleGM65, func(t *testing.T) *recorded { return recordedGM65(t, 115200) },
			commands(gm65Talk, 0, 2, 3, 4, 5, 6, 7, 8),
			"reading all the time, setup codes off, read interval 100ms, no read time-out, same-code delay 1s", 115200,
		},
		{
			"Newland", ModuleNewland, ModuleNewland, func(t *testing.T) *recorded { return recordedNewland(t, 9600) },
			commands(newlandTalk, 0, 1, 0, 2, 3, 4, 5), "115200 baud, reading by itself, same-code delay 1s, setup codes off", 115200,
		},
		{
			"Honeywell", ModuleHoneywell, ModuleHoneywell, func(t *testing.T) *recorded { return recordedHoneywell(t, 9600) },
			commands(honeywellTalk, 0, 1, 0, 2, 3), "115200 baud, presentation mode, same-code delay 1s", 115200,
		},
		{
			"SSI", ModuleSSI, ModuleSSI, func(t *testing.T) *recorded { return newRecorded(t, 115200, ssiTalk) },
			commands(ssiTalk, 0, 1, 2, 0, 3, 4, 5, 6), "packets, presentation mode, same-code delay 1s, scanning on", 115200,
		},
		{
			"found: GM65", ModuleGM65, ModuleAuto, func(t *testing.T) *recorded { return recordedGM65(t, 115200) },
			commands(gm65Talk, 0, 2, 3, 4, 5, 6, 7, 8),
			"reading all the time, setup codes off, read interval 100ms, no read time-out, same-code delay 1s", 115200,
		},
		{
			"found: SSI", ModuleSSI, ModuleAuto, func(t *testing.T) *recorded { return newRecorded(t, 115200, ssiTalk) },
			append(commands(gm65Talk, 0), commands(ssiTalk, 0, 1, 2, 0, 3, 4, 5, 6)...), "packets, presentation mode, same-code delay 1s, scanning on", 115200,
		},
		{
			"found: Newland", ModuleNewland, ModuleAuto, func(t *testing.T) *recorded { return recordedNewland(t, 115200) },
			slices.Concat(commands(gm65Talk, 0), commands(ssiTalk, 0, 1), commands(newlandTalk, 0, 2, 3, 4, 5)),
			"reading by itself, same-code delay 1s, setup codes off", 115200,
		},
		{
			"found: Honeywell", ModuleHoneywell, ModuleAuto, func(t *testing.T) *recorded { return recordedHoneywell(t, 9600) },
			slices.Concat(commands(gm65Talk, 0), commands(ssiTalk, 0, 1), commands(newlandTalk, 0), commands(honeywellTalk, 0, 1, 0, 2, 3)),
			"115200 baud, presentation mode, same-code delay 1s", 115200,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := tt.make(t)
			runModule(t, tt.asked, m.port(), func(b *bench) {
				after(setUpLimit + testGap)
				s := b.Setup()
				if s.Module != tt.module || !s.Answered || s.Fault != "" || s.Baud != tt.baud || s.Saved || len(s.Missed) > 0 {
					t.Errorf("set up as %+v", s)
				}
				if got := strings.Join(s.Set, ", "); got != tt.set {
					t.Errorf("set     %s\nwant    %s", got, tt.set)
				}
				if !slices.Equal(m.told, tt.told) {
					t.Errorf("told\n%s\nwant\n%s", strings.Join(m.told, "\n"), strings.Join(tt.told, "\n"))
				}
				if !b.Up() || b.Err() != nil || b.port.baud != tt.baud {
					t.Errorf("up %v, %v, at %d baud", b.Up(), b.Err(), b.port.baud)
				}
				for _, want := range []string{"barcode module found and set up", "module=" + string(tt.module), "set=", "level=INFO"} {
					if !strings.Contains(b.log.String(), want) {
						t.Errorf("the log does not say %q:\n%s", want, b.log.String())
					}
				}
				t.Logf("set-up took %v with a module that answers at once", s.Took)
				if tt.module != ModuleSSI { // its texts come in packets
					b.port.send("HC1:A\r")
					b.want(t, "HC1:A")
				}
			})
		})
	}
}

// An answer that got lost is asked for again; a module that does not take a setting says so, and reading goes on.
func TestRecordedTrouble(t *testing.T) {
	t.Run("lost answers", func(t *testing.T) {
		m := recordedGM65(t, 9600)
		m.lose = 1 // to the first question
		runModule(t, ModuleGM65, m.port(), func(b *bench) {
			after(setUpLimit)
			if s := b.Setup(); s.Fault != "" || s.Baud != 115200 || len(s.Set) != 6 {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("the answer to the change of speed gets lost", func(t *testing.T) {
		m := recordedGM65(t, 9600)
		change := m.then
		m.then = func(command string) {
			if change(command); command == gm65Talk[1].command {
				m.lose = 1
			}
		}
		runModule(t, ModuleGM65, m.port(), func(b *bench) {
			after(setUpLimit)
			if s := b.Setup(); s.Fault != "" || s.Baud != 115200 {
				t.Errorf("%+v", s)
			}
		})
	})
	t.Run("another mode", func(t *testing.T) {
		m := newRecorded(t, 115200, gm65Talk)
		m.speaks[gm65Talk[2].command] = "02 00 00 01 D7 88 AB" // when something moves
		runModule(t, ModuleGM65, m.port(), func(b *bench) {
			after(setUpLimit)
			if s := b.Setup(); s.Fault != "" || !slices.Contains(m.told, gm65Talk[3].command) {
				t.Errorf("%+v, told %q", s, m.told)
			}
		})
	})
	t.Run("the speed cannot be changed", func(t *testing.T) {
		m := recordedGM65(t, 9600)
		m.then = nil
		runModule(t, ModuleGM65, m.port(), func(b *bench) {
			after(setUpLimit)
			s := b.Setup()
			if !s.Answered || s.Baud != 9600 || b.port.baud != 9600 || !slices.Equal(s.Missed, []string{"115200 baud"}) || len(s.Set) != 5 ||
				!strings.Contains(s.Fault, "did not take: 115200 baud") {
				t.Errorf("%+v", s)
			}
			if b.port.send("HC1:A\r"); !b.Up() || b.Stats().SetUps != 1 {
				t.Errorf("up %v, %+v", b.Up(), b.Stats())
			}
			b.want(t, "HC1:A")
			if !strings.Contains(b.log.String(), "level=WARN") {
				t.Error(b.log.String())
			}
		})
	})
	t.Run("a setting is refused", func(t *testing.T) {
		for module, refuse := range map[Module]struct{ command, answer, missed string }{
			ModuleNewland:   {newlandTalk[5].command, "02 01 30 30 30 30 23 53 45 54 55 50 45 30 05 3B 03", "setup codes off"},
			ModuleHoneywell: {honeywellTalk[2].command, "54 52 47 4D 4F 44 33 05 21", "presentation mode"},
			ModuleSSI:       {ssiTalk[4].command, "05 D1 00 00 06 FF 24", "presentation mode"},
			ModuleGM65:      {gm65Talk[4].command, "02 00 03 01 00 6A 61", "setup codes off"},
		} {
			exchanges := map[Module][]exchange{ModuleNewland: newlandTalk, ModuleHoneywell: honeywellTalk, ModuleSSI: ssiTalk, ModuleGM65: gm65Talk}
			m := newRecorded(t, 115200, exchanges[module])
			m.speaks[refuse.command] = refuse.answer
			runModule(t, module, m.port(), func(b *bench) {
				after(setUpLimit)
				if s := b.Setup(); !slices.Equal(s.Missed, []string{refuse.missed}) || !strings.Contains(s.Fault, refuse.missed) || len(s.Set) == 0 {
					t.Errorf("%s: %+v", module, s)
				}
			})
		}
	})
	t.Run("noise and a text around the answer", func(t *testing.T) {
		m := newRecorded(t, 115200, gm65Talk)
		for command, answer := range m.speaks {
			m.speaks[command] = "48 43 31 3A 41 0D FF 02 00 00" + answer + "02 00 7E"
		}
		runModule(t, ModuleGM65, m.port(), func(b *bench) {
			after(setUpLimit)
			if s := b.Setup(); s.Fault != "" || len(s.Set) != 5 {
				t.Errorf("%+v", s)
			}
			b.want(t)
		})
	})
}

// A module that never answers is read all the same.
func TestSilentModule(t *testing.T) {
	for _, module := range []Module{ModuleGM65, ModuleNewland, ModuleHoneywell, ModuleSSI, ModuleAuto} {
		t.Run(string(module), func(t *testing.T) {
			p := newFakePort()
			runModule(t, module, p, func(b *bench) {
				after(setUpLimit + time.Second)
				s := b.Setup()
				if s.Answered || s.Fault == "" || s.Baud != 115200 || b.port.baud != 115200 || s.Took > setUpLimit+time.Second {
					t.Errorf("%+v at %d baud", s, b.port.baud)
				}
				if !strings.Contains(b.log.String(), strings.ReplaceAll(s.Fault, `"`, `\"`)) {
					t.Errorf("the log does not say so:\n%s", b.log.String())
				}
				if b.Up() || b.Err() == nil {
					t.Errorf("up %v, %v", b.Up(), b.Err())
				}
				p.send("]Q1HC1:A\r\n")
				b.want(t, "HC1:A")
				if !b.Up() || b.Err() != nil {
					t.Errorf("after a frame: up %v, %v", b.Up(), b.Err())
				}
				after(time.Minute) // it sends, and so it is not asked any more
				if !b.Up() || len(b.opened) != 1 {
					t.Errorf("up %v, opened at %v", b.Up(), b.opened)
				}
				t.Logf("the set-up gave up after %v", s.Took)
			})
		})
	}
}

// A context that ends while a module is being asked ends Run at once.
func TestEndWhileSettingUp(t *testing.T) {
	for _, module := range []Module{ModuleGM65, ModuleNewland, ModuleHoneywell, ModuleSSI, ModuleAuto} {
		runModule(t, module, newFakePort(), func(*bench) { after(200 * time.Millisecond) })
	}
}

// An acknowledgement in front of, within and behind a text is not part of it.
func TestAcknowledgementIsPeeledOff(t *testing.T) {
	m := newRecorded(t, 115200, gm65Talk)
	p := m.port()
	const ok = "\x02\x00\x00\x01\x00\x33\x31"
	runModule(t, ModuleGM65, p, func(b *bench) {
		after(setUpLimit)
		for _, sent := range []string{ok + "HC1:A\r", "HC1:" + ok + "A\r", ok + "HC1:A" + ok, "\x03\x00\x00\x01\x00\x33\x31HC1:A\r\n", ok + ok + "]Q1HC1:A"} {
			b.frames = nil
			p.send(sent)
			after(maxPause + 2*testGap)
			b.want(t, "HC1:A")
		}
	})
}
