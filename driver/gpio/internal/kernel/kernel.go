// Package kernel says what package gpio needs of a kernel, so that gpiotest can pretend to be one.
package kernel

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"golang.org/x/sys/unix"
)

// Kernel offers GPIO chips, LEDs and PWM chips.
type Kernel interface {
	ChipPaths(dir string) ([]string, error) // each chip once
	OpenChip(path string) (Chip, error)
	LEDNames(dir string) ([]string, error)
	PWMChips(dir string) ([]PWMChip, error)            // names and devices
	OpenAttribute(path string) (io.WriteCloser, error) // of an LED or a PWM chip; one Write is one value
	ReadAttribute(path string) (string, error)
}

// Chip is an open GPIO chip. Its methods are the ioctls of linux/gpio.h; their errors are errnos.
type Chip interface {
	Info(*unix.GPIOChipInfo) error
	LineInfo(*unix.GPIOV2LineInfo) error // of the line whose offset is set
	Request(*unix.GPIOV2LineRequest) (Handle, error)
	Close() error
}

// Handle is a requested line. Read waits for events and Close ends it; nothing else may be called during and after Close.
type Handle interface {
	Get(*unix.GPIOV2LineValues) error
	Set(*unix.GPIOV2LineValues) error
	Read(b []byte) (int, error)
	Close() error
}

// From linux/gpio.h, enum gpio_v2_line_flag, as far as used here.
const (
	FlagUsed         = 1 << 0
	FlagActiveLow    = 1 << 1
	FlagInput        = 1 << 2
	FlagOutput       = 1 << 3
	FlagEdgeRising   = 1 << 4
	FlagEdgeFalling  = 1 << 5
	FlagBiasPullUp   = 1 << 8
	FlagBiasPullDown = 1 << 9
	FlagBiasDisabled = 1 << 10
)

// ByNumber sorts names that end in a number: 2 before 10.
func ByNumber(a, b string) int { return cmp.Or(len(a)-len(b), strings.Compare(a, b)) }

// PWMChip describes a chip of the kernel's PWM class.
type PWMChip struct {
	Name     string // of its directory, such as pwmchip0
	Device   string // of the device behind it, such as fe20c000.pwm; empty if it has none
	Channels int
	Err      error // why it cannot be asked; then Channels is 0
}

func (c PWMChip) String() string {
	device := c.Device
	if device == "" {
		device = "no device"
	}
	if c.Err != nil {
		return fmt.Sprintf("%s (%s, %v)", c.Name, device, c.Err)
	}
	return fmt.Sprintf("%s (%s, %d channels)", c.Name, device, c.Channels)
}
