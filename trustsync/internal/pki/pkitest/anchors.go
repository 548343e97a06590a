// Package pkitest makes anchors for tests of the rooms that use package pki. Only tests import it.
package pkitest

import (
	"bytes"
	"testing"

	"gatescan/trustsync/internal/pki"
)

// Anchors reads anchors that must be good.
func Anchors(t testing.TB, pem ...[]byte) pki.Anchors {
	t.Helper()
	a, err := pki.ParseAnchors(bytes.Join(pem, nil))
	if err != nil {
		t.Fatal(err)
	}
	return a
}
