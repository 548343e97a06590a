package trustsync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/verify"
)

// script is a source that gives one answer after the other, the last one for ever, and notes when it was asked.
type script struct {
	answers []answer

	mu    sync.Mutex
	asked []time.Duration // since the first time
	first time.Time
}

func (s *script) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

type answer struct {
	dscs    []verify.DSC
	skipped []Skipped
	err     error
}

func (s *script) source(context.Context) ([]verify.DSC, Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.IsZero() {
		s.first = time.Now()
	}
	a := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked = append(s.asked, time.Since(s.first))
	return a.dscs, Report{Loaded: len(a.dscs), Skipped: a.skipped}, a.err
}

// start runs a Syncer over the script until the test ends.
func start(t *testing.T, s *script, interval time.Duration) (*Syncer, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	y := New(s.source, interval, slog.New(slog.NewTextHandler(log, nil)))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		y.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return y, log
}

func someDSCs(t *testing.T, n int) []verify.DSC {
	t.Helper()
	var dscs []verify.DSC
	for _, p := range pool(t)[:n] {
		d, err := ParseCertificate(p.DER)
		if err != nil {
			t.Fatal(err)
		}
		dscs = append(dscs, d)
	}
	return dscs
}

func TestRunPublishes(t *testing.T) {
	three := someDSCs(t, 3)
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{dscs: three[:1]}, {dscs: three}}}
		if y := New(s.source, 0, slog.New(slog.DiscardHandler)); y.Current() != nil || y.State() != (State{}) {
			t.Error("something is there before Run")
		}
		y, _ := start(t, s, time.Hour)
		synctest.Wait()
		first := y.Current()
		if first.Len() != 1 {
			t.Errorf("%d DSCs, want 1", first.Len())
		}
		if got, want := y.State(), (State{LastSuccess: time.Now(), NextAttempt: time.Now().Add(time.Hour), Loaded: 1}); got != want {
			t.Errorf("state %+v, want %+v", got, want)
		}
		time.Sleep(time.Hour - 1)
		if y.Current() != first {
			t.Error("the snapshot changed before the interval was over")
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if y.Current().Len() != 3 || y.State().Loaded != 3 {
			t.Errorf("%d DSCs after the interval, want 3", y.Current().Len())
		}
		if first.Len() != 1 {
			t.Error("a published snapshot changed")
		}
	})
}

func TestRunDefaultInterval(t *testing.T) {
	three := someDSCs(t, 3)
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{dscs: three}}}
		start(t, s, 0)
		time.Sleep(time.Hour + 1)
		synctest.Wait()
		if asked := s.times(); len(asked) != 7 || asked[1] != 10*time.Minute {
			t.Errorf("asked at %v", asked)
		}
	})
}

// TestRunKeepsLastGood has every way for an attempt to fail, and wants none to take away what is there.
func TestRunKeepsLastGood(t *testing.T) {
	three := someDSCs(t, 3)
	broken := errors.New("broken")
	for name, bad := range map[string]answer{
		"error":                       {err: broken},
		"error with data":             {dscs: three[:1], err: broken},
		"nothing":                     {},
		"nothing usable":              {skipped: []Skipped{{"x", broken}}},
		"a DSC that has no key in it": {dscs: []verify.DSC{{KID: verify.KID{1}}}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{answers: []answer{bad, {dscs: three}, bad}}
			y, _ := start(t, s, time.Minute)
			synctest.Wait()
			if y.Current() != nil || y.State().LastError == nil || !y.State().LastSuccess.IsZero() {
				t.Errorf("%s: at first: %v, %+v", name, y.Current(), y.State())
			}
			y.Refresh()
			synctest.Wait()
			good := y.Current()
			if good.Len() != 3 || y.State().LastError != nil {
				t.Fatalf("%s: then: %+v", name, y.State())
			}
			at := time.Now()
			time.Sleep(time.Hour)
			if n := len(s.times()); n < 50 {
				t.Errorf("%s: asked only %d times", name, n)
			}
			st := y.State()
			if y.Current() != good || st.Loaded != 3 || st.LastError == nil || !st.LastSuccess.Equal(at) || st.Skipped != len(bad.skipped) {
				t.Errorf("%s: in the end: %+v", name, st)
			}
		})
	}
}

