package scanner

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sysfs builds a tree like the kernel's: real directories below devices, links in class.
type sysfs struct {
	t testing.TB
	Ports
}

func newSysfs(t testing.TB) *sysfs {
	t.Helper()
	s := &sysfs{t, Ports{SysDir: filepath.Join(t.TempDir(), "sys"), DevDir: filepath.Join(t.TempDir(), "dev")}}
	s.mkdir("class/tty")
	s.mkdir("devices/virtual/tty/tty0")
	s.link("class/tty/tty0", "../../devices/virtual/tty/tty0")
	s.mkdir("devices/platform/serial8250/tty/ttyS0")
	s.link("devices/platform/serial8250/tty/ttyS0/device", "../../../serial8250")
	s.link("class/tty/ttyS0", "../../devices/platform/serial8250/tty/ttyS0")
	if err := os.MkdirAll(s.DevDir, 0o755); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *sysfs) mkdir(dir string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Join(s.SysDir, dir), 0o755); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sysfs) link(name, to string) {
	s.t.Helper()
	if err := os.Symlink(to, filepath.Join(s.SysDir, name)); err != nil {
		s.t.Fatal(err)
	}
}

func (s *sysfs) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.SysDir, name), []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// plug makes a device with one interface. ttyUSBn has a directory of its own below it, ttyACMn has not.
func (s *sysfs) plug(tty, port, vendor, product, serial string) {
	s.t.Helper()
	usb := "devices/platform/soc/3f980000.usb/usb1/" + port[:1] + "-1/" + port
	s.plugInterface(tty, usb, port+":1.0")
	s.write(usb+"/idVendor", vendor+"\n")
	s.write(usb+"/idProduct", product+"\n")
	if serial != "" {
		s.write(usb+"/serial", serial+"\n")
	}
	s.write(usb+"/manufacturer", "Maker\n")
	s.write(usb+"/product", "Reader\x1b[2J\n")
}

func (s *sysfs) plugInterface(tty, usb, name string) {
	s.t.Helper()
	dir := usb + "/" + name
	device := "../../../" + name
	if strings.HasPrefix(tty, "ttyUSB") {
		dir += "/" + tty
		device = "../../../" + tty
	}
	s.mkdir(dir + "/tty/" + tty)
	s.link(dir+"/tty/"+tty+"/device", device)
	s.link("class/tty/"+tty, "../../"+dir+"/tty/"+tty)
}

func (s *sysfs) unplug(tty, port string) {
	s.t.Helper()
	_ = os.Remove(filepath.Join(s.SysDir, "class/tty", tty))
	if err := os.RemoveAll(filepath.Join(s.SysDir, "devices/platform/soc/3f980000.usb/usb1/"+port[:1]+"-1/"+port)); err != nil {
		s.t.Fatal(err)
	}
}

