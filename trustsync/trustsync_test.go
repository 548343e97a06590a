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

	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store"
)

// script is a source that gives one answer after the other, the last one for ever, and notes when it was asked.
type script struct {
	answers []answer
	traits  Traits

	mu    sync.Mutex
	asked []time.Duration // since the first time
	first time.Time
}

type answer struct {
	holding Holding
	skipped []Skipped
	err     error
}

func (s *script) times() []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

func (s *script) Traits() Traits { return s.traits }

func (s *script) Fetch(context.Context, Moment) (*Holding, Report, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first.IsZero() {
		s.first = time.Now()
	}
	a := s.answers[min(len(s.asked), len(s.answers)-1)]
	s.asked = append(s.asked, time.Since(s.first))
	report := Report{Loaded: len(a.holding.Signers), Skipped: a.skipped}
	if a.err != nil {
		return nil, report, a.err
	}
	return &a.holding, report, nil
}

// wall is a clock whose time is that of the process.
type wall struct {
	unsynced bool
	mu       sync.Mutex
	raised   time.Time
}

func (w *wall) Moment() (time.Time, bool) { return time.Now(), !w.unsynced }

func (w *wall) Hint(time.Time) {}

func (w *wall) Raise(signed time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if signed.After(w.raised) {
		w.raised = signed
	}
}

// byHand is a source at which nobody queues, so that a test knows when it is asked.
var byHand = Traits{Kind: "test", Age: AgeNone}

// one is a configuration of one source.
func one(s Source, interval time.Duration) Config {
	return Config{Sources: []Named{{Name: "one", Source: s, Interval: interval}}}
}

// Start runs a Syncer until the test ends.
func start(t *testing.T, c Config) (*Syncer, *bytes.Buffer) {
	t.Helper()
	log := &bytes.Buffer{}
	y := New(c, &wall{}, nil, slog.New(slog.NewTextHandler(log, nil)))
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

func someSigners(t testing.TB, n int) []Signer {
	t.Helper()
	var signers []Signer
	for _, p := range sourcetest.Pool(t)[:n] {
		s, err := pki.ParseSigner(p.DER)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, s)
	}
	return signers
}

func holding(signers ...Signer) answer { return answer{holding: Holding{Signers: signers}} }

func TestRunPublishes(t *testing.T) {
	three := someSigners(t, 3)
	synctest.Test(t, func(t *testing.T) {
		s := &script{traits: byHand, answers: []answer{holding(three[:1]...), holding(three...)}}
		if y := New(one(s, 0), &wall{}, nil, slog.New(slog.DiscardHandler)); y.Current() != nil || y.State().DSCs != 0 {
			t.Error("something is there before Run")
		}
		y, _ := start(t, one(s, time.Hour))
		synctest.Wait()
		first := y.Current()
		if first.Len() != 1 {
			t.Fatalf("%d DSCs, want 1", first.Len())
		}
		st := y.State().Sources[0]
		if st.Name != "one" || st.Attempts != 1 || st.Active || st.Error != "" || st.Signers != 1 || st.Added != 1 ||
			!st.Confirmed.Equal(time.Now()) || !st.FreshUntil.IsZero() {
			t.Errorf("state %+v", st)
		}
		if wait := time.Until(st.NextAttempt); wait < 54*time.Minute || wait > 66*time.Minute {
			t.Errorf("next attempt in %v", wait)
		}
		time.Sleep(53 * time.Minute)
		if y.Current() != first {
			t.Error("the snapshot changed before the interval was over")
		}
		time.Sleep(14 * time.Minute)
		synctest.Wait()
		if y.Current().Len() != 3 || y.State().DSCs != 3 || y.State().Sources[0].Added != 2 {
			t.Errorf("%d DSCs after the interval, want 3", y.Current().Len())
		}
		if first.Len() != 1 {
			t.Error("a published snapshot changed")
		}
	})
}