func TestRunBacksOff(t *testing.T) {
	three := someDSCs(t, 3)
	const interval = 20 * time.Second
	synctest.Test(t, func(t *testing.T) {
		bad := answer{err: errors.New("broken")}
		s := &script{answers: []answer{bad, bad, bad, bad, bad, bad, bad, {dscs: three}, bad, {dscs: three}}}
		start(t, s, interval)
		time.Sleep(time.Hour)
		synctest.Wait()
		asked := s.times()
		for i, longest := range []time.Duration{1, 2, 4, 8, 16, 20, 20} {
			longest *= time.Second
			if wait := asked[i+1] - asked[i]; wait > longest || wait < longest/2-1 {
				t.Errorf("waited %v after failure %d, want %v to %v", wait, i+1, longest/2, longest)
			}
		}
		if wait := asked[8] - asked[7]; wait != interval {
			t.Errorf("waited %v after a success, want %v", wait, interval)
		}
		if wait := asked[9] - asked[8]; wait > time.Second {
			t.Errorf("waited %v after the first failure since, want 1s at most", wait)
		}
	})
}

func TestBackoff(t *testing.T) {
	for _, test := range []struct {
		failures          int
		interval, longest time.Duration
	}{
		{1, time.Hour, time.Second},
		{2, time.Hour, 2 * time.Second},
		{12, time.Hour, 2048 * time.Second},
		{13, time.Hour, time.Hour},
		{1 << 30, time.Hour, time.Hour},
		{1, time.Millisecond, time.Millisecond},
		{1, 1, 1},
	} {
		seen := map[time.Duration]bool{}
		for range 1000 {
			d := backoff(test.failures, test.interval)
			if d > test.longest || d < test.longest/2-1 {
				t.Fatalf("%d failures: %v, want %v at most", test.failures, d, test.longest)
			}
			seen[d] = true
		}
		if len(seen) < 900 && test.longest >= time.Second {
			t.Errorf("%d failures: only %d different waits in 1000", test.failures, len(seen))
		}
	}
}

func TestRefresh(t *testing.T) {
	three := someDSCs(t, 3)
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []answer{{dscs: three}}}
		y, _ := start(t, s, time.Hour)
		synctest.Wait()
		time.Sleep(time.Minute)
		y.Refresh()
		synctest.Wait()
		before := s.times()
		if len(before) != 2 || before[1] != time.Minute {
			t.Errorf("asked at %v, want once at the start and once after a minute", before)
		}
		time.Sleep(time.Hour + 1)
		synctest.Wait()
		if asked := s.times(); len(asked) != len(before)+1 {
			t.Errorf("asked at %v, want once more after the interval", asked)
		}
	})
}

// TestRefreshDuringAttempt wants a further attempt if one was asked for while one was under way.
func TestRefreshDuringAttempt(t *testing.T) {
	three := someDSCs(t, 3)
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		y := New(func(context.Context) ([]verify.DSC, Report, error) {
			asked.Add(1)
			time.Sleep(time.Minute)
			return three, Report{}, nil
		}, time.Hour, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go y.Run(ctx)
		time.Sleep(time.Second)
		if !y.State().NextAttempt.IsZero() {
			t.Error("a next attempt is announced during one")
		}
		for range 10 { // asking often during an attempt is asking once
			y.Refresh()
		}
		time.Sleep(90 * time.Second)
		if !y.State().NextAttempt.IsZero() || y.State().Loaded != 3 {
			t.Errorf("state during the second attempt: %+v", y.State())
		}
		time.Sleep(10 * time.Minute)
		if n := asked.Load(); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}
	})
}

func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &bytes.Buffer{}
		ctx, cancel := context.WithCancel(t.Context())
		slow := func(ctx context.Context) ([]verify.DSC, Report, error) {
			<-ctx.Done()
			return nil, Report{}, ctx.Err()
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			New(slow, 0, slog.New(slog.NewTextHandler(log, nil))).Run(ctx)
		}()
		time.Sleep(time.Hour)
		cancel()
		<-done // or synctest reports a deadlock
		if log.Len() > 0 {
			t.Errorf("the end is logged as a failure: %s", log)
		}
	})
}

