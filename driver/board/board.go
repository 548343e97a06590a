// Package board says on which board the gate stands, from the device tree, and what that board has: its GPIO chips, the
// serial port of its header, and the lines that our own images wire. It opens no device and drives nothing. Of periph's host
// it uses distro alone: its drivers would take lines from the kernel (bcm283x) or let an active-low relay fire (gpioioctl).
package board

import (
	"fmt"
	"slices"
	"strings"

	"periph.io/x/host/v3/distro"
)

// Board is a kind of board. The zero Board is one that is not known.
type Board struct {
	Name   string // short, such as "Raspberry Pi 4"; empty if it is not known
	Model  string // as the device tree says it, at most 128 bytes; empty without a device tree
	Chips  []Chip // of its processor; others may be attached
	Serial string // device of the UART on its header; empty if that depends on its configuration
	Wiring Wiring
}

// Chip is a GPIO chip.
type Chip struct {
	Label string // as GPIO_GET_CHIPINFO_IOCTL reports it
	Lines int
}

// Wiring proposes lines of the board for an example, by the offsets on the first chip. A zero offset is none.
type Wiring struct {
	Relay, Green, Red, Yellow, Buzzer, Passage int
}

// maxModel bounds what a device tree says of itself.
const maxModel = 128

// Here returns this machine's board. It never fails: without a device tree it is the zero Board.
func Here() Board { return of(distro.DTModel(), distro.DTCompatible()) }

// of finds a board by the device tree's model and compatible, which goes from the most to the least specific.
func of(model string, compatible []string) Board {
	b := Board{}
	for _, c := range compatible {
		if k := slices.IndexFunc(kinds, func(k kind) bool { return k.compatible == c }); k >= 0 {
			b = kinds[k].Board
			break
		}
	}
	if model != "<unknown>" { // distro's word for no device tree
		b.Model = printable(model)
	}
	return b
}

// printable drops what is not text: a device tree is the firmware's, and goes into records and metrics.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s)
	return s[:min(len(s), maxModel)]
}

// String names the board for a message.
func (b Board) String() string {
	switch {
	case b.Name != "":
		return b.Name
	case b.Model != "":
		return b.Model
	}
	return "an unknown board"
}

// Known says whether it is known what the board has.
func (b Board) Known() bool { return b.Name != "" }

// Lacks says why a configuration that names this chip cannot be right, and what would be; it is empty if nothing is wrong, if the
// board is not known, or if the chip is named by its device. present are the labels of the chips that the kernel reports: an
// expander that is there is no mistake.
func (b Board) Lacks(chip string, present []string) string {
	if !b.Known() || chip == "" || strings.HasPrefix(chip, "/") || slices.Contains(present, chip) ||
		slices.ContainsFunc(b.Chips, func(c Chip) bool { return c.Label == chip }) {
		return ""
	}
	labels := make([]string, 0, len(b.Chips)+len(present))
	for _, c := range b.Chips {
		labels = append(labels, c.Label)
	}
	labels = append(labels, present...)
	slices.Sort(labels)
	return fmt.Sprintf("%s has no chip %q; use one of %s", b.Name, chip, strings.Join(slices.Compact(labels), ", "))
}
