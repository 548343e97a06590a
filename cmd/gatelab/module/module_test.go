package module

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"gatescan/driver/scanner"
)

// pass is as long as a certificate is.
var pass = "HC1:" + strings.Repeat("6BFOXN%TSMAHN-H", 44)[:646]

// gate reads a module with the real driver.
type gate struct {
	*scanner.Reader
	t      testing.TB
	frames chan string
	states chan bool
	end    func()

	logging sync.Mutex
	log     bytes.Buffer
}

func (g *gate) Write(b []byte) (int, error) {
	g.logging.Lock()
	defer g.logging.Unlock()
	return g.log.Write(b)
}

func (g *gate) logged() string {
	g.logging.Lock()
	defer g.logging.Unlock()
	return g.log.String()
}

func newGate(t testing.TB, c scanner.Config) *gate {
	t.Helper()
	g := &gate{t: t, frames: make(chan string, 16), states: make(chan bool, 64)}
	c.OnState = func(up bool) { g.states <- up }
	if c.IdleGap == 0 {
		c.IdleGap = 400 * time.Millisecond // far above the pauses that a loaded machine makes within a text
	}
	g.Reader = scanner.NewReader(c, slog.New(slog.NewTextHandler(g, nil)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx, func(f scanner.Frame) { g.frames <- string(f.Text) }) }()
	g.end = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(g.end)
	return g
}

func (g *gate) await(up bool) {
	g.t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case got := <-g.states:
			if got == up {
				return
			}
		case <-deadline:
			g.t.Fatalf("not up=%v; %v, %+v\n%s", up, g.Err(), g.Setup(), g.logged())
		}
	}
}

// scan presents text until its frame comes: whatever comes before the silence that a Reader wants is lost. It returns how
// long the last try took, from the first byte on the wire to the frame.
func (g *gate) scan(m *Module, text string) time.Duration {
	g.t.Helper()
	var err error
	for range 40 {
		began := time.Now()
		if err = m.Present(text); err == nil || !errors.Is(err, ErrNotRead) {
			select {
			case got := <-g.frames:
				if got != text {
					g.t.Fatalf("frame %.80q, want %.80q", got, text)
				}
				return time.Since(began)
			case <-time.After(time.Second):
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	g.t.Fatalf("no frame (%v); %+v\n%+v\n%s", err, g.Stats(), g.Setup(), g.logged())
	return 0
}

func newModule(t testing.TB, o Options) *Module {
	t.Helper()
	if o.Link == "" {
		o.Link = filepath.Join(t.TempDir(), "ttyMODULE")
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	return m
}

// settings are what a module has in force, for comparison.
func settings(m *Module) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch is := m.is.(type) {
	case *gm65:
		return is.table
	case *menu:
		return maps.Clone(is.table)
	case *ssi:
		return maps.Clone(is.table)
	}
	return nil
}

func flash(m *Module) any {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch is := m.is.(type) {
	case *gm65:
		return is.flash
	case *menu:
		return maps.Clone(is.flash)
	case *ssi:
		return maps.Clone(is.flash)
	}
	return nil
}

// A module from the factory, which nobody has ever set up, is found at its speed, set up, and read. Its flash stays as it was.
func TestFromTheFactory(t *testing.T) {
	t.Parallel()
	for _, kind := range Types() {
		for _, usb := range []bool{false, true} {
			for _, asked := range []scanner.Module{scanner.Module(kind), scanner.ModuleAuto} {
				if asked == scanner.ModuleAuto && strings.HasPrefix(kind, "accessis") {
					continue // nobody can find out that it is one
				}
				t.Run(fmt.Sprintf("%s usb=%v asked=%s", kind, usb, asked), func(t *testing.T) {
					t.Parallel()
					m := newModule(t, Options{Type: kind, USB: usb})
					before := flash(m)
					g := newGate(t, scanner.Config{Device: m.o.Link, Module: asked})
					g.await(true)
					s := g.Setup()
					took := g.scan(m, pass)
					t.Logf("set-up took %v; a pass of %d characters %v at %d baud; %s", s.Took.Round(time.Millisecond), len(pass),
						took.Round(time.Millisecond), m.Baud(), strings.Join(s.Set, ", "))
					if !strings.HasPrefix(kind, "accessis") {
						if string(s.Module) != kind || !s.Answered || kind != "ssi" && s.Fault != "" {
							t.Errorf("%+v", s)
						}
						if want := 115200; !usb && kind != "ssi" && m.Baud() != want {
							t.Errorf("its speed is %d", m.Baud())
						}
						if reflect.DeepEqual(settings(m), before) {
							t.Error("nothing was set")
						}
					}
					if !reflect.DeepEqual(flash(m), before) {
						t.Errorf("its flash was written: %v, was %v", flash(m), before)
					}
					time.Sleep(1100 * time.Millisecond) // the same-code delay
					g.scan(m, pass)
				})
			}
		}
	}
}

// What a pass costs on the wire: as modules come, and when they are set up.
func TestTimeOnTheWire(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gm65", "newland", "honeywell"} {
		t.Run(kind, func(t *testing.T) {
			m := newModule(t, Options{Type: kind, Ready: true})
			as := func(c scanner.Config) time.Duration {
				c.Device = m.o.Link
				g := newGate(t, c)
				defer g.end()
				g.await(true)
				return g.scan(m, pass)
			}
			before := as(scanner.Config{Baud: 9600})
			time.Sleep(time.Second)
			after := as(scanner.Config{Module: scanner.Module(kind)})
			t.Logf("%d characters: %v before the set-up, %v after it", len(pass), before.Round(time.Millisecond), after.Round(time.Millisecond))
			if before < 650*time.Millisecond || after > before/4 {
				t.Errorf("before %v, after %v", before, after)
			}
		})
	}
}

// A module that sends and never answers is read with its own settings, and that is said.
func TestSilentButSending(t *testing.T) {
	t.Parallel()
	for _, kind := range Types() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, Options{Type: kind, Ready: true, Silent: true})
			g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind), Baud: 9600})
			g.scan(m, pass)
			if !g.Up() {
				t.Error("not up after a frame")
			}
			if strings.HasPrefix(kind, "accessis") {
				return
			}
			if s := g.Setup(); s.Answered || !strings.Contains(s.Fault, "does not answer") || !strings.Contains(g.logged(), "does not answer") {
				t.Errorf("%+v\n%s", s, g.logged())
			}
		})
	}
}

