package fetch

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"gatescan/trustsync/internal/sourcetest"
)

func TestFileMirrorConfiguration(t *testing.T) {
	for raw, want := range map[string]string{
		"file:///media/stick/list":          "",
		"file://localhost/media/stick/list": "",
		"file://media/stick/list":           "whole path",
		"file:media":                        "cannot be read",
		"file://":                           "whole path",
		"file:///x?y":                       "no query",
		"file:///x#y":                       "leave out the part from #",
	} {
		if _, err := parseMirror(raw, true); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", raw, err)
		}
	}
	if _, err := parseMirror("file:///media/stick", false); err == nil || !strings.Contains(err.Error(), "not signed") {
		t.Error(err)
	}
}

func TestFileMirrorReads(t *testing.T) {
	dir := t.TempDir()
	sourcetest.WriteFile(t, dir, "good", []byte("good"))
	sourcetest.WriteFile(t, dir, "large", make([]byte, 1001))
	if err := syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"good": "", "large": "more than 1000 bytes", "fifo": "a named pipe", "missing": "no such file", "": "a directory",
	} {
		got, err := webGet(webClient(t, true, Transport{}, "file://"+dir+"/"+name), synced, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil && string(got.Body) != "good" {
			t.Errorf("%s: %q", name, got.Body)
		}
	}
}
