package trustsync

import (
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"gatescan/verify"
)

// judged says what becomes of a pass that names a kid and is signed by nobody: the reason tells what the snapshot
// thinks of the kid, and BadSignature that a DSC with it is in force.
func judged(t *testing.T, y *Syncer, kid verify.KID, now time.Time) verify.Reason {
	t.Helper()
	v := verify.New(verify.Policy{}).Verify(unsignedPass(t, kid), y.Current(), now)
	return v.Reason()
}

func TestSnapshot(t *testing.T) {
	at := time.Date(2022, time.February, 1, 0, 0, 0, 0, time.UTC)
	var a, b Signer
	for _, s := range someSigners(t, 300) { // two that were valid then
		if s.Key.Alg() != verify.ES256 || at.Before(s.NotBefore) || at.After(s.NotAfter) {
			continue
		}
		if a.SPKI == nil {
			a = s
		} else if b = s; true {
			break
		}
	}
	if b.SPKI == nil {
		t.Fatal("the pool has no two")
	}
	hand := func(h Holding) Source { return &script{traits: byHand, answers: []answer{{holding: h}}} }
	aged := func(h Holding, signed time.Time) Source {
		h.Signed = signed
		return &script{traits: Traits{Kind: "aged", Age: AgeSigned}, answers: []answer{{holding: h}}}
	}
	both, onlyA := Holding{Signers: []Signer{a, b}}, Holding{Signers: []Signer{a}}
	withdrawn := Holding{Signers: []Signer{a}, Withdrawn: []verify.KID{b.KID}}
	for _, test := range []struct {
		name    string
		sources []Source
		barred  Barred
		a, b    verify.Reason
		dscs    int
	}{
		{"one", []Source{hand(both)}, Barred{}, verify.BadSignature, verify.BadSignature, 2},
		{"the same twice", []Source{hand(both), hand(both)}, Barred{}, verify.BadSignature, verify.BadSignature, 2},
		{"absent in one", []Source{hand(onlyA), hand(both)}, Barred{}, verify.BadSignature, verify.BadSignature, 2},
		{"absent in all", []Source{hand(onlyA), hand(onlyA)}, Barred{}, verify.BadSignature, verify.UnknownKID, 1},
		{"withdrawn by one", []Source{hand(both), hand(withdrawn)}, Barred{}, verify.BadSignature, verify.Barred, 2},
		{"barred by kid", []Source{hand(both)}, Barred{KIDs: []verify.KID{a.KID}}, verify.Barred, verify.BadSignature, 2},
		{"barred by key", []Source{hand(both)}, Barred{Keys: []SPKIHash{b.Hash()}}, verify.BadSignature, verify.Barred, 2},
		{"too old", []Source{aged(both, at.Add(-15*24*time.Hour))}, Barred{}, verify.TrustStale, verify.TrustStale, 2},
		{"too old in one", []Source{aged(both, at.Add(-15*24*time.Hour)), aged(onlyA, at)}, Barred{}, verify.BadSignature, verify.TrustStale, 2},
		{"fresh first, too old in the other", []Source{aged(both, at), aged(onlyA, at.Add(-15*24*time.Hour))}, Barred{}, verify.BadSignature, verify.BadSignature, 2},
		{"by hand first, too old in the other", []Source{hand(onlyA), aged(both, at.Add(-15*24*time.Hour))}, Barred{}, verify.BadSignature, verify.TrustStale, 2},
		{"too old, and by hand", []Source{aged(both, at.Add(-15*24*time.Hour)), hand(onlyA)}, Barred{}, verify.BadSignature, verify.TrustStale, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := Config{Barred: test.barred}
			for i, s := range test.sources {
				c.Sources = append(c.Sources, Named{Name: string(rune('a' + i)), Source: s})
			}
			y := New(c, fixed(at), nil, slog.New(slog.DiscardHandler))
			y.Once(t.Context())
			if y.Current().Len() != test.dscs {
				t.Errorf("%d DSCs, want %d", y.Current().Len(), test.dscs)
			}
			if got := judged(t, y, a.KID, at); got != test.a {
				t.Errorf("a: %v, want %v", got, test.a)
			}
			if got := judged(t, y, b.KID, at); got != test.b {
				t.Errorf("b: %v, want %v", got, test.b)
			}
		})
	}
}

// fixed is a clock that stands still.
type fixed time.Time

func (f fixed) Moment() (time.Time, bool) { return time.Time(f), true }
func (f fixed) Raise(time.Time)           {}
func (f fixed) Hint(time.Time)            {}

// A key that is gone from its list is refused at the next scan.
func TestWithdrawalIsImmediate(t *testing.T) {
	signers := someSigners(t, 2)
	synctest.Test(t, func(t *testing.T) {
		s := &script{traits: byHand, answers: []answer{holding(signers...), holding(signers[0])}}
		y, _ := start(t, one(s, time.Hour))
		synctest.Wait()
		if got := judged(t, y, signers[1].KID, time.Now()); got == verify.UnknownKID {
			t.Fatal(got)
		}
		y.Refresh()
		synctest.Wait()
		if got := judged(t, y, signers[1].KID, time.Now()); got != verify.UnknownKID {
			t.Error(got)
		}
	})
}

// A lab's certificates are left out, and named, unless the configuration wants them.
func TestLab(t *testing.T) {
	signers := someSigners(t, 2)
	signers[0].Lab = true
	for lab, want := range map[bool]int{false: 1, true: 2} {
		c := one(&script{traits: byHand, answers: []answer{holding(signers...)}}, 0)
		c.Lab = lab
		y := New(c, fixed(time.Unix(0, 0)), nil, slog.New(slog.DiscardHandler))
		y.Once(t.Context())
		if st := y.State().Sources[0]; y.Current().Len() != want || st.Signers != want || st.Skipped != 2-want {
			t.Errorf("lab %v: %d DSCs, %+v", lab, y.Current().Len(), st)
		}
		c.Lab = false
		y.Configure(c)
		if y.Current().Len() != 1 {
			t.Errorf("%d DSCs once the configuration does not want a lab's any more", y.Current().Len())
		}
	}
}