// TestRunKeepsLastGood has every way for an attempt to fail, and wants none to take away what is there.
func TestRunKeepsLastGood(t *testing.T) {
	three := someSigners(t, 3)
	broken := errors.New("broken")
	signed := func(at time.Time) answer {
		return answer{holding: Holding{Signers: three[:1], Signed: at}}
	}
	for name, bad := range map[string]func(now time.Time) answer{
		"error":             func(time.Time) answer { return answer{err: broken} },
		"nothing":           func(time.Time) answer { return answer{} },
		"nothing usable":    func(time.Time) answer { return answer{skipped: []Skipped{{Name: "x", Err: broken}}} },
		"unchanged nothing": func(time.Time) answer { return answer{err: fmt.Errorf("x: %w", ErrMalformed)} },
		"far in the future": func(now time.Time) answer { return signed(now.Add(2 * time.Hour)) },
		"expired": func(now time.Time) answer {
			return answer{holding: Holding{Signers: three[:1], Signed: now, Expires: now.Add(-time.Second)}}
		},
		"greedy": func(now time.Time) answer {
			return answer{holding: Holding{Signers: three[:1], Cursor: make([]byte, source.MaxCursor+1)}}
		},
		"a lab's": func(time.Time) answer {
			lab := three[0]
			lab.Lab = true
			return holding(lab)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bad := bad(time.Now())
				s := &script{traits: byHand, answers: []answer{bad, holding(three...), bad}}
				y, _ := start(t, one(s, time.Minute))
				synctest.Wait()
				if y.Current() != nil || y.State().Sources[0].Error == "" || !y.State().Sources[0].Confirmed.IsZero() {
					t.Errorf("at first: %v, %+v", y.Current(), y.State())
				}
				y.Refresh()
				synctest.Wait()
				good := y.Current()
				if good.Len() != 3 || y.State().Sources[0].Error != "" {
					t.Fatalf("then: %+v", y.State())
				}
				at := time.Now()
				time.Sleep(50 * time.Second) // within two hours, the one from the future comes true
				y.Refresh()
				synctest.Wait()
				st := y.State().Sources[0]
				if y.Current() != good || st.Signers != 3 || st.Error == "" || !st.Confirmed.Equal(at) || st.Failures == 0 {
					t.Errorf("in the end: %+v", st)
				}
			})
		})
	}
}

// TestNeverBackwards replays, in the order given, holdings by their signed hour. A replay neither replaces nor renews.
func TestNeverBackwards(t *testing.T) {
	three := someSigners(t, 3)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		list := func(hour int, signers ...Signer) answer {
			return answer{holding: Holding{Signers: signers, Signed: begin.Add(time.Duration(hour) * time.Hour)}}
		}
		s := &script{traits: Traits{Kind: "test", Age: AgeSigned}, answers: []answer{
			list(-5, three[0]), list(-3, three[:2]...), list(-4, three...), list(-3, three[:2]...), list(-2, three[2]),
		}}
		w := &wall{}
		y := New(one(s, 0), w, nil, slog.New(slog.DiscardHandler))
		for i, want := range []struct {
			hour, dscs int
			fails      bool
		}{{-5, 1, false}, {-3, 2, false}, {-3, 2, true}, {-3, 2, false}, {-2, 1, false}} {
			time.Sleep(time.Minute)
			y.Once(t.Context())
			st := y.State().Sources[0]
			signed := begin.Add(time.Duration(want.hour) * time.Hour)
			if !st.Signed.Equal(signed) || y.Current().Len() != want.dscs || (st.Error != "") != want.fails ||
				!st.FreshUntil.Equal(signed.Add(DefaultMaxAge)) || !w.raised.Equal(signed) {
				t.Errorf("answer %d: %+v, %d DSCs", i, st, y.Current().Len())
			}
		}
	})
}

// A gate that was in a box for two years takes a list from its future, but none from ten years on.
func TestFutureOfAnUnsetClock(t *testing.T) {
	three := someSigners(t, 1)
	for years, fails := range map[int]bool{2: false, 10: true} {
		synctest.Test(t, func(t *testing.T) {
			signed := time.Now().AddDate(years, 0, 0)
			s := &script{traits: Traits{Age: AgeSigned}, answers: []answer{{holding: Holding{Signers: three, Signed: signed}}}}
			y := New(one(s, 0), &wall{unsynced: true}, nil, slog.New(slog.DiscardHandler))
			y.Once(t.Context())
			if got := y.State().Sources[0].Error; (got != "") != fails {
				t.Errorf("%d years: %q", years, got)
			}
		})
	}
}

