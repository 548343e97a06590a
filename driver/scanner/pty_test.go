package scanner

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// ptyGap is far above the pauses that a loaded machine makes within what these tests send in one go.
const ptyGap = 100 * time.Millisecond

// module is a barcode module on a pty, under a path that stays while it is unplugged and replugged.
type module struct {
	t      testing.TB
	path   string
	master *os.File
}

func newModule(t testing.TB) *module {
	t.Helper()
	m := &module{t: t, path: filepath.Join(t.TempDir(), "ttyMODULE")}
	t.Cleanup(m.unplug)
	return m
}

func (m *module) plug() {
	m.t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		m.t.Fatal(err)
	}
	m.master = master
	if err := os.Symlink(slave.Name(), m.path); err != nil {
		m.t.Fatal(err)
	}
	_ = slave.Close()
}

func (m *module) unplug() {
	if m.master == nil {
		return
	}
	_ = os.Remove(m.path)
	_ = m.master.Close()
	m.master = nil
}

func (m *module) send(s string) {
	m.t.Helper()
	if _, err := m.master.WriteString(s); err != nil {
		m.t.Fatal(err)
	}
}

// live is a Reader that runs on a module.
type live struct {
	*Reader
	frames chan string
	states chan bool
	end    func()
}

func startOn(t testing.TB, c Config) *live {
	t.Helper()
	l := &live{frames: make(chan string, 10), states: make(chan bool, 10)}
	c.OnState = func(up bool) { l.states <- up }
	if c.IdleGap == 0 {
		c.IdleGap = ptyGap
	}
	l.Reader = NewReader(c, nil)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, func(f Frame) { l.frames <- string(f.Text) }) }()
	l.end = func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(5 * time.Second):
			t.Error("Run does not return")
		}
	}
	return l
}

func (l *live) wantState(t testing.TB, want bool) {
	t.Helper()
	select {
	case got := <-l.states:
		if got != want {
			t.Fatalf("up %v, want %v (%v)", got, want, l.Err())
		}
	case <-time.After(10 * time.Second):
		t.Fatalf("no change of state to %v (%v)", want, l.Err())
	}
}

// scan sends input and wants one frame of it. Input that came before the Reader had noticed the silence after the frame
// before is lost, as it should be; then it is sent again.
func (l *live) scan(m *module, input, want string) {
	m.t.Helper()
	for range 5 {
		m.send(input)
		select {
		case got := <-l.frames:
			if got != want {
				m.t.Fatalf("frame %.60q, want %.60q", got, want)
			}
			return
		case <-time.After(2 * time.Second):
		}
	}
	m.t.Fatalf("no frame, want %.60q; %+v", want, l.Stats())
}

// wantSilence fails if a frame comes, and lets the idle gap after a decision pass.
func (l *live) wantSilence(t testing.TB) {
	t.Helper()
	select {
	case got := <-l.frames:
		t.Fatalf("frame %.60q, want none", got)
	case <-time.After(3 * ptyGap):
	}
}

func TestPty(t *testing.T) {
	texts := loadTexts(t)
	m := newModule(t)
	m.plug()
	l := startOn(t, Config{Device: m.path})
	defer l.end()
	l.wantState(t, true)

	l.scan(m, "]Q1"+texts[0]+"\r\n", texts[0])
	l.wantSilence(t)

	l.scan(m, texts[1][:200], texts[1][:200]) // half, then silence
	l.wantSilence(t)

	l.scan(m, texts[1]+"\r"+texts[2]+"\r", texts[1]) // glued
	l.wantSilence(t)

	l.scan(m, texts[2][:77]+"\x02"+texts[3]+"\r\x03", texts[3]) // torn
	l.wantSilence(t)

	l.scan(m, strings.Repeat("Z", 3*MaxFrame)+"\r", strings.Repeat("Z", MaxFrame)) // overlong
	l.wantSilence(t)

	// Raw mode: nothing is translated, no signal is raised, no flow is stopped, nothing is echoed.
	l.scan(m, "\x11\x13\x04\x1a\x1c\x7f\x80\xff'lower\x01", "\x11\x13\x04\x1a\x1c\x7f\x80\xff'lower\x01")
	l.wantSilence(t)
	if n, err := unix.IoctlGetInt(int(m.master.Fd()), unix.TIOCINQ); n != 0 || err != nil {
		t.Errorf("the module was sent %d bytes (%v)", n, err)
	}

	if s := l.Stats(); s.Frames != 6 || s.Torn != 1 || s.Overlong != 1 || s.Opens != 1 || s.Failures != 0 || s.Dropped == 0 {
		t.Errorf("stats %+v", s)
	}
}

