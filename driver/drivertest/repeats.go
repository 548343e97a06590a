package drivertest

import (
	"fmt"
	"os"
	"testing"
)

// Repeats is how often a test does what it does at random moments, or again and again: n times, or as often as an environment
// variable says.
func Repeats(t testing.TB, variable string, n int) int {
	t.Helper()
	if said := os.Getenv(variable); said != "" {
		if _, err := fmt.Sscan(said, &n); err != nil || n < 1 {
			t.Fatalf("%s=%q is no number", variable, said)
		}
	}
	return n
}
