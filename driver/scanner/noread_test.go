package scanner

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// Each row is what a module sends; what stands for it in the manual is in the comment of NoReads.
func TestNoReadMessages(t *testing.T) {
	for _, tt := range []struct {
		sent    string
		noRead  []string
		want    []string
		noReads uint64
	}{
		{"NR\r%%NoRead\rNoRead\r\nERROR\r", nil, nil, 4}, // one after the other, without a silence
		{"\x02NR\x03]A0NR\rBNR\r NR \rnr\r", nil, nil, 5},
		{"NOREAD" + gap + "No Read\nNO-READ\tBADCODE\r", nil, nil, 4},
		{"NR\rHC1:A\rNR\r", nil, []string{"HC1:A"}, 2},
		{"NRA\rERRORS\rAANR\r1NR\rN R\r", nil, []string{"NRA", "ERRORS", "AANR", "1NR", "N R"}, 0},
		{"NR\rFEHLER 7\r", []string{"Fehler 7"}, []string{"NR"}, 1},
		{"NR\rERROR\r", []string{}, []string{"NR", "ERROR"}, 0},
	} {
		c := Config{NoRead: tt.noRead}.WithDefaults()
		f := Framer{noRead: noReadsOf(c.NoRead)}
		if got := frames(&f, tt.sent, 3); !slices.Equal(got, tt.want) || f.noReads != tt.noReads {
			t.Errorf("%q with %q: frames %q, want %q; %d messages, want %d", tt.sent, tt.noRead, got, tt.want, f.noReads, tt.noReads)
		}
	}
}

// A no-read message lights nothing, decides nothing and keeps nothing from being read that follows at once.
func TestNoReadIsNoFrame(t *testing.T) {
	for _, module := range []Module{ModuleLine, ModuleGM65, ModuleNewland, ModuleHoneywell, ModuleAccessISRaw} {
		p := newFakePort()
		runModule(t, module, p, func(b *bench) {
			after(setUpLimit + time.Second)
			for range 20 {
				p.send("NR\r")
				after(200 * time.Millisecond)
			}
			if s := b.Stats(); s.NoReads != 20 || s.Frames != 0 || !b.Up() {
				t.Errorf("%s: up %v, %+v", module, b.Up(), s)
			}
			p.send("%%NoRead\r\nHC1:A\r")
			b.want(t, "HC1:A")
		})
	}
}

func TestNoReadConfig(t *testing.T) {
	for message, want := range map[string]string{
		"NR": "", "NO LABEL": "", "": "1 to 64", "  ": "1 to 64", strings.Repeat("N", 65): "1 to 64", "N\r": "printable ASCII",
		"Nö": "printable ASCII", "HC1:NR": "how a certificate begins",
	} {
		err := Config{Device: "/dev/t", NoRead: []string{message}}.Validate()
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "no read ")) {
			t.Errorf("%q: %v", message, err)
		}
	}
	if err := (Config{Device: "/dev/t", NoRead: make([]string, 33)}).Validate(); err == nil || !strings.Contains(err.Error(), "32 at most") {
		t.Error(err)
	}
}
