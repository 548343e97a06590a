package scanner

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestFramerWipes(t *testing.T) {
	blank := func(f *Framer) bool { return bytes.Count(f.buf[:], []byte{0}) == len(f.buf) }
	var f Framer
	frame, _ := f.Next([]byte("]Q1HC1:SECRET\r"))
	if string(frame.Text) != "HC1:SECRET" {
		t.Fatalf("got %q", frame.Text)
	}
	f.Reset()
	if !blank(&f) || string(frame.Text) != strings.Repeat("\x00", 10) {
		t.Error("Reset left a handled frame in memory")
	}
	f.Next([]byte("HC1:SECRET\r"))
	f.Next(nil)
	if !blank(&f) {
		t.Error("Next left the frame before in memory")
	}
	f.Next([]byte("HC1:SECRET\r"))
	f.Gap()
	if !blank(&f) {
		t.Error("Gap left the frame before in memory")
	}
	f.Next([]byte("HC1:TORN\x02"))
	if !blank(&f) {
		t.Error("a torn frame stayed in memory")
	}
	f.Next([]byte("]Q1\r"))
	if !blank(&f) {
		t.Error("an empty frame stayed in memory")
	}
	f.Next([]byte("HC1:HALF"))
	f.Reset()
	if !blank(&f) {
		t.Error("Reset left half a frame in memory")
	}
}

func TestReaderWipes(t *testing.T) {
	p := newFakePort()
	blank := func(b []byte) bool { return bytes.Count(b, []byte{0}) == len(b) }
	var kept Frame
	run(t, p, func(b *bench) {
		b.during = func(f Frame) {
			kept = f
			if !blank(b.buf[:]) {
				t.Error("the read buffer still holds what was read")
			}
			if string(f.Text) != "HC1:SECRET" {
				t.Errorf("frame %q", f.Text)
			}
		}
		after(2 * testGap)
		p.send("HC1:SECRET\rHC1:NEXT\r")
		synctest.Wait()
		if len(b.frames) != 1 || !blank(kept.Text) || !blank(b.framer.buf[:]) || !blank(b.buf[:]) {
			t.Error("a handled frame, or what came behind it, is still in memory")
		}
		p.send("HC1:DROPPED\r")
		synctest.Wait()
		if !blank(b.framer.buf[:]) || !blank(b.buf[:]) {
			t.Error("dropped bytes are still in memory")
		}
		after(2 * testGap)
		p.send("HC1:HALF")
		synctest.Wait()
		if b.framer.n == 0 || !blank(b.buf[:]) {
			t.Error("half a frame is not collected, or still in the read buffer")
		}
		p.unplug()
		synctest.Wait()
		if !blank(b.framer.buf[:]) || !blank(b.buf[:]) {
			t.Error("half a frame of an unplugged module is still in memory")
		}
	})
}

// A handler that panics takes the program down; what it was given must not stay for whoever recovers.
func TestReaderWipesAfterPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakePort()
		r := NewReader(Config{Device: "/dev/fake", IdleGap: testGap}, nil)
		r.open = func(Config) (port, error) { return p, nil }
		go func() { time.Sleep(2 * testGap); p.send("HC1:SECRET\r") }()
		var kept Frame
		func() {
			defer func() { _ = recover() }()
			_ = r.Run(t.Context(), func(f Frame) { kept = f; panic("handler") })
		}()
		if len(kept.Text) != 10 || bytes.Count(kept.Text, []byte{0}) != 10 || p.closed != 1 || r.Up() {
			t.Errorf("kept %q, closed %d times, up %v", kept.Text, p.closed, r.Up())
		}
	})
}
