package trustsync

import "testing"

// noRaces skips a long test of one goroutine in short runs, which are those under the race detector: there is nothing for it to
// see, and it makes them ten times as long.
func noRaces(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("one goroutine: make test runs it")
	}
}
