package drivertest

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var h history[int]
		go func() {
			for i := range 5 {
				time.Sleep(time.Second)
				h.add(i)
			}
			time.Sleep(time.Second)
			h.close(errFull)
		}()
		is := func(want int) func(int) bool { return func(got int) bool { return got == want } }
		began := time.Now()
		if got, err := h.await(0, time.Minute, is(2)); got != 2 || err != nil || time.Since(began) != 3*time.Second {
			t.Errorf("%d, %v after %v", got, err, time.Since(began))
		}
		if got, err := h.await(0, time.Minute, is(1)); got != 1 || err != nil {
			t.Errorf("what was before: %d, %v", got, err)
		}
		if _, err := h.await(3, 1500*time.Millisecond, is(1)); !errors.Is(err, errNotSeen) {
			t.Errorf("what was before the mark: %v", err)
		}
		if _, err := h.await(0, time.Minute, is(9)); !errors.Is(err, errFull) || time.Since(began) != 6*time.Second {
			t.Errorf("what never comes: %v after %v", err, time.Since(began))
		}
		if got, err := h.since(3); len(got) != 2 || !errors.Is(err, errFull) {
			t.Errorf("%v, %v", got, err)
		}
		if got, _ := h.since(99); len(got) != 0 {
			t.Errorf("from beyond the end: %v", got)
		}
	})
}
