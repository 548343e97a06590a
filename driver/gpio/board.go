package gpio

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
)

// Board is where lines, LEDs and PWM chips are looked for. The zero Board is this machine.
type Board struct {
	DevDir string // with the gpiochipN; default /dev
	LEDDir string // with a directory per LED; default /sys/class/leds
	PWMDir string // with a directory per PWM chip; default /sys/class/pwm

	kernel kernel.Kernel // nil for Linux
}

// On is a board with another kernel than this machine's: that of a simulated one (gpiotest).
func On(k kernel.Kernel) Board { return Board{kernel: k} }

func (b Board) withDefaults() Board {
	if b.DevDir == "" {
		b.DevDir = "/dev"
	}
	if b.LEDDir == "" {
		b.LEDDir = "/sys/class/leds"
	}
	if b.PWMDir == "" {
		b.PWMDir = "/sys/class/pwm"
	}
	if b.kernel == nil {
		b.kernel = linux{}
	}
	return b
}

// ChipInfo describes a chip.
type ChipInfo struct {
	Path  string // of its device
	Name  string // the kernel's, such as gpiochip0
	Label string // what a [Line] calls it
	Lines int    // how many it has
	Err   error  // why it could not be asked; then only Path is known
}

func (c ChipInfo) String() string {
	if c.Err != nil {
		return fmt.Sprintf("%s (%v)", c.Path, c.Err)
	}
	return fmt.Sprintf("%q (%s, %d lines)", c.Label, c.Path, c.Lines)
}

// LineInfo describes a line. What is not set by anybody is empty.
type LineInfo struct {
	Chip      string // label
	Path      string // of the chip's device
	Offset    int
	Name      string
	Consumer  string // who uses it, in that user's own words
	Used      bool   // by a process or the kernel
	Output    bool
	ActiveLow bool
}

func (l LineInfo) String() string {
	s := fmt.Sprintf("%d of %s", l.Offset, l.Chip)
	if l.Name != "" {
		s += fmt.Sprintf(" (%q)", l.Name)
	}
	return s
}

// Chips lists the chips, those that cannot be asked included.
func (b Board) Chips() ([]ChipInfo, error) {
	b = b.withDefaults()
	paths, err := b.kernel.ChipPaths(b.DevDir)
	if err != nil {
		return nil, fmt.Errorf("looking for GPIO chips: %w", err)
	}
	chips := make([]ChipInfo, 0, len(paths))
	for _, path := range paths {
		chips = append(chips, b.chipInfo(path))
	}
	return chips, nil
}

func (b Board) chipInfo(path string) ChipInfo {
	c, err := b.kernel.OpenChip(path)
	if err != nil {
		return ChipInfo{Path: path, Err: explainChip(err)}
	}
	defer c.Close()
	var info unix.GPIOChipInfo
	if err := c.Info(&info); err != nil {
		return ChipInfo{Path: path, Err: explainChip(err)}
	}
	return ChipInfo{Path: path, Name: text(info.Name[:]), Label: text(info.Label[:]), Lines: int(info.Lines)}
}

// Lines lists the lines of all chips that can be asked.
func (b Board) Lines() ([]LineInfo, error) {
	b = b.withDefaults()
	chips, err := b.Chips()
	if err != nil {
		return nil, err
	}
	return b.linesOf(chips)
}

func (b Board) linesOf(chips []ChipInfo) ([]LineInfo, error) {
	var lines []LineInfo
	for _, info := range chips {
		if info.Err != nil {
			continue
		}
		c, err := b.kernel.OpenChip(info.Path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", info.Path, explainChip(err))
		}
		for offset := range info.Lines {
			l, err := lineInfo(c, offset)
			if err != nil {
				_ = c.Close()
				return nil, fmt.Errorf("line %d of %s: %w", offset, info.Label, explainChip(err))
			}
			l.Chip, l.Path = info.Label, info.Path
			lines = append(lines, l)
		}
		_ = c.Close()
	}
	return lines, nil
}