func TestRunLog(t *testing.T) {
	three := someDSCs(t, 3)
	junk := Skipped{"README.md", errors.New("neither PEM nor DER")}
	key := Skipped{"dsc.key\nlevel=INFO msg=forged", errPrivateKey}
	other := Skipped{"other.key", errPrivateKey}
	broken := answer{err: errors.New("broken")}
	synctest.Test(t, func(t *testing.T) {
		s := &script{}
		for _, a := range []answer{
			{err: errors.New("no such directory")},
			{dscs: three[:2], skipped: []Skipped{junk}},
			{dscs: three[1:], skipped: []Skipped{junk}},  // as many, but others
			{dscs: three[1:], skipped: []Skipped{key}},   // as many skipped, but others
			{dscs: three[1:], skipped: []Skipped{other}}, // for the same reason, but another
			{dscs: three[1:]},
			broken,
			{skipped: []Skipped{junk}},
			broken,
			{skipped: []Skipped{junk}}, // a failure in between is no news of what is skipped
			{dscs: three[1:]},
		} {
			s.answers = append(s.answers, a, a, a) // each is said once only
		}
		y, log := start(t, s, time.Hour)
		synctest.Wait()
		for range len(s.answers) - 1 {
			y.Refresh()
			synctest.Wait()
		}
		want := `level=ERROR msg="no trust data: the gate cannot judge" err="no such directory"
level=WARN msg="certificate skipped" name=README.md reason="neither PEM nor DER"
level=INFO msg="trust data loaded" loaded=2 skipped=1 duplicates=0
level=INFO msg="trust data loaded" loaded=2 skipped=1 duplicates=0
level=WARN msg="certificate skipped" name="dsc.key\nlevel=INFO msg=forged" reason="holds a private key; it does not belong here"
level=INFO msg="trust data loaded" loaded=2 skipped=1 duplicates=0
level=WARN msg="certificate skipped" name=other.key reason="holds a private key; it does not belong here"
level=INFO msg="trust data loaded" loaded=2 skipped=1 duplicates=0
level=INFO msg="trust data loaded" loaded=2 skipped=0 duplicates=0
level=WARN msg="trust data not refreshed, the last good ones stay in force" err=broken loaded=2
level=WARN msg="certificate skipped" name=README.md reason="neither PEM nor DER"
level=WARN msg="trust data not refreshed, the last good ones stay in force" err="not one usable certificate" loaded=2
level=WARN msg="trust data not refreshed, the last good ones stay in force" err=broken loaded=2
level=WARN msg="trust data not refreshed, the last good ones stay in force" err="not one usable certificate" loaded=2
level=INFO msg="trust data loaded" loaded=2 skipped=0 duplicates=0
`
		got := ""
		for line := range strings.Lines(log.String()) {
			_, rest, _ := strings.Cut(line, " ") // the time
			got += rest
		}
		if got != want {
			t.Errorf("log:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestRunLogBounded(t *testing.T) {
	three := someDSCs(t, 3)
	synctest.Test(t, func(t *testing.T) {
		var many []Skipped
		for i := range 5000 {
			many = append(many, Skipped{fmt.Sprint(i), errPrivateKey})
		}
		_, log := start(t, &script{answers: []answer{{dscs: three, skipped: many}}}, time.Hour)
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n != 102 || !strings.Contains(log.String(), `"more certificates skipped" count=4900`) {
			t.Errorf("%d lines", n)
		}
	})
}

func TestRunDirectory(t *testing.T) {
	dir := t.TempDir()
	all := pool(t)
	write(t, dir, "a.der", all[0].DER)
	synctest.Test(t, func(t *testing.T) {
		y := New(Directory(dir), time.Hour, slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go y.Run(ctx)
		synctest.Wait()
		if y.Current().Len() != 1 {
			t.Fatalf("%d DSCs, want 1", y.Current().Len())
		}
		write(t, dir, "b.pem", pemOf("CERTIFICATE", all[1].DER))
		y.Refresh()
		synctest.Wait()
		if y.Current().Len() != 2 {
			t.Errorf("%d DSCs after one more, want 2", y.Current().Len())
		}
	})
}

func TestConfigure(t *testing.T) {
	three := someDSCs(t, 3)
	synctest.Test(t, func(t *testing.T) {
		before := &script{answers: []answer{{dscs: three[:1]}}}
		broken := &script{answers: []answer{{err: errors.New("broken")}}}
		after := &script{answers: []answer{{dscs: three}}}
		y, _ := start(t, before, time.Hour)
		synctest.Wait()

		y.Configure(broken.source, time.Minute)
		synctest.Wait()
		if len(broken.times()) != 1 || y.Current().Len() != 1 {
			t.Errorf("asked %d times, %d DSCs in force", len(broken.times()), y.Current().Len())
		}
		y.Configure(after.source, time.Minute)
		synctest.Wait()
		if y.Current().Len() != 3 {
			t.Errorf("%d DSCs, want 3", y.Current().Len())
		}
		time.Sleep(10*time.Minute + 1)
		synctest.Wait()
		if got := len(after.times()); got != 11 || len(before.times()) != 1 {
			t.Errorf("asked the new source %d times in ten minutes, the old one %d times", got, len(before.times()))
		}
	})
}
