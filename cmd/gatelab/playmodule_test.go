package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/module"
)

func TestActOnModule(t *testing.T) {
	link := filepath.Join(t.TempDir(), "tty")
	m, err := module.New(module.Options{Type: "accessis", USB: true, Link: link})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	plugged := func() bool {
		_, err := os.Stat(link)
		return err == nil
	}
	for _, step := range []struct {
		line    string
		plugged bool
		says    string // the error; empty for none
	}{
		{"", true, ""},
		{"HC1:A", true, ""},
		{"!freeze", true, ""},
		{"HC1:B", true, module.ErrNotRead.Error()},
		{"!thaw", true, ""},
		{"HC1:B", true, ""},
		{"!unplug", false, ""},
		{"HC1:C", false, module.ErrNotRead.Error()},
		{"!plug", true, ""},
		{"!plug", true, "it is plugged in"},
		{"!explode", true, "there are !unplug"},
		{"!reset", true, ""},
		{"HC1:C", true, module.ErrNotRead.Error()}, // it starts
	} {
		err := act(m, step.line)
		if (err != nil) != (step.says != "") || err != nil && !strings.Contains(err.Error(), step.says) {
			t.Errorf("%q: %v", step.line, err)
		}
		if plugged() != step.plugged {
			t.Errorf("%q: plugged in %v", step.line, plugged())
		}
	}
	time.Sleep(500 * time.Millisecond)
	if err := act(m, "HC1:C"); errors.Is(err, module.ErrNotRead) {
		t.Errorf("after its start: %v", err)
	}
}

func TestRunModuleWithoutLink(t *testing.T) {
	var out, told bytes.Buffer
	err := runModule([]string{"-type", "gm65", "-link", filepath.Join(t.TempDir(), "none", "tty")}, strings.NewReader(""), &out, &told)
	if err == nil || out.Len() > 0 {
		t.Errorf("%v, %q", err, out.String())
	}
}