func lineInfo(c kernel.Chip, offset int) (LineInfo, error) {
	info := unix.GPIOV2LineInfo{Offset: uint32(offset)}
	err := c.LineInfo(&info)
	return LineInfo{
		Offset:    offset,
		Name:      text(info.Name[:]),
		Consumer:  text(info.Consumer[:]),
		Used:      info.Flags&kernel.FlagUsed != 0,
		Output:    info.Flags&kernel.FlagOutput != 0,
		ActiveLow: info.Flags&kernel.FlagActiveLow != 0,
	}, err
}

// text is the string in an array of the kernel, which ends at the first NUL.
func text(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// find says on which chip l is, and with which offset.
func (b Board) find(l Line) (ChipInfo, int, error) {
	chips, err := b.candidates(l)
	if err != nil {
		return ChipInfo{}, 0, err
	}
	if l.Name == "" {
		if len(chips) > 1 {
			return ChipInfo{}, 0, fmt.Errorf("%v: several chips have this label: %s; give the path of one", l, list(chips))
		}
		if l.Offset >= chips[0].Lines {
			return ChipInfo{}, 0, fmt.Errorf("%v: that chip has lines 0 to %d", l, chips[0].Lines-1)
		}
		return chips[0], l.Offset, nil
	}
	lines, err := b.linesOf(chips)
	if err != nil {
		return ChipInfo{}, 0, fmt.Errorf("looking for %v: %w", l, err)
	}
	var named, hits []LineInfo
	for _, info := range lines {
		if info.Name != "" {
			named = append(named, info)
		}
		if info.Name == l.Name {
			hits = append(hits, info)
		}
	}
	switch len(hits) {
	case 0:
		return ChipInfo{}, 0, fmt.Errorf("%v: no line has this name; named lines are: %s", l, list(named))
	case 1:
		for _, c := range chips {
			if c.Path == hits[0].Path {
				return c, hits[0].Offset, nil
			}
		}
	}
	return ChipInfo{}, 0, fmt.Errorf("%v: several lines have this name: %s; give chip and offset", l, list(hits))
}

// candidates are the chips that l may be on: at least one, and each has answered.
func (b Board) candidates(l Line) ([]ChipInfo, error) {
	if l.isPath() {
		c := b.chipInfo(l.Chip)
		if c.Err != nil {
			return nil, fmt.Errorf("%v: %w", l, c.Err)
		}
		return []ChipInfo{c}, nil
	}
	all, err := b.Chips()
	if err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%v: no GPIO chip in %s: load its driver, and let the service see the device", l, b.DevDir)
	}
	var chips []ChipInfo
	for _, c := range all {
		if c.Err == nil && (l.Chip == "" || l.Chip == c.Label) {
			chips = append(chips, c)
		}
	}
	if len(chips) == 0 {
		err := fmt.Errorf("%v: no such chip can be used; there are: %s", l, list(all))
		for _, c := range all {
			if c.Err != nil {
				return nil, &causedError{err, c.Err}
			}
		}
		return nil, err
	}
	return chips, nil
}

// LEDs lists the names of the LEDs.
func (b Board) LEDs() ([]string, error) {
	b = b.withDefaults()
	names, err := b.kernel.LEDNames(b.LEDDir)
	if err != nil {
		return nil, fmt.Errorf("looking for LEDs: %w", err)
	}
	return names, nil
}

// ledDir is the directory of an LED.
func (b Board) ledDir(name string) (string, error) {
	if name == "" || strings.Contains(name, "/") || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("LED %q: give the name of a directory in %s", name, b.LEDDir)
	}
	return filepath.Join(b.LEDDir, name), nil
}

// maxListed bounds what a message lists: boards have up to some hundred lines.
const maxListed = 64

func list[T any](items []T) string {
	if len(items) == 0 {
		return "none"
	}
	var b strings.Builder
	for i, item := range items {
		if i == maxListed {
			fmt.Fprintf(&b, ", and %d more", len(items)-i)
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprint(&b, item)
	}
	return b.String()
}
