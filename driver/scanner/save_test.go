package scanner

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

func TestSaveModule(t *testing.T) {
	t.Run("while running", func(t *testing.T) {
		m := newRecorded(t, 115200, gm65Talk)
		p := m.port()
		runModule(t, ModuleGM65, p, func(b *bench) {
			after(setUpLimit)
			if slices.Contains(m.told, "7E 00 09 01 00 00 00 DE C8") {
				t.Error("the flash was written without being asked to")
			}
			var s Setup
			var err error
			go func() { s, err = b.Save(context.Background()) }()
			after(setUpLimit)
			if err != nil || !s.Saved || !b.Setup().Saved || m.told[len(m.told)-1] != "7E 00 09 01 00 00 00 DE C8" {
				t.Errorf("%+v, %v", s, err)
			}
			p.send("HC1:A\r")
			b.want(t, "HC1:A")
		})
	})
	t.Run("not taken", func(t *testing.T) {
		m := newRecorded(t, 115200, gm65Talk)
		delete(m.speaks, "7E 00 09 01 00 00 00 DE C8")
		runModule(t, ModuleGM65, m.port(), func(b *bench) {
			after(setUpLimit)
			var s Setup
			var err error
			go func() { s, err = b.Save(context.Background()) }()
			after(2 * setUpLimit)
			if err == nil || s.Saved || !strings.Contains(err.Error(), "saved") {
				t.Errorf("%+v, %v", s, err)
			}
		})
	})
	// How each family writes its flash.
	for module, want := range map[Module]string{
		ModuleNewland:   "7E 01 30 30 30 30 40 53 43 4E 4D 4F 44 32 3B 03", // @SCNMOD2
		ModuleHoneywell: "16 4D 0D 54 52 47 4D 4F 44 33 2E",                // TRGMOD3.
		ModuleSSI:       "07 C6 04 08 FF EE 01 FD 39",
	} {
		synctest.Test(t, func(t *testing.T) {
			m := newRecorded(t, 115200, nil)
			p := newFakePort()
			p.wake = make(chan struct{}, 1)
			p.baud = 115200
			var told []string
			p.reply = func(baud int, command []byte) []byte {
				m.answer(baud, command)
				told = m.told
				switch module { // as the manuals say, to whatever is asked
				case ModuleNewland:
					body := bytes.TrimSuffix(command[1:], []byte(";\x03"))
					return slices.Concat([]byte{2}, body, []byte("\x06;\x03"))
				case ModuleHoneywell:
					body := command[3:]
					return slices.Concat(body[:len(body)-1], []byte{6}, body[len(body)-1:])
				}
				return unhex(t, ssiOK+"0C A4 00 00 50 41 41 42 53 30 30 36 FD 53")
			}
			c := Config{Device: "/dev/fake", Module: module}.WithDefaults()
			s, err := saved(setUp(t.Context(), p, c, true, func() {}))
			if err != nil || !s.Saved || !slices.Contains(told, want) {
				t.Errorf("%s: %+v, %v, told %q", module, s, err, told)
			}
		})
	}
	for _, module := range []Module{ModuleLine, ModuleAccessIS} {
		if _, err := SaveModule(t.Context(), Config{Device: "/dev/fake", Module: module}); err == nil || !strings.Contains(err.Error(), "nothing can be saved") {
			t.Errorf("%s: %v", module, err)
		}
	}
}
