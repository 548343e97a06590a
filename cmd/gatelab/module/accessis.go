package module

import "time"

// accessis follows the ATR110 manual p. 13. Its formats are ordered from the factory: it has nothing to set.
type accessis struct {
	raw    bool
	speed  int
	seen   string
	seenAt time.Time
}

func (a *accessis) factory() { a.speed = 9600 }

func (a *accessis) ready() {}

func (a *accessis) powerOn() { a.seen = "" }

func (a *accessis) baud() int { return a.speed }

func (a *accessis) setBaud(baud int) { a.speed = baud }

func (a *accessis) parity() bool { return !a.raw }

func (a *accessis) hear(byte, time.Time) response { return response{} }

func (a *accessis) reads(text string, now time.Time) bool {
	if text == a.seen && now.Sub(a.seenAt) < time.Second {
		return false
	}
	a.seen, a.seenAt = text, now
	return true
}

func (a *accessis) obeys(string) bool { return false }

func (a *accessis) message(text string) [][]byte {
	if a.raw {
		return [][]byte{[]byte("s" + text)}
	}
	return [][]byte{[]byte("\x027" + text + "\r\x03")}
}