// Every third answer gets lost: they are asked for again.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gm65", "newland", "honeywell", "ssi"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, Options{Type: kind, Lose: 3})
			g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind)})
			g.await(true)
			g.scan(m, pass)
			if s := g.Setup(); !s.Answered || kind != "ssi" && len(s.Missed) > 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// Who presents the maker's code for factory settings stops a module that obeys it, and nothing happens to one that was set up.
func TestSetupCodesAreOff(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gm65", "newland"} {
		m := newModule(t, Options{Type: kind, Ready: true})
		if err := m.Present(FactoryCode); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * bootTime)
		if err := m.Present(pass); !errors.Is(err, ErrNotRead) {
			t.Fatalf("%s goes on after a factory reset: %v", kind, err)
		}
		g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind)})
		g.await(true)
		g.scan(m, FactoryCode) // it is a text now
		g.scan(m, pass)
	}
}

// A module on a UART that loses power, or its settings, is noticed by its silence, and set up again.
func TestComesBackToItself(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: takes 30 s")
	}
	t.Parallel()
	for name, happens := range map[string]func(m *Module){
		"restart":       (*Module).Restart,
		"factory reset": (*Module).FactoryReset,
	} {
		for _, kind := range []string{"gm65", "newland", "honeywell", "ssi"} {
			t.Run(name+" of "+kind, func(t *testing.T) {
				t.Parallel()
				m := newModule(t, Options{Type: kind})
				g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind)})
				g.await(true)
				g.scan(m, pass)
				began := time.Now()
				happens(m)
				g.await(false)
				g.await(true)
				t.Logf("down and up again after %v", time.Since(began).Round(time.Second))
				g.scan(m, pass)
			})
		}
	}
}

func TestFrozenModuleIsGone(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: takes 20 s")
	}
	t.Parallel()
	for _, kind := range []string{"gm65", "newland", "honeywell", "ssi"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, Options{Type: kind, USB: true})
			g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind)})
			g.await(true)
			time.Sleep(12 * time.Second) // a living one stays up
			if !g.Up() {
				t.Fatalf("down: %v", g.Err())
			}
			m.Freeze(true)
			began := time.Now()
			g.await(false)
			t.Logf("noticed after %v", time.Since(began).Round(time.Second))
			m.Freeze(false)
			g.await(true)
			g.scan(m, pass)
		})
	}
}

// What is saved is there after a loss of power; a module that is set up and not saved forgets it.
func TestSave(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"gm65", "newland", "honeywell"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, Options{Type: kind})
			c := scanner.Config{Device: m.o.Link, Module: scanner.Module(kind)}
			s, err := scanner.SaveModule(t.Context(), c)
			if err != nil || !s.Saved {
				t.Fatalf("%+v, %v", s, err)
			}
			want := settings(m)
			m.Restart()
			time.Sleep(2 * bootTime)
			if got := settings(m); !reflect.DeepEqual(got, want) || m.Baud() != 115200 {
				t.Errorf("after a restart %v, want %v", got, want)
			}
			g := newGate(t, scanner.Config{Device: m.o.Link}) // lines, at 115200
			g.await(true)
			g.scan(m, pass)
		})
	}
}

func TestNoModule(t *testing.T) {
	if _, err := New(Options{Type: "gm56"}); err == nil || !strings.Contains(err.Error(), "there are accessis, accessis-raw, gm65") {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{Type: "gm65", Link: file}); err == nil || !strings.Contains(err.Error(), "is no symbolic link") {
		t.Error(err)
	}
}

// These tests wait more than they work.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
