package module

import (
	"strings"
	"testing"
	"time"

	"gatescan/driver/scanner"
)

// What a module puts in front of a text is removed, by each family.
func TestPrefixes(t *testing.T) {
	t.Parallel()
	for _, kind := range Types() {
		for _, prefix := range []string{`\000026`, `]Q2\000026`, `]Q1`, "P01", `Q\000003`} {
			if kind == "accessis-raw" && prefix != `\000026` {
				continue // it sends a code-id of its own, behind which none of them is known
			}
			t.Run(kind+" "+prefix, func(t *testing.T) {
				t.Parallel()
				m := newModule(t, Options{Type: kind, Prefix: prefix, Ready: true, USB: true})
				g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind), IdleGap: 20 * time.Millisecond})
				g.await(true)
				g.scan(m, pass)
			})
		}
	}
}

// A module that reports that it has read nothing does so all day. That is no frame, and what it reads then is.
func TestReadsNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range Types() {
		if kind == "accessis-raw" {
			continue // its code-id would be in front of the message
		}
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, Options{Type: kind, Ready: true, USB: true})
			g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind), IdleGap: 20 * time.Millisecond})
			g.await(true)
			for range 5 {
				if err := m.ReadNothing("%%NoRead"); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Millisecond)
			}
			if n := g.Stats().NoReads; n != 5 {
				t.Errorf("%d messages, want 5", n)
			}
			g.scan(m, pass)
		})
	}
}

// Somebody shows codes that read like the module's own messages: settings lost, settings in force, a plain answer.
func TestCodesLikeMessages(t *testing.T) {
	t.Parallel()
	for kind, codes := range map[string][]string{
		"gm65":      {"\x02\x00\x00\x02\xD4\x00\xB7\x83", "\x02\x00\x00\x02\xD6\x00\xD1\xE1", "\x03\x00\x00\x01\x00\x33\x31"},
		"newland":   {"\x02\x010000#SCNMOD0\x06;\x03", "\x02\x010000#SCNMOD2\x06;\x03"},
		"honeywell": {"TRGMOD0\x06.", "TRGMOD3\x06!"},
		"ssi":       {"\x07\xC6\x00\x00\xFF\xEE\x00\xFD\x46"},
	} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, Options{Type: kind, Ready: true, USB: true})
			g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.Module(kind), IdleGap: 20 * time.Millisecond})
			g.await(true)
			for _, code := range codes {
				if err := m.Present(code); err != nil {
					t.Fatal(err)
				}
				time.Sleep(100 * time.Millisecond)
			}
			if s := g.Stats(); !g.Up() || s.Opens != 1 || s.Failures != 0 || strings.Contains(g.logged(), "power") {
				t.Errorf("up %v, %+v\n%s", g.Up(), s, g.logged())
			}
			for len(g.frames) > 0 {
				<-g.frames
			}
			g.scan(m, pass)
		})
	}
}

// With auto, a module without power at the start is not taken for one that sends lines.
func TestAutoWaitsForPower(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: takes 25 s")
	}
	t.Parallel()
	for _, kind := range []string{"gm65", "honeywell"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			m := newModule(t, Options{Type: kind, Dead: true})
			g := newGate(t, scanner.Config{Device: m.o.Link, Module: scanner.ModuleAuto, IdleGap: 100 * time.Millisecond})
			time.Sleep(8 * time.Second)
			if g.Up() {
				t.Fatal("up without a sign of life")
			}
			m.SetPower(true)
			g.await(true)
			if s := g.Setup(); string(s.Module) != kind || !s.Answered {
				t.Errorf("%+v", s)
			}
			g.scan(m, pass)
		})
	}
}

func TestBabbleIsNotReady(t *testing.T) {
	if testing.Short() {
		t.Skip("NOT TESTED: takes 12 s")
	}
	t.Parallel()
	m := newModule(t, Options{Type: "gm65", Ready: true, USB: true})
	g := newGate(t, scanner.Config{Device: m.o.Link, IdleGap: 100 * time.Millisecond})
	g.await(true)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() { stopped <- m.Babble([]byte("HC1:A\r"), stop) }()
	g.await(false)
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "never stops sending") {
		t.Error(err)
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	g.await(true)
	for len(g.frames) > 0 { // what began before it was endless
		<-g.frames
	}
	g.scan(m, pass)
}