func TestFindUSB(t *testing.T) {
	s := newSysfs(t)
	s.plug("ttyACM0", "1-1.2", "1eab", "1d06", "EA01")
	s.plug("ttyACM1", "1-1.3", "1EAB", "1d06", "EA02")
	s.plug("ttyUSB0", "1-1.4", "0403", "6001", "")
	s.plugInterface("ttyUSB1", "devices/platform/soc/3f980000.usb/usb1/1-1/1-1.4", "1-1.4:1.1")
	for _, tt := range []struct {
		device string
		path   string   // below DevDir
		errors []string // what the error says
	}{
		{device: "/dev/ttyS7", path: "/dev/ttyS7"},
		{device: "usb-serial:EA02", path: "ttyACM1"},
		{device: "usb-port:1-1.2", path: "ttyACM0"},
		{device: "usb-port:1-1.4:1.1", path: "ttyUSB1"},
		{device: "usb:1eab:1d06", errors: []string{"usb:1eab:1d06 is several", "ttyACM0 is usb-port:1-1.2,", "ttyACM1 is usb-port:1-1.3;"}},
		{device: "usb:0403:6001", errors: []string{"ttyUSB0 is usb-port:1-1.4:1.0,", "ttyUSB1 is usb-port:1-1.4:1.1;"}},
		{device: "usb:05e0:1701", errors: []string{
			"usb:05e0:1701 is not plugged in", "usb:1eab:1d06 usb-serial:EA01 usb-port:1-1.2 is " + s.DevDir + "/ttyACM0 (Maker Reader[2J)",
			"usb:0403:6001 usb-port:1-1.4 is",
		}},
		{device: "usb-serial:EA0", errors: []string{"is not plugged in"}},
		{device: "usb-port:1-1", errors: []string{"is not plugged in"}},
		{device: "usb:1eab", errors: []string{"lsusb", "usb:1eab:1d06"}},
		{device: "usb:1eab:1d06:0", errors: []string{"lsusb"}},
		{device: "usb:xxxx:1d06", errors: []string{"lsusb"}},
		{device: "usb-serial:", errors: []string{"serial number"}},
		{device: "usb-port:../x", errors: []string{"usb-port:1-1.2"}},
		{device: "ttyACM0", errors: []string{"full path"}},
	} {
		got, err := s.Find(tt.device)
		if want := tt.path; err == nil {
			if !filepath.IsAbs(want) {
				want = filepath.Join(s.DevDir, want)
			}
			if got != want {
				t.Errorf("%s is %s, want %s", tt.device, got, want)
			}
		}
		if (err != nil) != (tt.errors != nil) {
			t.Errorf("%s: %v", tt.device, err)
			continue
		}
		for _, want := range tt.errors {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q does not say %q", tt.device, err, want)
			}
		}
	}
	s.unplug("ttyACM1", "1-1.3")
	if got, err := s.Find("usb:1EAB:1D06"); err != nil || filepath.Base(got) != "ttyACM0" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestFindWithoutSysfs(t *testing.T) {
	p := Ports{SysDir: filepath.Join(t.TempDir(), "none")}
	if _, err := p.Find("usb:1eab:1d06"); err == nil || !strings.Contains(err.Error(), "looking for serial ports") {
		t.Error(err)
	}
	if _, err := newSysfs(t).Find("usb:1eab:1d06"); err == nil || !strings.Contains(err.Error(), "there are: none") {
		t.Error(err)
	}
	if ports, err := (Ports{}).USB(); err != nil { // this machine, whatever it has
		t.Error(err)
	} else {
		t.Logf("%v", ports)
	}
}

// A module that comes back under another number is found again, and one that is plugged in beside it, too, makes it unclear.
func TestReplugUnderAnotherNumber(t *testing.T) {
	s := newSysfs(t)
	m := newModule(t)
	put := func(tty string) {
		m.plug()
		link, err := os.Readlink(m.path)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(link, filepath.Join(s.DevDir, tty)); err != nil {
			t.Fatal(err)
		}
		s.plug(tty, "1-1.2", "1eab", "1d06", "EA01")
	}
	put("ttyACM0")
	l := startOn(t, Config{Device: "usb-serial:EA01", Ports: s.Ports})
	defer l.end()
	l.wantState(t, true)
	l.scan(m, "HC1:A\r", "HC1:A")
	m.unplug()
	l.wantState(t, false)
	s.unplug("ttyACM0", "1-1.2")
	put("ttyACM3")
	l.wantState(t, true)
	l.scan(m, "HC1:B\r", "HC1:B")
	if got := l.Setup().Device; filepath.Base(got) != "ttyACM3" {
		t.Errorf("read from %s", got)
	}
}

// Two daemons must not read one module: each would miss half of what is presented.
func TestOnlyOneReader(t *testing.T) {
	m := newModule(t)
	m.plug()
	first := startOn(t, Config{Device: m.path})
	first.wantState(t, true)
	second := startOn(t, Config{Device: m.path})
	defer second.end()
	second.wantState(t, false)
	if err := second.Err(); err == nil || !strings.Contains(err.Error(), "another program has locked the port") {
		t.Errorf("err %v", err)
	}
	if _, err := SaveModule(t.Context(), Config{Device: m.path, Module: ModuleGM65}); err == nil || !strings.Contains(err.Error(), "locked") {
		t.Errorf("err %v", err)
	}
	first.scan(m, "HC1:A\r", "HC1:A")
	first.end()
	second.wantState(t, true)
	second.scan(m, "HC1:B\r", "HC1:B")
}
