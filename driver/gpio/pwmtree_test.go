package gpio

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pwmTree is /sys/class/pwm as a directory of regular files, which are read and written as such. What files cannot do by
// themselves it adds as the kernel does it: export makes a channel's directory, unexport removes it, and what leaves a channel
// with no period, or with more on-time than that, is refused, as in Linux 5.10. It has pwmchip0 of fe20c000.pwm with channels 0 and 1,
// pwmchip2 and pwmchip10 of 48300000.epwmss with a channel each, and pwmchip3 without a device.
type pwmTree struct {
	linux
	t       *testing.T
	dir     string
	later   bool             // a kernel that lets a channel without a period be disabled
	refuse  map[string]error // what writing to each file says
	absent  string           // a file that cannot be opened for an hour
	began   time.Time
	udev    time.Time // before it, files of a channel cannot be opened
	made    time.Time // before it, a channel that was exported has no directory
	writes  []string  // "file value" of every write that was not refused
	invalid int       // writes that the kernel refused for what they would have left
	open    int       // descriptors
}

func newPWMTree(t *testing.T) (*pwmTree, Board) {
	t.Helper()
	k := &pwmTree{t: t, dir: t.TempDir(), refuse: map[string]error{}, began: time.Now()}
	for _, c := range []struct {
		name, device string
		channels     int
	}{{"pwmchip0", "fe20c000.pwm", 2}, {"pwmchip2", "48300000.epwmss", 1}, {"pwmchip3", "", 1}, {"pwmchip10", "48300000.epwmss", 1}} {
		// As in /sys, the class has links to the chips, each of which is below its device.
		real := filepath.Join(k.dir, "devices", c.device, c.name)
		k.check(os.MkdirAll(real, 0o700))
		k.check(os.MkdirAll(filepath.Join(k.dir, "class"), 0o700))
		k.check(os.Symlink(real, filepath.Join(k.dir, "class", c.name)))
		if c.device != "" {
			k.check(os.Symlink("../../../"+c.device, filepath.Join(real, "device")))
		}
		k.file(filepath.Join(real, "npwm"), strconv.Itoa(c.channels))
		k.file(filepath.Join(real, "export"), "")
		k.file(filepath.Join(real, "unexport"), "")
	}
	return k, Board{PWMDir: filepath.Join(k.dir, "class"), kernel: k}
}

func (k *pwmTree) wrote(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(k.writes, want) {
		t.Errorf("wrote\n\t%s\nwant\n\t%s", strings.Join(k.writes, "\n\t"), strings.Join(want, "\n\t"))
	}
	k.writes = nil
}

func (k *pwmTree) check(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *pwmTree) file(path, value string) {
	k.t.Helper()
	k.check(os.WriteFile(path, []byte(value+"\n"), 0o600))
}

// channel makes the directory of a channel in the given state.
func (k *pwmTree) channel(chip string, channel int, period, duty, enable string) {
	k.t.Helper()
	dir := filepath.Join(k.dir, "class", chip, fmt.Sprintf("pwm%d", channel))
	k.check(os.Mkdir(dir, 0o700))
	for file, value := range map[string]string{"period": period, "duty_cycle": duty, "enable": enable, "polarity": "normal"} {
		k.file(filepath.Join(dir, file), value)
	}
}

// value is what a file of channel 1 of pwmchip0 says; empty if there is none.
func (k *pwmTree) value(file string) string {
	s, _ := k.linux.ReadAttribute(filepath.Join(k.dir, "class", "pwmchip0", "pwm1", file))
	return s
}

func (k *pwmTree) ReadAttribute(path string) (string, error) {
	if time.Now().Before(k.made) && strings.HasPrefix(filepath.Base(filepath.Dir(path)), "pwm") && filepath.Base(path) != "npwm" {
		return "", &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	}
	return k.linux.ReadAttribute(path)
}

func (k *pwmTree) OpenAttribute(path string) (io.WriteCloser, error) {
	switch file := filepath.Base(path); {
	case file == "export", file == "unexport":
	case file == k.absent && time.Since(k.began) < time.Hour, time.Now().Before(k.made):
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.ENOENT}
	case time.Now().Before(k.udev):
		return nil, &fs.PathError{Op: "open", Path: path, Err: unix.EACCES}
	}
	f, err := k.linux.OpenAttribute(path)
	if err != nil {
		return nil, err
	}
	k.open++
	return &pwmTreeFile{f.(*os.File), k}, nil
}

type pwmTreeFile struct {
	*os.File
	k *pwmTree
}

func (f *pwmTreeFile) Close() error { f.k.open--; return f.File.Close() }

func (f *pwmTreeFile) Write(b []byte) (int, error) {
	dir, file := filepath.Split(f.Name())
	if err := f.k.refuse[file]; err != nil {
		return 0, err
	}
	value := strings.TrimSuffix(string(b), "\n")
	n, err := strconv.ParseUint(value, 10, 64)
	if err != nil {
		return 0, unix.EINVAL
	}
	channel := filepath.Join(dir, "pwm"+value)
	switch file {
	case "export":
		if _, err := os.Stat(channel); err == nil {
			return 0, unix.EBUSY
		}
		f.k.channel(filepath.Base(filepath.Clean(dir)), int(n), "0", "0", "0")
	case "unexport":
		f.k.check(os.RemoveAll(channel))
	default:
		state := map[string]uint64{}
		for _, name := range []string{"period", "duty_cycle", "enable"} {
			s, err := f.k.linux.ReadAttribute(filepath.Join(dir, name))
			f.k.check(err)
			state[name], err = strconv.ParseUint(s, 10, 64)
			f.k.check(err)
		}
		state[file] = n
		valid := state["period"] > 0 && state["duty_cycle"] <= state["period"] || f.k.later && state["enable"] == 0
		if !valid || state["enable"] > 1 {
			f.k.invalid++
			return 0, unix.EINVAL
		}
		f.k.check(f.Truncate(0))
		if _, err := f.WriteAt(b, 0); err != nil {
			return 0, err
		}
	}
	f.k.writes = append(f.k.writes, file+" "+value)
	return len(b), nil
}
