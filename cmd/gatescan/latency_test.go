package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"gatescan/cmd/gatescan/counters"
	"gatescan/cmd/gatescan/gate"
	"gatescan/cmd/gatescan/passtest"
	"gatescan/cmd/gatescan/status"
	"gatescan/cmd/gatescan/watchdog"
	"gatescan/driver/gpio"
	"gatescan/driver/scanner"
	"gatescan/driver/turnstile"
	"gatescan/verify"

	"github.com/creack/pty"
)

// BenchmarkFrameToLine measures from the last byte of a frame, a terminator written to a real terminal line, to the change
// of the simulated relay. Each passage ends its pulse at once, so that the next pass need not wait for it.
// Once nothing else goes on; once the status server of a daemon is asked 50 times a second, by a client in the same process,
// and counts are kept on the disk. Run it with -benchtime 10000x, which takes about two minutes each.
func BenchmarkFrameToLine(b *testing.B) {
	b.Run("idle", func(b *testing.B) { frameToLine(b, &counters.Counters{}) })
	b.Run("asked", func(b *testing.B) { frameToLine(b, askedDaemon(b)) })
}

// rightClock is always believed.
type rightClock struct{}

func (rightClock) Wall(now time.Time) time.Time { return now }
func (rightClock) Believed(time.Time) bool      { return true }

func frameToLine(b *testing.B, counts *counters.Counters) {
	passes, trust := passtest.Published(b, 200)
	master, slave, err := pty.Open()
	if err != nil {
		b.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()

	changed := make(chan time.Time, 1)
	held := turnstile.Config{Hold: true, Entry: 5 * time.Second}
	energised := false
	sim := turnstile.NewSimulated(func(e turnstile.Event) {
		if e.Relay && !energised {
			changed <- e.At
		}
		energised = e.Relay
	})
	arm := turnstile.New(held, sim.Relay(), sim, slog.New(slog.DiscardHandler))
	g := gate.New(gate.Parts{Trust: func() *verify.Trust { return trust }, Clock: rightClock{}, Turnstile: arm, Counts: counts, Bench: &gate.Bench{}})

	// The reader takes nothing until the line was silent after a decision: one read that ends without a byte.
	silent := make(chan bool, 1)
	turns := -1 // since a decision; one more before the first, for the opening; of the reader's goroutine
	reader := scanner.NewReader(scanner.Config{
		Device: slave.Name(), IdleGap: 10 * time.Millisecond,
		OnTurn: func() {
			if turns++; turns == 2 {
				silent <- true
			}
		},
	}, slog.New(slog.DiscardHandler))
	now := make(chan time.Time, 1)
	ended := make(chan error)
	go func() {
		ended <- reader.Run(b.Context(), func(f scanner.Frame) { g.Handle(f, <-now); turns = 0 })
	}()

	var took []time.Duration
	lost := 0
	for i := 0; b.Loop(); i++ {
		<-silent
		p := passes[i%len(passes)]
		if _, err := master.Write([]byte(p.Text)); err != nil {
			b.Fatal(err)
		}
		time.Sleep(time.Millisecond) // the module is still sending
		now <- p.Now
		begin := time.Now()
		if _, err := master.Write([]byte{'\r'}); err != nil {
			b.Fatal(err)
		}
		select {
		case at := <-changed:
			took = append(took, at.Sub(begin))
			arm.Passed()
		case <-time.After(time.Second): // on a loaded machine that millisecond may be an idle gap, which ends the frame
			if lost++; lost > 1+i/1000 {
				b.Fatalf("%s did not open", p.ID)
			}
			select { // whatever became of it, the line is silent by now
			case <-silent:
			default:
			}
			silent <- true
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
	b.ReportMetric(float64(took[len(took)-1].Microseconds()), "max-us")
	b.ReportMetric(float64(lost), "lost")
}

// askedDaemon is a daemon without a reader whose status server is asked all the time, and what it counts with.
func askedDaemon(b *testing.B) *counters.Counters {
	c, mistakes := parseConfig([]byte("[trust]\ndirectory = \"/nowhere\"\nstore = \"\"\n[clock]\nfile = \"\"\n"))
	if len(mistakes) > 0 {
		b.Fatal(mistakes)
	}
	c.Counters.Directory, c.Counters.Flush = filepath.Join(b.TempDir(), "counters"), duration(time.Second)
	c.status = status.Config{Address: "127.0.0.1:0"}
	silent := slog.New(slog.DiscardHandler)
	d, err := newDaemon(c, gpio.Board{}, io.Discard, silent)
	if err != nil {
		b.Fatal(err)
	}
	d.watchdog = watchdog.New(&d.progress, nil, silent)
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { d.book.Run(ctx) })
	parts.Go(func() { d.status.Run(ctx) })
	for d.status.Addr() == nil {
		time.Sleep(time.Millisecond)
	}
	asked := 0
	parts.Go(func() {
		paths := []string{"/", "/api/v1/state", "/api/v1/counters", "/counters.csv", "/metrics", "/readyz"}
		ticker := time.NewTicker(time.Second / 50)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			response, err := http.Get("http://" + d.status.Addr().String() + paths[asked%len(paths)])
			if err != nil {
				b.Error(err)
				return
			}
			_, err = io.Copy(io.Discard, response.Body)
			if err = errors.Join(err, response.Body.Close()); err != nil {
				b.Error(err)
			}
			asked++
		}
	})
	begin := time.Now()
	b.Cleanup(func() {
		cancel()
		parts.Wait()
		if err := d.close(); err != nil {
			b.Error(err)
		}
		if since := time.Since(begin); since > 2*time.Second && float64(asked)/since.Seconds() < 40 {
			b.Errorf("%d requests in %v are not 50 a second", asked, since)
		}
	})
	return d.book.Live()
}
