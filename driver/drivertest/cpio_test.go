package drivertest

import (
	"bytes"
	"errors"
	"os"
	"testing"
)

// The same tree through GNU cpio, which fills up to a block with zeros.
func TestArchive(t *testing.T) {
	want, err := os.ReadFile("testdata/tree.cpio")
	if err != nil {
		t.Fatal(err)
	}
	want = bytes.TrimRight(want, "\x00")
	if len(want) < 500 {
		t.Fatalf("the reference has %d bytes", len(want))
	}
	var got bytes.Buffer
	a := archive{w: &got}
	a.directory("dev")
	a.device("dev/console", 5, 1)
	a.file("dev/odd", 0o755, []byte("odd"))
	a.file("four", 0o644, []byte("even"))
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	if got.Len()%4 != 0 {
		t.Errorf("the archive ends at byte %d", got.Len())
	}
	if got := bytes.TrimRight(got.Bytes(), "\x00"); !bytes.Equal(got, want) {
		t.Errorf("got\n%q\nwant\n%q", got, want)
	}
}

type fullDisk struct{}

var errFull = errors.New("no space")

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }

func TestArchiveKeepsTheFirstError(t *testing.T) {
	a := archive{w: fullDisk{}}
	a.file("one", 0o644, nil)
	a.w = new(bytes.Buffer)
	if err := a.close(); !errors.Is(err, errFull) {
		t.Errorf("error %v", err)
	}
}
