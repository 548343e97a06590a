package drivertest

import (
	"context"
	"testing"
	"time"
)

// The longest that a board may take on a loaded machine. Four to six seconds are usual.
const (
	prepareTimeout = 5 * time.Minute
	bootTimeout    = 2 * time.Minute
)

// Boot prepares a board and switches it on for the time of a test, which fails if that cannot be done, saying which packages
// to install if that is why. If the test fails the board's console is logged.
func Boot(t testing.TB, o Options) *Board {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), prepareTimeout)
	defer cancel()
	parts, err := Prepare(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	init, err := Build(ctx, t.TempDir(), "gatescan/driver/drivertest/guest/init")
	if err != nil {
		t.Fatal(err)
	}
	life, off := context.WithCancel(t.Context())
	late := time.AfterFunc(bootTimeout, off)
	defer late.Stop()
	b, err := Power(life, parts, init, o)
	if err != nil {
		off()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		off()
		if t.Failed() {
			t.Logf("console of the board:\n%s", b.Console())
		}
	})
	return b
}