// TestFreshUntil has what the table in the package's documentation says of ages.
func TestFreshUntil(t *testing.T) {
	now := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	signed, end := now.Add(-10*time.Hour), now.Add(20*time.Hour)
	for _, test := range []struct {
		name    string
		age     Age
		maxAge  time.Duration
		holding Holding
		want    time.Time
	}{
		{"observed", AgeObserved, 0, Holding{Signed: signed}, now.Add(DefaultMaxAge)},
		{"observed, limited", AgeObserved, time.Hour, Holding{}, now.Add(time.Hour)},
		{"observed, for ever", AgeObserved, -1, Holding{}, time.Time{}},
		{"signed", AgeSigned, 0, Holding{Signed: signed}, signed.Add(DefaultMaxAge)},
		{"signed, limited", AgeSigned, time.Hour, Holding{Signed: signed}, signed.Add(time.Hour)},
		{"signed, ends sooner", AgeSigned, 0, Holding{Signed: signed, Expires: end}, end},
		{"signed, ends later", AgeSigned, time.Hour, Holding{Signed: signed, Expires: end}, signed.Add(time.Hour)},
		{"signed, for ever, yet it ends", AgeSigned, -1, Holding{Signed: signed, Expires: end}, end},
		{"signed by nobody", AgeSigned, 0, Holding{}, now.Add(DefaultMaxAge)},
		{"by hand", AgeNone, 0, Holding{}, time.Time{}},
		{"by hand, limited", AgeNone, time.Hour, Holding{}, now.Add(time.Hour)},
	} {
		source := Named{Source: &script{traits: Traits{Age: test.age}}, MaxAge: test.maxAge}
		if got := freshUntil(source, &kept{Stored: Stored{Holding: test.holding, Confirmed: now}}); !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
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

func TestRunBacksOff(t *testing.T) {
	three := someSigners(t, 3)
	const interval = 20 * time.Second
	synctest.Test(t, func(t *testing.T) {
		bad := answer{err: errors.New("broken")}
		s := &script{traits: byHand, answers: []answer{bad, bad, bad, bad, bad, bad, bad, holding(three...), bad, holding(three...)}}
		start(t, one(s, interval))
		time.Sleep(time.Hour)
		synctest.Wait()
		asked := s.times()
		for i, longest := range []time.Duration{1, 2, 4, 8, 16, 20, 20} {
			longest *= time.Second
			if wait := asked[i+1] - asked[i]; wait > longest || wait < longest/2-1 {
				t.Errorf("waited %v after failure %d, want %v to %v", wait, i+1, longest/2, longest)
			}
		}
		if wait := asked[8] - asked[7]; wait < interval*9/10 || wait > interval*11/10 {
			t.Errorf("waited %v after a success, want %v", wait, interval)
		}
		if wait := asked[9] - asked[8]; wait > time.Second {
			t.Errorf("waited %v after the first failure since, want 1s at most", wait)
		}
	})
}

// A thousand gates that are switched on together do not ask together, nor an hour later.
func TestFleetSpreads(t *testing.T) {
	three := someSigners(t, 1)
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		gates := make([]*script, 1000)
		for i := range gates {
			gates[i] = &script{traits: Traits{Kind: "test", Age: AgeObserved}, answers: []answer{holding(three...)}}
			start(t, one(gates[i], time.Hour))
		}
		time.Sleep(70 * time.Minute)
		for nth, most := range []int{450, 10} { // in 3 s, in 12 minutes
			perSecond := map[int]int{}
			for _, g := range gates {
				if times := g.times(); len(times) > nth {
					perSecond[int(g.first.Add(times[nth]).Sub(begin).Seconds())]++
				} else {
					t.Fatalf("asked %d times", len(times))
				}
			}
			for second, n := range perSecond {
				if n > most {
					t.Errorf("attempt %d: %d of 1000 gates in second %d", nth+1, n, second)
				}
			}
		}
	})
}

func TestRefresh(t *testing.T) {
	three := someSigners(t, 3)
	synctest.Test(t, func(t *testing.T) {
		s := &script{traits: byHand, answers: []answer{holding(three...)}}
		y, _ := start(t, one(s, time.Hour))
		synctest.Wait()
		time.Sleep(time.Minute)
		y.Refresh()
		synctest.Wait()
		before := s.times()
		if len(before) != 2 || before[1] != time.Minute {
			t.Errorf("asked at %v, want once at the start and once after a minute", before)
		}
		time.Sleep(67 * time.Minute)
		synctest.Wait()
		if asked := s.times(); len(asked) != len(before)+1 {
			t.Errorf("asked at %v, want once more after the interval", asked)
		}
	})
}

// slow is a source that takes a minute.
type slow struct {
	signers []Signer
	asked   atomic.Int32
}

func (s *slow) Traits() Traits { return byHand }

func (s *slow) Fetch(ctx context.Context, now Moment) (*Holding, Report, error) {
	s.asked.Add(1)
	now.ReportProgress(1, 2)
	select {
	case <-ctx.Done():
		return nil, Report{}, ctx.Err()
	case <-time.After(time.Minute):
	}
	return &Holding{Signers: s.signers}, Report{}, nil
}

