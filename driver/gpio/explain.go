package gpio

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"gatescan/driver/gpio/internal/kernel"

	"golang.org/x/sys/unix"
)

// causedError has the text of one error and is also another.
type causedError struct {
	error
	cause error
}

func (e *causedError) Unwrap() error { return e.cause }

// explainChip adds what to do to the error of a chip.
func explainChip(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission: put the user that runs this into the group that owns the device, often gpio, and allow the device in the service's unit (%w)", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("no such chip: load its driver, or name it by its label (%w)", err)
	case errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return fmt.Errorf("the chip is gone: check its bus or USB cable (%w)", err)
	case errors.Is(err, unix.ENOTTY):
		return fmt.Errorf("not a GPIO chip (%w)", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the kernel does not know this request: 5.10 or later is needed (%w)", err)
	}
	return err
}

// explainLine adds what to do to the error of a request for a line of c.
func explainLine(c kernel.Chip, offset int, err error) error {
	switch {
	case errors.Is(err, unix.EBUSY):
		user := "somebody else"
		if info, err := lineInfo(c, offset); err == nil && info.Consumer != "" {
			user = fmt.Sprintf("%q", info.Consumer)
		}
		return fmt.Errorf("in use by %s: stop that, or choose another line (%w)", user, err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("the kernel refuses this line with these settings: check bias and debounce; 5.10 or later is needed (%w)", err)
	case errors.Is(err, unix.ENXIO), errors.Is(err, unix.ENODEV):
		return fmt.Errorf("the chip is gone, or this line cannot signal edges: connect the chip's interrupt or choose another line (%w)", err)
	case errors.Is(err, unix.EOPNOTSUPP), errors.Is(err, unix.ENOSYS), errors.Is(err, enotsupp):
		return fmt.Errorf("the chip cannot do this: check direction, bias and debounce of the line (%w)", err)
	}
	return explainChip(err)
}

// enotsupp is the kernel's internal ENOTSUPP (include/linux/errno.h), which some GPIO drivers let through to user space.
const enotsupp = unix.Errno(524)

// explainPWM adds what to do to the error of an attribute of a PWM chip or channel.
func explainPWM(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission: run as root, or hand the files of the PWM chip and its channels to the service's group by a udev rule for add and change events (%w)", err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("/sys is read-only: do without ProtectKernelTunables in the service's unit (%w)", err)
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ERANGE):
		return fmt.Errorf("the chip cannot make this frequency, or only together with its other channels: choose another chip for tones (%w)", err)
	case errors.Is(err, unix.ENODEV), errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the channel is not there: somebody else gave it back, or the chip is gone (%w)", err)
	case errors.Is(err, os.ErrClosed):
		return fmt.Errorf("closed (%w)", err)
	}
	return err
}

// explainLED adds what to do to the error of an LED's attribute.
func explainLED(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("no permission: run as root, or hand the LED's files to the service's group by a udev rule for add and change events (%w)", err)
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("/sys is read-only: do without ProtectKernelTunables in the service's unit (%w)", err)
	case errors.Is(err, unix.ENODEV):
		return fmt.Errorf("the kernel has taken the file away: somebody else changed the LED's trigger, or the LED is gone (%w)", err)
	case errors.Is(err, os.ErrClosed):
		return fmt.Errorf("closed (%w)", err)
	}
	return err
}
