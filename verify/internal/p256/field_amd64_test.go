//go:build !purego

package p256

import (
	"math/rand/v2"
	"testing"
)

func needADX(t testing.TB) {
	t.Helper()
	if !useADX {
		t.Skip("SKIPPED: the processor has no ADX")
	}
}

// Subtraction in assembly is only used within the addition of points.
func TestSubADX(t *testing.T) {
	needADX(t)
	r := rand.New(rand.NewPCG(21, 22))
	list := corners()
	for i := range 20_000 {
		a, b := randomInt(r), randomInt(r)
		if i < len(list)*len(list) {
			a, b = list[i%len(list)], list[i/len(list)]
		}
		x, y := toElement(t, a), toElement(t, b)
		var got, want element
		subADX(&got, &x, &y)
		if subGo(&want, &x, &y); got != want {
			t.Fatalf("subADX(%x, %x) = %x, in pure Go %x", x, y, got, want)
		}
		if subADX(&x, &x, &y); x != want {
			t.Fatalf("subADX into its first operand: %x, want %x", x, want)
		}
	}
}

// A processor without ADX takes the other path, which these run, too.
func TestWithoutADX(t *testing.T) {
	needADX(t)
	useADX = false
	defer func() { useADX = true }()
	t.Run("Points", TestPointsCorners)
	t.Run("EqualX", TestEqualXInTheLastAddition)
	t.Run("Vectors", TestExplicitVectors)
	t.Run("RPlusN", TestRPlusN)
}