// TestRefreshDuringAttempt wants a further attempt if one was asked for while one was under way.
func TestRefreshDuringAttempt(t *testing.T) {
	s := &slow{signers: someSigners(t, 3)}
	synctest.Test(t, func(t *testing.T) {
		y, _ := start(t, one(s, time.Hour))
		time.Sleep(time.Second)
		if st := y.State().Sources[0]; !st.Active || st.Done != 1 || st.Total != 2 || !st.NextAttempt.IsZero() {
			t.Errorf("during an attempt: %+v", st)
		}
		for range 10 { // asking often during an attempt is asking once
			y.Refresh()
		}
		time.Sleep(90 * time.Second)
		if st := y.State().Sources[0]; !st.Active || st.Signers != 3 {
			t.Errorf("state during the second attempt: %+v", st)
		}
		time.Sleep(10 * time.Minute)
		if n := s.asked.Load(); n != 2 {
			t.Errorf("%d attempts, want 2", n)
		}
	})
}

// A source that is slow keeps no other one waiting.
func TestSlowSource(t *testing.T) {
	three := someSigners(t, 3)
	synctest.Test(t, func(t *testing.T) {
		quick := &script{traits: byHand, answers: []answer{holding(three...)}}
		y, _ := start(t, Config{Sources: []Named{{Name: "slow", Source: &slow{signers: three}}, {Name: "quick", Source: quick}}})
		synctest.Wait()
		if y.Current().Len() != 3 {
			t.Errorf("%d DSCs", y.Current().Len())
		}
	})
}

func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &bytes.Buffer{}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		y := New(one(&slow{}, 0), &wall{}, nil, slog.New(slog.NewTextHandler(log, nil)))
		go func() {
			defer close(done)
			y.Run(ctx)
		}()
		time.Sleep(time.Second)
		cancel()
		<-done // or synctest reports a deadlock
		if log.Len() > 0 || y.State().Sources[0].Active {
			t.Errorf("the end is logged as a failure: %s", log)
		}
	})
}

func TestRunLog(t *testing.T) {
	three := someSigners(t, 3)
	junk := Skipped{Name: "README.md", Err: errors.New("neither PEM nor DER")}
	key := Skipped{Name: "dsc.key\nlevel=INFO msg=forged", Err: pki.ErrPrivateKey}
	other := Skipped{Name: "other.key", Err: pki.ErrPrivateKey}
	broken := answer{err: errors.New("broken")}
	with := func(signers []Signer, skipped ...Skipped) answer {
		return answer{holding: Holding{Signers: signers}, skipped: skipped}
	}
	synctest.Test(t, func(t *testing.T) {
		s := &script{traits: byHand}
		for _, a := range []answer{
			{err: errors.New("no such directory")},
			with(three[:2], junk),
			with(three[1:], junk),  // as many, but others
			with(three[1:], key),   // as many skipped, but others
			with(three[1:], other), // for the same reason, but another
			with(three[1:]),
			broken,
			with(nil, junk),
			broken,
			with(nil, junk), // a failure in between is no news of what is skipped
			with(three[1:]),
		} {
			s.answers = append(s.answers, a, a, a) // each is said once only
		}
		y, log := start(t, one(s, time.Hour))
		synctest.Wait()
		for range len(s.answers) - 1 {
			y.Refresh()
			synctest.Wait()
		}
		want := `level=ERROR msg="no trust data from this source" err="no such directory"
level=WARN msg="certificate skipped" name=README.md reason="neither PEM nor DER"
level=INFO msg="trust data loaded" loaded=2 added=2 removed=0 skipped=1 duplicates=0
level=INFO msg="trust data loaded" loaded=2 added=1 removed=1 skipped=1 duplicates=0
level=WARN msg="certificate skipped" name=dsc.key�level=INFO\u0020msg=forged reason="holds a private key; it does not belong here"
level=INFO msg="trust data loaded" loaded=2 added=0 removed=0 skipped=1 duplicates=0
level=WARN msg="certificate skipped" name=other.key reason="holds a private key; it does not belong here"
level=INFO msg="trust data loaded" loaded=2 added=0 removed=0 skipped=1 duplicates=0
level=INFO msg="trust data loaded" loaded=2 added=0 removed=0 skipped=0 duplicates=0
level=WARN msg="trust data not refreshed, the last good ones stay in force" err=broken
level=WARN msg="certificate skipped" name=README.md reason="neither PEM nor DER"
level=WARN msg="trust data not refreshed, the last good ones stay in force" err="implausible: not one usable certificate; \"README.md\": neither PEM nor DER"
level=WARN msg="trust data not refreshed, the last good ones stay in force" err=broken
level=WARN msg="trust data not refreshed, the last good ones stay in force" err="implausible: not one usable certificate; \"README.md\": neither PEM nor DER"
level=INFO msg="trust data loaded" loaded=2 added=0 removed=0 skipped=0 duplicates=0
`
		got := ""
		for line := range strings.Lines(log.String()) {
			_, rest, _ := strings.Cut(line, " ") // the time
			got += strings.Replace(rest, " source=one", "", 1)
		}
		want = strings.Replace(want, `name=dsc.key`+"\uFFFD"+`level=INFO\u0020msg=forged`, `name="dsc.key`+"\uFFFD"+`level=INFO msg=forged"`, 1)
		if got != want {
			t.Errorf("log:\n%s\nwant:\n%s", got, want)
		}
	})
}