func TestPtyWhileHandling(t *testing.T) {
	m := newModule(t)
	m.plug()
	c := Config{Device: m.path, IdleGap: ptyGap}
	up := make(chan bool, 1)
	c.OnState = func(b bool) { up <- b }
	r := NewReader(c, nil)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var got []string
	done := make(chan error, 1)
	handled := make(chan bool, 1)
	go func() {
		done <- r.Run(ctx, func(f Frame) {
			got = append(got, string(f.Text))
			for range 50 { // nobody reads meanwhile: this stays in the kernel
				m.send("HC1:LATE\r")
			}
			time.Sleep(ptyGap)
			handled <- true
		})
	}()
	<-up
	for range 2 {
		m.send("HC1:A\r")
		<-handled
		time.Sleep(10 * ptyGap)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if !slices.Equal(got, []string{"HC1:A", "HC1:A"}) {
		t.Errorf("frames %q", got)
	}
}

// Access-IS standard configuration. A pty keeps eight bits and no parity bit, whatever is asked of it; that parity is checked
// and that two stop bits are set can be seen.
func TestPtyAccessIS(t *testing.T) {
	text := loadTexts(t)[0]
	m := newModule(t)
	m.plug()
	l := startOn(t, Config{Device: m.path, Baud: 9600, DataBits: 7, Parity: ParityEven, StopBits: 2})
	defer l.end()
	l.wantState(t, true)
	tio, err := unix.IoctlGetTermios(int(m.master.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	if tio.Iflag&unix.INPCK == 0 || tio.Cflag&unix.CSTOPB == 0 || tio.Cflag&unix.CBAUD != unix.B9600 {
		t.Errorf("iflag %#x, cflag %#x", tio.Iflag, tio.Cflag)
	}
	if tio.Cflag&unix.CRTSCTS != 0 || tio.Iflag&(unix.IXON|unix.IXOFF) != 0 {
		t.Errorf("flow control is on: iflag %#x, cflag %#x", tio.Iflag, tio.Cflag)
	}
	l.scan(m, "\x027"+text+"\r\x03", text)
	l.wantSilence(t)
	l.scan(m, "\x027"+text+"\r\x03", text)
}

// A module that sends 7E1 is said to, and the first text withdraws it.
func TestPtyDiagnosis(t *testing.T) {
	text := loadTexts(t)[0]
	m := newModule(t)
	m.plug()
	l := startOn(t, Config{Device: m.path, IdleGap: 20 * time.Millisecond})
	defer l.end()
	l.wantState(t, true)
	if d := l.Diagnosis(); d.Problem != NothingRead || d.String() == "" {
		t.Errorf("before anything came %+v", d)
	}
	sent := uart{baud: 115200}.filled().receive(uart{baud: 115200, dataBits: 7, parity: ParityEven, stopBits: 1}.transmit(text + "\r"))
	for range 10 {
		m.send(string(sent))
		time.Sleep(100 * time.Millisecond)
		if l.Diagnosis().Problem == WrongParity {
			break
		}
	}
	d := l.Diagnosis()
	if d.Problem != WrongParity || d.Likely != "7 data bits, even" || !slices.Equal(d.Keys, []string{"reader.data_bits", "reader.parity"}) || !l.Up() {
		t.Fatalf("%+v, up %v", d, l.Up())
	}
	for len(l.frames) > 0 {
		<-l.frames
	}
	l.scan(m, text+"\r", text)
	if d := l.Diagnosis(); d.Problem != NoProblem {
		t.Errorf("after a text %+v", d)
	}
}

func TestPtyMissingAtStart(t *testing.T) {
	m := newModule(t)
	l := startOn(t, Config{Device: m.path})
	defer l.end()
	l.wantState(t, false)
	if err := l.Err(); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("err %v", err)
	}
	m.plug()
	l.wantState(t, true)
	l.scan(m, "HC1:A\r", "HC1:A")
}

func TestNotATty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("HC1:A\r"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, device := range []string{path, os.DevNull, t.TempDir()} {
		l := startOn(t, Config{Device: device})
		l.wantState(t, false)
		if err := l.Err(); err == nil {
			t.Errorf("%s: no error", device)
		}
		l.end()
		if n := l.Stats().Bytes; n != 0 {
			t.Errorf("%s: %d bytes read", device, n)
		}
	}
}

// Fifty times a module is pulled in the middle of a frame and comes back on another pty under the same path.
func TestPtyReplug(t *testing.T) {
	m := newModule(t)
	m.plug()
	l := startOn(t, Config{Device: m.path, IdleGap: leastGap})
	l.wantState(t, true)
	descriptors, goroutines := openFiles(t), runtime.NumGoroutine()
	for range 50 {
		l.scan(m, "HC1:A\r", "HC1:A")
		m.send("HC1:HALF")
		m.unplug()
		l.wantState(t, false)
		m.plug()
		l.wantState(t, true)
	}
	l.scan(m, "HC1:B\r", "HC1:B")
	if got := openFiles(t); got > descriptors {
		t.Errorf("%d descriptors, %d before", got, descriptors)
	}
	if got := runtime.NumGoroutine(); got > goroutines {
		t.Errorf("%d goroutines, %d before", got, goroutines)
	}
	if s := l.Stats(); s.Opens != 51 || s.Frames != 51 || s.Failures < 50 {
		t.Errorf("stats %+v", s)
	}
	m.unplug()
	l.end()
	if got := openFiles(t); got >= descriptors {
		t.Errorf("%d descriptors after the end, %d while it ran", got, descriptors)
	}
}

func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

func TestPtyEndsPromptly(t *testing.T) {
	for _, plugged := range []bool{true, false} {
		m := newModule(t)
		if plugged {
			m.plug()
		}
		l := startOn(t, Config{Device: m.path})
		l.wantState(t, plugged)
		began := time.Now()
		l.end()
		if d := time.Since(began); d > time.Second { // one idle gap, plus what a loaded machine adds
			t.Errorf("plugged %v: ended after %v", plugged, d)
		}
	}
}

// A module that is plugged in while 1024 files are open cannot be waited for, and works as soon as they are closed.
func TestPtyTooManyFiles(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if limit.Cur < 1200 {
		t.Skipf("NOT TESTED: only %d files may be open here, 1200 are needed", limit.Cur)
	}
	m := newModule(t)
	m.plug()
	var flood []*os.File
	drain := func() {
		for _, f := range flood {
			_ = f.Close()
		}
		flood = nil
	}
	defer drain()
	for range 1100 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		flood = append(flood, f)
	}
	l := startOn(t, Config{Device: m.path})
	defer l.end()
	l.wantState(t, false)
	if err := l.Err(); err == nil || !strings.Contains(err.Error(), "1024") {
		t.Errorf("err %v", err)
	}
	drain()
	l.wantState(t, true)
	l.scan(m, "HC1:A\r", "HC1:A")
}
