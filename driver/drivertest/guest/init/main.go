// Command init is the first process of an emulated board: it mounts what every system has, loads the modules of
// /etc/modules and then does what the host asks for, for ever. If it cannot, the kernel panics and the host reads why on
// the console.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"gatescan/driver/drivertest/guest"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("init: ")
	log.Fatal(run())
}

// run only returns to say what went wrong.
func run() error {
	if err := setUp(); err != nil {
		return err
	}
	port, err := openPort()
	if err != nil {
		return err
	}
	a := newAgent(port)
	go a.reap()
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	a.say(guest.Message{Event: guest.Ready, Data: []byte(unix.ByteSliceToString(name.Release[:]))})
	for requests := json.NewDecoder(bufio.NewReader(port)); ; {
		var r guest.Request
		if err := requests.Decode(&r); err != nil {
			return fmt.Errorf("control port: %w", err)
		}
		a.handle(r)
	}
}

func setUp() error {
	for _, m := range []struct{ kind, where string }{
		{"proc", "/proc"}, {"sysfs", "/sys"}, {"devtmpfs", "/dev"}, {"tmpfs", "/run"}, {"tmpfs", "/tmp"},
	} {
		if err := unix.Mount(m.kind, m.where, m.kind, 0, ""); err != nil {
			return fmt.Errorf("mounting %s: %w", m.where, err)
		}
	}
	os.Setenv("PATH", "/bin:/sbin")
	os.Setenv("HOME", "/tmp")
	if out, err := exec.Command("/bin/busybox", "--install", "-s", "/bin").CombinedOutput(); err != nil {
		return fmt.Errorf("busybox: %w: %s", err, out)
	}
	if err := loopback(); err != nil {
		return fmt.Errorf("loopback: %w", err)
	}
	order, err := os.ReadFile("/etc/modules")
	if err != nil {
		return err
	}
	for path := range strings.Lines(string(order)) {
		if err := load(strings.TrimSpace(path)); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// load leaves out what is for another processor: one of several modules that do the same, as crc32c.
func load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), "", 0); !errors.Is(err, unix.ENODEV) {
		return err
	}
	return nil
}

// loopback brings lo up. The kernel gives it its address.
func loopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// openPort waits for the host to announce its control port.
func openPort() (*os.File, error) {
	for range 500 {
		names, err := filepath.Glob("/sys/class/virtio-ports/*/name")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			if text, err := os.ReadFile(name); err == nil && strings.TrimSpace(string(text)) == guest.Port {
				return os.OpenFile(filepath.Join("/dev", filepath.Base(filepath.Dir(name))), os.O_RDWR, 0)
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return nil, errors.New("there is no control port")
}
