package module

import (
	"bytes"
	"maps"
	"strings"
	"time"
)

// menu is a module whose settings have names: three letters or digits of a tag, three of a subtag.
type menu struct {
	defaults     map[string]string
	flash, table map[string]string
	readyWith    string // the value of the mode in which it reads by itself
	speeds       map[string]int
	mode, speed  string // their settings
	codes        string // the setting for setup codes; none if empty
	delayOn      string // the setting that switches the same-code delay on; none if empty
	delay        string
	split        func(b []byte) (n int, permanent bool, body string) // the command at the beginning of b; n -1: not yet, 0: none
	echo         func(permanent bool, body string, status byte) []byte
	trigger      string
	apart        time.Duration // between two commands
	command      []byte
	answered     time.Time
	triggered    bool
	seen         string
	seenAt       time.Time
}

func (m *menu) factory() { m.flash = maps.Clone(m.defaults) }

func (m *menu) ready() { m.flash[m.mode] = m.readyWith }

func (m *menu) powerOn() {
	m.table = maps.Clone(m.flash)
	m.command, m.seen, m.triggered = nil, "", false
}

func (m *menu) baud() int { return m.speeds[m.table[m.speed]] }

func (m *menu) setBaud(baud int) {
	for value, speed := range m.speeds {
		if speed == baud {
			m.flash[m.speed] = value
		}
	}
}

func (m *menu) parity() bool { return false }

func (m *menu) hear(c byte, now time.Time) response {
	m.command = append(m.command, c)
	if m.trigger != "" && bytes.HasSuffix(m.command, []byte(m.trigger)) {
		m.command, m.triggered = nil, true
		return response{}
	}
	n, permanent, body := m.split(m.command)
	if n < 0 && len(m.command) < 512 {
		return response{}
	}
	if n <= 0 {
		m.command = m.command[1:]
		return response{}
	}
	m.command = nil
	if now.Sub(m.answered) < m.apart {
		return response{} // too soon: lost
	}
	m.answered = now
	return m.obey(permanent, body)
}

const (
	good    = 0x06
	range_  = 0x15 // the value is out of range
	unknown = 0x05
)

func (m *menu) obey(permanent bool, body string) response {
	if len(body) < 6 {
		return response{answer: m.echo(permanent, body, unknown)}
	}
	name, value := body[:6], body[6:]
	current, known := m.table[name]
	switch {
	case name == "FACDEF" || name == "DEFALT":
		r := response{answer: m.echo(permanent, body, good), reboot: true}
		r.after = func() {
			m.factory()
			m.powerOn()
		}
		return r
	case !known:
		return response{answer: m.echo(permanent, body, unknown)}
	case value == "*" || value == "?":
		return response{answer: m.echo(permanent, name+current, good)}
	case value == "" || strings.Trim(value, "0123456789") != "" || name == m.speed && m.speeds[value] == 0:
		return response{answer: m.echo(permanent, body, range_)}
	}
	set := func() {
		m.table[name] = value
		if permanent {
			m.flash[name] = value
		}
	}
	r := response{answer: m.echo(permanent, body, good)}
	if name == m.speed {
		r.after = set
	} else {
		set()
	}
	return r
}

func (m *menu) reads(text string, now time.Time) bool {
	if m.table[m.mode] != m.readyWith && !m.triggered {
		return false
	}
	on := m.delayOn == "" || m.table[m.delayOn] == "1"
	delay, err := time.ParseDuration(m.table[m.delay] + "ms")
	if err == nil && on && text == m.seen && now.Sub(m.seenAt) < delay {
		return false
	}
	m.triggered = false
	m.seen, m.seenAt = text, now
	return true
}

func (m *menu) obeys(text string) bool {
	if text != FactoryCode || m.codes != "" && m.table[m.codes] == "0" {
		return false
	}
	m.factory()
	m.powerOn()
	return true
}

func (m *menu) message(text string) [][]byte { return [][]byte{[]byte(text + "\r\n")} }

// newNewland follows the FM530 manual p. 141.
func newNewland() *menu {
	const head = "~\x010000"
	return &menu{
		defaults: map[string]string{
			"SCNMOD": "0", "SETUPE": "1", "RRDENA": "0", "RRDDUR": "1500", "232BAD": "3", "ORTSET": "3000", "GRBENA": "1", "EXPLVL": "0",
		},
		readyWith: "2", mode: "SCNMOD", speed: "232BAD", codes: "SETUPE", delayOn: "RRDENA", delay: "RRDDUR",
		speeds: map[string]int{"3": 9600, "5": 19200, "6": 38400, "7": 57600, "8": 115200},
		apart:  50 * time.Millisecond,
		split: func(b []byte) (int, bool, string) {
			got := string(b)
			if len(got) <= len(head) {
				if strings.HasPrefix(head, got) {
					return -1, false, ""
				}
				return 0, false, ""
			}
			storage := got[len(head)]
			if !strings.HasPrefix(got, head) || storage != '@' && storage != '#' {
				return 0, false, ""
			}
			body, ended := strings.CutSuffix(got[len(head)+1:], ";\x03")
			if !ended {
				return -1, false, ""
			}
			return len(b), storage == '@', body
		},
		echo: func(permanent bool, body string, status byte) []byte {
			storage := "#"
			if permanent {
				storage = "@"
			}
			return []byte("\x02\x010000" + storage + body + string(status) + ";\x03")
		},
	}
}

// newHoneywell follows the N3680 guide p. 144 and the CS19A guide p. 11-3.
func newHoneywell() *menu {
	const head = "\x16M\r"
	return &menu{
		defaults:  map[string]string{"TRGMOD": "0", "DLYRRD": "750", "232BAD": "5"},
		readyWith: "3", mode: "TRGMOD", speed: "232BAD", delay: "DLYRRD", trigger: "\x16T\r",
		speeds: map[string]int{"5": 9600, "6": 19200, "7": 38400, "8": 57600, "9": 115200},
		split: func(b []byte) (int, bool, string) {
			got := string(b)
			if len(got) <= len(head) {
				if strings.HasPrefix(head, got) || strings.HasPrefix("\x16T\r", got) {
					return -1, false, ""
				}
				return 0, false, ""
			}
			if !strings.HasPrefix(got, head) {
				return 0, false, ""
			}
			switch last := got[len(got)-1]; last {
			case '.', '!':
				return len(b), last == '.', strings.ToUpper(got[len(head) : len(got)-1])
			}
			return -1, false, ""
		},
		echo: func(permanent bool, body string, status byte) []byte {
			end := "!"
			if permanent {
				end = "."
			}
			return []byte(body + string(status) + end)
		},
	}
}