func TestRunLogBounded(t *testing.T) {
	three := someSigners(t, 3)
	synctest.Test(t, func(t *testing.T) {
		var many []Skipped
		for i := range 5000 {
			many = append(many, Skipped{Name: fmt.Sprint(i), Err: pki.ErrPrivateKey})
		}
		y, log := start(t, one(&script{traits: byHand, answers: []answer{{holding: Holding{Signers: three}, skipped: many}}}, time.Hour))
		synctest.Wait()
		if n := strings.Count(log.String(), "\n"); n != 102 || !strings.Contains(log.String(), `"more certificates skipped" source=one count=4900`) {
			t.Errorf("%d lines", n)
		}
		if st := y.State().Sources[0]; st.Skipped != 5000 || len(st.Reasons) != maxReasons {
			t.Errorf("%d skipped, %d named", st.Skipped, len(st.Reasons))
		}
	})
}

func TestRunDirectory(t *testing.T) {
	dir := t.TempDir()
	all := sourcetest.Pool(t)
	sourcetest.WriteFile(t, dir, "a.der", all[0].DER)
	source, err := NewSource(SourceConfig{Name: "stick", Kind: directory.Kind, Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		y, _ := start(t, Config{Sources: []Named{source}})
		synctest.Wait()
		if y.Current().Len() != 1 {
			t.Fatalf("%d DSCs, want 1", y.Current().Len())
		}
		sourcetest.WriteFile(t, dir, "b.pem", sourcetest.PEM("CERTIFICATE", all[1].DER))
		y.Refresh()
		synctest.Wait()
		if y.Current().Len() != 2 {
			t.Errorf("%d DSCs after one more, want 2", y.Current().Len())
		}
	})
}

func TestConfigure(t *testing.T) {
	three := someSigners(t, 3)
	synctest.Test(t, func(t *testing.T) {
		before := &script{traits: byHand, answers: []answer{holding(three[:1]...)}}
		broken := &script{traits: byHand, answers: []answer{{err: errors.New("broken")}}}
		after := &script{traits: byHand, answers: []answer{holding(three...)}}
		y, _ := start(t, one(before, time.Hour))
		synctest.Wait()

		y.Configure(one(broken, time.Minute)) // another way to the same: what is there stays
		synctest.Wait()
		if len(broken.times()) != 1 || y.Current().Len() != 1 {
			t.Errorf("asked %d times, %d DSCs in force", len(broken.times()), y.Current().Len())
		}
		y.Configure(one(after, time.Minute))
		synctest.Wait()
		if y.Current().Len() != 3 {
			t.Errorf("%d DSCs, want 3", y.Current().Len())
		}
		time.Sleep(10*time.Minute + 1)
		synctest.Wait()
		if got := len(after.times()); got < 10 || got > 13 || len(before.times()) != 1 {
			t.Errorf("asked the new source %d times in ten minutes, the old one %d times", got, len(before.times()))
		}
		other := one(broken, time.Minute)
		other.Sources[0].Identity[0]++ // others sign there now
		y.Configure(other)
		if y.Current() != nil {
			t.Error("what others signed stays in force")
		}
		y.Configure(Config{})
		if y.Current() != nil || len(y.State().Sources) != 0 {
			t.Error("something is left without a source")
		}
	})
}

// What the log says to be loaded is in force: a test, or a technician, acts on it.
func TestLoadedIsSaidOnceItIsSo(t *testing.T) {
	var y *Syncer
	inForce := -1
	log := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		if strings.Contains(string(p), "trust data loaded") {
			inForce = y.Current().Len()
		}
		return len(p), nil
	}), nil))
	y = New(one(&script{traits: byHand, answers: []answer{holding(someSigners(t, 2)...)}}, 0), &wall{}, nil, log)
	y.Once(t.Context())
	if inForce != 2 {
		t.Errorf("%d DSCs are in force when the log says that they are loaded", inForce)
	}
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// openStore opens a store that must be good.
func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
