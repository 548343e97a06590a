//go:build soak

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"
	"time"
)

// soakRows is how many rows the report has.
const soakRows = 12

// soakSample is how the gate was at a moment of rest, with the module plugged in.
type soakSample struct {
	at             time.Duration
	sent, openings int
	rss            uint64
	vitals
}

func (s *soak) sample() {
	v, err := s.step(s.clock.offset())
	if err != nil {
		s.t.Fatal(err)
	}
	rss, err := s.rss()
	if err != nil {
		s.t.Fatal(err)
	}
	if born, err := s.birth(); err != nil || born != s.born {
		s.t.Fatalf("the process is another one: began at %s, now %s, %v", s.born, born, err)
	}
	s.samples = append(s.samples, soakSample{time.Since(s.start), s.sent, s.openings, rss, v})
}

// end ends the daemon as a service manager would, and compares what it counted.
func (s *soak) end() {
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	for e := range s.events {
		s.happened(e)
	}
	ended := ""
	for line := range s.said {
		s.logged(line)
		ended = line
	}
	if err := s.Wait(); err != nil {
		s.t.Error(err)
	}
	if want := fmt.Sprintf("msg=ended accepted=%d refused=%d ", s.openings, s.answered-s.openings); !strings.Contains(ended, want) {
		s.t.Errorf("its last words are %q, want %q", ended, want)
	}
	if s.answered != s.sent-s.starved+s.cutAnswered {
		s.t.Errorf("%d answers to %d scans, of which %d were lost, and %d to what an unplug cut off", s.answered, s.sent, s.starved, s.cutAnswered)
	}
	for _, reason := range []string{"accepted", "expired", "bad_signature", "unknown_kid", "not_hcert", "too_large"} {
		if s.reasons[reason] == 0 {
			s.t.Errorf("no scan was %s", reason)
		}
	}
	if s.unplugs < 2 || s.reloads[2] == 0 || s.steps < 4 {
		s.t.Errorf("only %d unplugs, %v reloads, %d steps of the clock", s.unplugs, s.reloads, s.steps)
	}
	if least := int(float64(soakHourly) * s.duration.Hours() * 0.9); s.sent < least {
		s.t.Errorf("%d scans, want at least %d", s.sent, least)
	}
}

// report says what there was, and whether the gate has grown.
func (s *soak) report() {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%10s %7s %8s %8s %8s %8s %5s %5s\n", "time", "scans", "openings", "RSS kB", "live kB", "heap kB", "files", "gorou")
	for row := range soakRows {
		by := s.duration * time.Duration(row+1) / soakRows
		i, found := slices.BinarySearchFunc(s.samples, by, func(x soakSample, d time.Duration) int { return int(x.at - d) })
		if !found {
			i--
		}
		x := s.samples[max(i, 0)]
		fmt.Fprintf(&b, "%10v %7d %8d %8d %8d %8d %5d %5d\n", x.at.Round(time.Second), x.sent, x.openings, x.rss>>10, x.Live>>10, x.Heap>>10, x.Descriptors, x.Goroutines)
	}
	fmt.Fprintf(&b, "%d scans, each answered once, but for %d lost for want of a processor; %d more cut off by an unplug, %d of these answered\n",
		s.sent, s.starved, s.cut, s.cutAnswered)
	fmt.Fprintf(&b, "%d pulses ended late for want of a processor\n", s.stretched)
	for _, reason := range slices.Sorted(maps.Keys(s.reasons)) {
		fmt.Fprintf(&b, "%8d %s\n", s.reasons[reason], reason)
	}
	fmt.Fprintf(&b, "%d openings, %d unplugs, %d SIGHUPs (%d unchanged, %d changed, %d refused), %d steps of the clock; process %d all along\n",
		s.openings, s.unplugs, s.reloads[0]+s.reloads[1]+s.reloads[2], s.reloads[0], s.reloads[1], s.reloads[2], s.steps, s.Process.Pid)
	for _, m := range []struct {
		name   string
		of     func(soakSample) uint64
		growth func(before uint64) uint64 // allowed
	}{
		{"RSS", func(x soakSample) uint64 { return x.rss }, aTenthAndMore},
		{"live heap", func(x soakSample) uint64 { return x.Live }, aTenthAndMore},
		{"heap", func(x soakSample) uint64 { return x.Heap }, aTenthAndMore},
		{"descriptors", func(x soakSample) uint64 { return uint64(x.Descriptors) }, two},
		{"goroutines", func(x soakSample) uint64 { return uint64(x.Goroutines) }, two},
	} {
		before, after := s.median(1, m.of), s.median(9, m.of)
		fmt.Fprintf(&b, "%-12s median of the second tenth %d, of the last %d\n", m.name, before, after)
		if after > before+m.growth(before) {
			s.t.Errorf("%s grew from %d to %d", m.name, before, after)
		}
	}
	s.t.Log(b.String())
}

func aTenthAndMore(before uint64) uint64 { return before/10 + 1<<20 }
func two(uint64) uint64                  { return 2 }

// median is that of a tenth of the time, 0 to 9.
func (s *soak) median(tenth int, of func(soakSample) uint64) uint64 {
	var values []uint64
	for _, x := range s.samples {
		if int(10*x.at/s.duration) == tenth {
			values = append(values, of(x))
		}
	}
	if len(values) == 0 {
		s.t.Fatalf("no sample in the tenth number %d", tenth+1)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
