package main

import (
	"fmt"
	"strings"
	"time"

	"gatescan/cmd/gatescan/gate"
	"gatescan/driver/scanner"
)

// readerConfig says where the barcode module is, and of which family. A zero is what that family needs.
type readerConfig struct {
	Device        string   `toml:"device" carry:"never"`
	Module        string   `toml:"module"`
	Baud          int      `toml:"baud"`
	DataBits      int      `toml:"data_bits"`
	Parity        string   `toml:"parity"`
	StopBits      int      `toml:"stop_bits"`
	IdleGap       duration `toml:"idle_gap"`
	SameCodeDelay duration `toml:"same_code_delay"`
	Away          duration `toml:"away"`
	NoRead        []string `toml:"no_read"`
}

func defaultReader() readerConfig {
	return readerConfig{
		Device: "/dev/ttyACM0", Module: string(scanner.ModuleLine), StopBits: 1,
		IdleGap: duration(40 * time.Millisecond), SameCodeDelay: duration(time.Second), Away: duration(gate.DefaultAway),
		NoRead: scanner.NoReads(),
	}
}

// check names what is wrong. The reader knows best what it can do; its messages say all.
func (r readerConfig) check() (mistakes []mistake) {
	for _, err := range unjoin(r.scanner().Validate()) {
		mistakes = append(mistakes, mistake{key: readerKey(err), text: err.Error()})
	}
	if away := time.Duration(r.Away); away < minAway || away > maxAway {
		mistakes = append(mistakes, mistake{key: "reader.away", text: fmt.Sprintf("%v is out of range; it must be %v to %v", r.Away, duration(minAway), duration(maxAway))})
	}
	return mistakes
}

// Limits of reader.away: below a module's own pause between two sendings one person would be several, and a person who comes back
// is to be served at once.
const (
	minAway = 200 * time.Millisecond
	maxAway = 30 * time.Second
)

// away is how long a code must be away before it is shown anew: reader.away, but longer than the module's pause between two
// sendings of one code, or a code that stays there would come again and again.
func (r readerConfig) away() time.Duration {
	away := time.Duration(r.Away)
	if c := r.scanner().WithDefaults(); c.Module != scanner.ModuleLine {
		away = max(away, c.SameCodeDelay+sameCodeSlack)
	}
	return away
}

// sameCodeSlack is how much later than its same-code delay a module may send: the time of a decoding and of the line.
const sameCodeSlack = 500 * time.Millisecond

// readerKey finds the key that a mistake of the reader is about: its message begins with the words of the key.
func readerKey(err error) string {
	for _, key := range []string{"device", "module", "baud", "data_bits", "parity", "stop_bits", "idle_gap", "same_code_delay", "no_read"} {
		if strings.HasPrefix(err.Error(), strings.ReplaceAll(key, "_", " ")+" ") {
			return "reader." + key
		}
	}
	return "reader"
}

func (r readerConfig) scanner() scanner.Config {
	return scanner.Config{
		Device: r.Device, Module: scanner.Module(r.Module), Baud: r.Baud, DataBits: r.DataBits, Parity: scanner.Parity(r.Parity),
		StopBits: r.StopBits, IdleGap: time.Duration(r.IdleGap), SameCodeDelay: time.Duration(r.SameCodeDelay),
		NoRead: append([]string{}, r.NoRead...), // none, not the default, if the list is empty
	}
}

// effective is r with what a zero stands for.
func (r readerConfig) effective() readerConfig {
	c := r.scanner().WithDefaults()
	r.Module, r.Baud, r.DataBits, r.Parity, r.StopBits = string(c.Module), c.Baud, c.DataBits, string(c.Parity), c.StopBits
	r.IdleGap, r.SameCodeDelay = duration(c.IdleGap), duration(c.SameCodeDelay)
	return r
}
