//go:build soak

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/creack/pty"
)

// soakSettings is what a SIGHUP changes.
type soakSettings struct{ pulse, window time.Duration }

var (
	soakUsual = soakSettings{pulse: 100 * time.Millisecond}
	soakOther = soakSettings{pulse: 120 * time.Millisecond, window: 3 * time.Second}
)

const soakConfig = `[reader]
device = %q
away = "200ms"
[trust]
lab = true
directory = "lab/dsc"
[clock]
require = "floor_only"
file = ""
[counters]
directory = ""
[status]
address = "127.0.0.1:0"
[daemon]
runtime = %q
[policy]
repeat_window = %q
[turnstile]
show = "200ms"
pulse = %q
`

// unplug pulls the module out: between two scans, within one, or right behind one.
func (s *soak) unplug() {
	s.unplugs++
	if how := s.unplugs % 3; how > 0 && !s.energised {
		kind := s.kinds[0]
		if how == 1 {
			kind = scanKind{"half a", 0, func(r *rand.Rand) string { return s.kinds[0].make(r)[:200] }, always(cutReasons)}
		}
		s.show(&kind)
		s.asked.cut = true
		s.cut++
		time.Sleep(time.Duration(s.random.Int64N(int64(5 * time.Millisecond))))
	}
	s.ready = false
	if err := os.Remove(s.device()); err != nil {
		s.t.Fatal(err)
	}
	s.master.Close()
	s.slave.Close()
	s.master = nil
	s.changed = time.Now()
}

func (s *soak) plug() {
	var err error
	if s.master, s.slave, err = pty.Open(); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Symlink(s.slave.Name(), s.device()); err != nil {
		s.t.Fatal(err)
	}
	s.changed = time.Now()
}

func (s *soak) device() string { return filepath.Join(s.dir, "module") }

// reload has the configuration read again: as it was, with other settings, and with a mistake.
func (s *soak) reload() {
	how := (s.reloads[0] + s.reloads[1] + s.reloads[2]) % len(s.reloads)
	s.reloads[how]++
	s.reloading, s.refused = true, how == 2
	switch how {
	case 0:
		s.configure(s.inForce, "")
	case 1:
		s.coming = soakOther
		if s.inForce == soakOther {
			s.coming = soakUsual
		}
		s.configure(s.coming, "")
	case 2: // nothing of it may be in force, not even what is right in it
		s.configure(soakSettings{time.Second, time.Hour}, "pulse_lenght = \"1s\"\n")
	}
	if err := s.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) configure(c soakSettings, more string) {
	text := fmt.Sprintf(soakConfig, s.device(), filepath.Join(s.dir, "run"), c.window, c.pulse) + more
	if err := os.WriteFile(filepath.Join(s.dir, "gatescan.toml"), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *soak) stepTo(c soakClock) {
	s.clock = c
	s.steps++
	if _, err := s.step(c.offset()); err != nil {
		s.t.Fatal(err)
	}
}
