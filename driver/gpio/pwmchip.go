package gpio

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"gatescan/driver/gpio/internal/kernel"
)

// PWMChip describes a chip of the kernel's PWM class.
type PWMChip = kernel.PWMChip

// PWMChips lists the PWM chips, those that cannot be asked included. A kernel without any is no error.
func (b Board) PWMChips() ([]PWMChip, error) {
	b = b.withDefaults()
	chips, err := b.kernel.PWMChips(b.PWMDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("looking for PWM chips: %w", err)
	}
	for i := range chips {
		chips[i].Channels, chips[i].Err = b.pwmChannels(chips[i].Name)
	}
	return chips, nil
}

func (b Board) pwmChannels(chip string) (int, error) {
	s, err := b.kernel.ReadAttribute(filepath.Join(b.PWMDir, chip, "npwm"))
	if err != nil {
		return 0, explainPWM(err)
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, fmt.Errorf("npwm is %.20q, must be a number above 0", s)
	}
	return n, nil
}

// findPWMChip finds a chip by its own name, or else by that of its device.
func (b Board) findPWMChip(name string) (PWMChip, error) {
	chips, err := b.PWMChips()
	if err != nil {
		return PWMChip{}, err
	}
	if len(chips) == 0 {
		return PWMChip{}, fmt.Errorf("no PWM chip in %s: load its driver, and enable it in the device tree", b.PWMDir)
	}
	var hits []PWMChip
	for _, c := range chips {
		if c.Name == name {
			hits = []PWMChip{c}
			break
		}
		if c.Device == name && name != "" {
			hits = append(hits, c)
		}
	}
	switch {
	case len(hits) == 0:
		return PWMChip{}, fmt.Errorf("no such chip; there are: %s", list(chips))
	case len(hits) > 1:
		return PWMChip{}, fmt.Errorf("several chips have this device: %s; give the pwmchip of one", list(hits))
	}
	return hits[0], hits[0].Err
}
