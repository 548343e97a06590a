package clock

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestReadRTC(t *testing.T) {
	type files map[string]string
	for name, tc := range map[string]struct {
		files files
		want  rtcReading
		err   string
	}{
		"none":         {nil, rtcReading{}, ""},
		"set at boot":  {files{"rtc0/hctosys": "1\n", "rtc0/since_epoch": "1795348800\n"}, rtcReading{"rtc0", true, day, nil}, ""},
		"never in use": {files{"rtc0/hctosys": "0\n", "rtc0/since_epoch": "1795348800\n"}, rtcReading{"rtc0", false, day, nil}, ""},
		"the second": {
			files{"rtc0/hctosys": "0\n", "rtc0/since_epoch": "5\n", "rtc1/hctosys": "1\n", "rtc1/since_epoch": "1795348800\n"},
			rtcReading{"rtc1", true, day, nil},
			"",
		},
		"the first of those never in use": {
			files{"rtc0/hctosys": "0\n", "rtc0/since_epoch": "1795348800\n", "rtc1/hctosys": "0\n", "rtc1/since_epoch": "5\n"},
			rtcReading{"rtc0", false, day, nil},
			"",
		},
		"something else":   {files{"rtc/hctosys": "1\n", "rtcx0/hctosys": "1\n"}, rtcReading{}, ""},
		"does not answer":  {files{"rtc0/hctosys": "1\n"}, rtcReading{name: "rtc0", setClock: true}, "no such file"},
		"nonsense":         {files{"rtc0/hctosys": "1\n", "rtc0/since_epoch": "noon\n"}, rtcReading{name: "rtc0", setClock: true}, `is "noon"`},
		"before 1970":      {files{"rtc0/hctosys": "1\n", "rtc0/since_epoch": "-1\n"}, rtcReading{name: "rtc0", setClock: true}, `is "-1"`},
		"out of all years": {files{"rtc0/hctosys": "1\n", "rtc0/since_epoch": "253402300800\n"}, rtcReading{name: "rtc0", setClock: true}, "is "},
		"endless": {
			files{"rtc0/hctosys": "1\n", "rtc0/since_epoch": strings.Repeat("1", 1000)}, rtcReading{name: "rtc0", setClock: true}, "longer than 64 bytes",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for file, text := range tc.files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			got := readRTC(dir)
			if got.name != tc.want.name || got.setClock != tc.want.setClock || !got.at.Equal(tc.want.at) {
				t.Errorf("%+v", got)
			}
			if (got.err == nil) != (tc.err == "") || got.err != nil && !strings.Contains(got.err.Error(), tc.err) {
				t.Errorf("%v, want %q", got.err, tc.err)
			}
		})
	}
	if got := readRTC(filepath.Join(t.TempDir(), "none")); got != (rtcReading{}) {
		t.Errorf("without the class: %+v", got)
	}
}

// The kernel of this machine, whatever it is: its state is not known, but that it has one.
func TestRealClock(t *testing.T) {
	began := time.Now()
	c := New(Config{Require: FloorOnly, Hold: DefaultHold, Build: firstBuild}, System{}, slog.New(slog.DiscardHandler))
	s := c.Status()
	t.Logf("%+v", s)
	if l := c.last.Load(); l.err != nil || l.boot <= 0 {
		t.Errorf("boot time %v, %v", l.boot, l.err)
	}
	if s.State < FloorOnly || !s.Believed || !c.Believed(time.Now()) || s.MaxError < 0 || s.Explanation == "" || s.Fault != "" {
		t.Errorf("%+v", s)
	}
	var kernel unix.Timex
	if _, err := unix.Adjtimex(&kernel); err != nil || math.Abs(float64(kernel.Maxerror)/1e6-s.MaxError) > 1 {
		t.Errorf("a maximum error of %v us is %v s (%v)", kernel.Maxerror, s.MaxError, err)
	}
	if synced := s.MaxError < syncedError.Seconds(); synced != (s.State == Synced) || c.Synced() != synced {
		t.Errorf("a maximum error of %v s makes it %v", s.MaxError, s.State)
	}
	if s.Time.Before(began.Round(0)) || s.Time.After(time.Now()) || c.Now().Before(s.Time) {
		t.Errorf("the time is %v", s.Time)
	}
	if id, err := (System{}).bootID(); err != nil || !bootIDPattern.MatchString(id) {
		t.Errorf("boot %q, %v", id, err)
	}
	// The boot time is Linux's own, which is beside that of Go.
	k := System{}
	before, err1 := k.boottime()
	time.Sleep(20 * time.Millisecond)
	after, err2 := k.boottime()
	if d := after - before; err1 != nil || err2 != nil || d < 20*time.Millisecond || d > 10*time.Second {
		t.Errorf("20 ms are %v (%v, %v)", d, err1, err2)
	}
	later := New(Config{Require: Synced, Build: time.Now().Add(time.Hour)}, k, slog.New(slog.DiscardHandler))
	if s := later.Status(); s.State != Invalid || s.Believed || !later.Now().After(time.Now()) {
		t.Errorf("below the floor: %+v", s)
	}
}
