package scanner

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const testGap = 40 * time.Millisecond

var errUnplugged = errors.New("unplugged")

// fakes guards every fakePort and bench: synctest.Wait orders what the Reader did before what the test does next,
// but nothing orders the other way round.
var fakes sync.Mutex

// fakePort is a tty for tests in virtual time: what is sent queues up like in the kernel.
type fakePort struct {
	queue  []byte
	wake   chan struct{}
	stop   time.Duration // how long the next Read that finds bytes, or none, is held up
	err    error
	flush  error
	closed int

	timeout time.Duration
	baud    int
	reply   func(baud int, command []byte) []byte // what a module answers; nil never answers
	sent    [][]byte                              // what was written
}

func newFakePort() *fakePort { return &fakePort{wake: make(chan struct{}, 1), timeout: testGap} }

func (p *fakePort) Write(b []byte) (int, error) {
	fakes.Lock()
	defer fakes.Unlock()
	p.sent = append(p.sent, bytes.Clone(b))
	if p.reply != nil {
		p.queue = append(p.queue, p.reply(p.baud, b)...)
		p.signal()
	}
	return len(b), p.err
}

func (p *fakePort) SetBaud(baud int) error {
	p.baud = baud
	return nil
}

func (p *fakePort) SetReadTimeout(d time.Duration) error {
	p.timeout = d
	return nil
}

func (p *fakePort) send(s string) {
	fakes.Lock()
	p.queue = append(p.queue, s...)
	fakes.Unlock()
	p.signal()
}

func (p *fakePort) unplug() {
	fakes.Lock()
	p.err = errUnplugged
	fakes.Unlock()
	p.signal()
}

func (p *fakePort) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *fakePort) Read(b []byte) (int, error) {
	timeout := time.After(p.timeout)
	for {
		fakes.Lock()
		stop := p.stop
		if len(p.queue) > 0 && stop > 0 {
			p.stop = 0
			fakes.Unlock()
			time.Sleep(stop)
			continue
		}
		n, err := copy(b, p.queue), p.err
		p.queue = p.queue[n:]
		fakes.Unlock()
		if n > 0 || err != nil {
			return n, err
		}
		select {
		case <-p.wake:
		case <-timeout:
			fakes.Lock()
			stop := p.stop
			p.stop = 0
			fakes.Unlock()
			time.Sleep(stop)
			return 0, nil
		}
	}
}

func (p *fakePort) ResetInputBuffer() error {
	fakes.Lock()
	defer fakes.Unlock()
	p.queue = nil
	return p.flush
}

func (p *fakePort) Close() error {
	p.closed++
	return nil
}

// bench is a Reader on fake ports in a synctest bubble.
type bench struct {
	*Reader
	port   *fakePort // what the next opening finds; nil is no device
	start  time.Time
	opened []time.Duration // when, since start
	frames []string
	states []bool
	log    bytes.Buffer
	during func(Frame) // called by the handler
}

// run runs test beside a Reader and ends it afterwards. Everything before Run's first Read has happened when test starts.
func run(t *testing.T, first *fakePort, test func(b *bench)) {
	t.Helper()
	runModule(t, ModuleLine, first, test)
}

// runModule is run with a module of a family.
func runModule(t *testing.T, m Module, first *fakePort, test func(b *bench)) {
	t.Helper()
	runConfig(t, Config{Device: "/dev/fake", Module: m, IdleGap: testGap}, first, test)
}

// runConfig is run with a configuration. Its IdleGap should be testGap.
func runConfig(t *testing.T, c Config, first *fakePort, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		if first != nil {
			first.wake = make(chan struct{}, 1) // of this bubble
		}
		b := &bench{port: first, start: time.Now()}
		c.OnState = func(up bool) { b.states = append(b.states, up) }
		b.Reader = NewReader(c, slog.New(slog.NewTextHandler(&b.log, nil)))
		b.open = func(got Config) (port, error) {
			fakes.Lock()
			defer fakes.Unlock()
			b.opened = append(b.opened, time.Since(b.start))
			if b.port == nil {
				return nil, errors.New("no such device")
			}
			b.port.baud, b.port.timeout = got.Baud, got.IdleGap
			return b.port, nil
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- b.Run(ctx, func(f Frame) {
				b.frames = append(b.frames, string(f.Text))
				if b.during != nil {
					b.during(f)
				}
			})
		}()
		synctest.Wait()
		test(b)
		after(0)
		cancel()
		ended := time.Now()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		if d := time.Since(ended); d > testGap {
			t.Errorf("Run returned %v after the end of its context", d)
		}
		if b.Up() {
			t.Error("up after Run has returned")
		}
		if strings.Contains(b.log.String(), "HC1") {
			t.Errorf("frame content in the log:\n%s", b.log.String())
		}
	})
}

// after lets time pass and then waits until the Reader rests.
func after(d time.Duration) {
	func() {
		fakes.Lock()
		defer fakes.Unlock() // all that the test has changed is visible from here on
	}()
	time.Sleep(d)
	synctest.Wait()
}

func (b *bench) want(t *testing.T, frames ...string) {
	t.Helper()
	synctest.Wait()
	if !slices.Equal(b.frames, frames) {
		t.Errorf("frames %.40q, want %.40q", b.frames, frames)
	}
}
