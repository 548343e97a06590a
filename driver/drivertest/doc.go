// Package drivertest is an emulated board for tests: a Debian kernel for 32-bit ARM in QEMU, with our own static
// binaries as payload. The drivers under test meet the kernel's real GPIO, LED, watchdog and USB serial code, and every
// level change is seen from outside, where a turnstile would see it. It never ships.
//
//	b := drivertest.Boot(t, drivertest.Options{Files: map[string]string{"/bin/gatescan": binary}})
//	p, err := b.Start("/bin/gatescan", "run", "-config", "/etc/gatescan.toml")
//	from := b.Mark()
//	_, err = b.Serial.Write([]byte("HC1:...\r"))
//	on, err := b.Next(from, drivertest.LEDLine, true, time.Second)
//	off, err := b.Next(from, drivertest.LEDLine, false, time.Second)
//	pulse := off.At.Sub(on.At)
//
// The board is QEMU's "virt" machine. Its GPIO controller is an ARM PL061 of 8 lines, [Chip] to the kernel. A line that
// nobody drives is low, as if pulled down:
//
//	0, 1, 2, 6, 7   free, for outputs and for inputs that Set drives
//	3               taken by the kernel (power key)
//	PlainLine       free, meant for a relay on the character device
//	LEDLine         driven by the kernel as LEDPath, active high, off at start
//
// With a [Disk] it also has an ext4 file system of which the host can tell afterwards what a power cut would have left, at any
// moment:
//
//	d, err := drivertest.NewDisk(ctx, t.TempDir())
//	b := drivertest.Boot(t, drivertest.Options{Disk: d}) // the guest mounts DiskPath and writes
//	b.Close()
//	log, err := d.Log()
//	err = drivertest.Recover(ctx, log.Cut(moment, kept), "/directory", to)
//
// Times of changes are the host's. While the host is loaded the guest may run late, never early.
package drivertest

// Chip is the label of the GPIO controller, as GPIO_GET_CHIPINFO_IOCTL reports it.
const Chip = "9030000.pl061"

// The lines that have a meaning of their own.
const (
	PlainLine = 4
	LEDLine   = 5
)

// LEDPath is where the guest's kernel offers LEDLine (Documentation/leds/leds-class.rst).
const LEDPath = "/sys/class/leds/gate:relay"

// SerialPath is the guest's name of the USB serial port. It appears a moment after the board is ready: see AwaitPath.
const SerialPath = "/dev/ttyUSB0"
