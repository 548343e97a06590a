package status

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"gatescan/verify"
)

// own are the lines of a scrape that are the daemon's, without those of the Go runtime and the process.
func own(text string) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		if strings.Contains(line, "gatescan_") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func TestMetrics(t *testing.T) {
	s := fixture(t)
	server := newServer(t, Config{Address: DefaultAddress}, daemonOf(s, nil))
	for _, took := range []time.Duration{4 * time.Millisecond, 5 * time.Millisecond, 6 * time.Millisecond, time.Second, time.Hour} {
		server.Observe(took)
	}
	w := answer(server, "GET", "/metrics", "127.0.0.1:1", nil)
	if w.Code != 200 {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	text := w.Body.String()
	for _, want := range []string{"go_goroutines ", "process_start_time_seconds ", "process_resident_memory_bytes "} {
		if !strings.Contains(text, "\n"+want) {
			t.Errorf("there is no %s", want)
		}
	}
	var lines strings.Builder
	for line := range strings.Lines(own(text)) {
		if strings.HasPrefix(line, "gatescan_build_info{") {
			line = line[:strings.Index(line, `"`)] + "...\n" // the version of Go is not golden
		}
		lines.WriteString(line)
	}
	golden(t, "metrics.txt", lines.String())
}

// TestMetricsFromZero has every value of every bounded label there before anything happened.
func TestMetricsFromZero(t *testing.T) {
	w := answer(newServer(t, Config{Address: DefaultAddress}, daemonOf(&Snapshot{}, nil)), "GET", "/metrics", "127.0.0.1:1", nil)
	text := w.Body.String()
	n := 0
	for r := range verify.Reason(verify.NumReasons) {
		if strings.Contains(text, fmt.Sprintf("\ngatescan_scans_total{reason=%q} 0\n", r)) {
			n++
		}
	}
	if n != verify.NumReasons || n < 30 {
		t.Errorf("%d of %d reasons", n, verify.NumReasons)
	}
	for _, want := range []string{
		`gatescan_accepted_total{kind="v"} 0`, `gatescan_accepted_total{kind="t"} 0`, `gatescan_accepted_total{kind="r"} 0`,
		`gatescan_clock_state{state="invalid"} 0`, `gatescan_clock_state{state="synced"} 0`,
		`gatescan_reader_up 0`, `gatescan_gate_open 0`, `gatescan_ready 0`, `gatescan_trust_dscs 0`, `gatescan_passages_total 0`,
		`gatescan_scan_duration_seconds_count 0`, `gatescan_scan_duration_seconds_bucket{le="0.005"} 0`, `gatescan_scan_duration_seconds_bucket{le="2"} 0`,
	} {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("there is no %s", want)
		}
	}
}

// TestMetricsHostile has names and numbers of sources that no configuration should let through.
func TestMetricsHostile(t *testing.T) {
	s := fixture(t)
	s.Trust.Sources = nil
	for i := range 1000 {
		s.Trust.Sources = append(s.Trust.Sources, Source{Name: fmt.Sprintf("source %d \xff\n\"}", i%300), Kind: "\x00"})
	}
	w := answer(newServer(t, Config{Address: DefaultAddress}, daemonOf(s, nil)), "GET", "/metrics", "127.0.0.1:1", nil)
	if n := strings.Count(w.Body.String(), "\ngatescan_trust_source_signed_timestamp_seconds{"); w.Code != 200 || n != maxSources {
		t.Errorf("%d, %d sources", w.Code, n)
	}
	s.Trust.Sources = []Source{{Name: "a"}, {Name: "a"}}
	w = answer(newServer(t, Config{Address: DefaultAddress}, daemonOf(s, nil)), "GET", "/metrics", "127.0.0.1:1", nil)
	if n := strings.Count(w.Body.String(), "\ngatescan_trust_source_signed_timestamp_seconds{"); n != 1 || !strings.Contains(w.Body.String(), "gatescan_ready") {
		t.Errorf("%d sources of one name", n)
	}
}

func TestObserveDoesNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("NOT MEASURED: the race detector allocates")
	}
	s := newServer(t, Config{}, daemonOf(fixture(t), nil))
	took := time.Millisecond
	if n := testing.AllocsPerRun(1000, func() { s.Observe(took); took += time.Millisecond }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkObserve(b *testing.B) {
	s := newServer(b, Config{}, Daemon{})
	b.ReportAllocs()
	for b.Loop() {
		s.Observe(12 * time.Millisecond)
	}
}
