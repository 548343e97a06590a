//go:build board

package main

import (
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"gatescan/driver/drivertest"
)

// moduleTalk is how a GM65 answers, as its manual has it: command and answer.
var moduleTalk = [][2]string{
	{"7E00070100 2A02D80F", "02000002 1A0082D8"}, // its speed
	{"7E00070100 00010141", "02000001 D4B8C8"},   // its mode
	{"7E00080100 00D6DF22", "02000001 003331"},
	{"7E00080100 03020188", "02000001 003331"},
	{"7E00080100 05019B4D", "02000001 003331"},
	{"7E00080100 0600DE3F", "02000001 003331"},
	{"7E00080100 138A127B", "02000001 003331"},
	{"7E00070100 0D01771D", "02000001 A086DB"},
	{"7E000A0100 0000301A", "03000001 003331"}, // its heartbeat
	{"7E00070100 00023122", "02000002 D600D1E1"},
}

// playModule answers the gate until the board is gone. It returns how many commands were answered.
func playModule(s *drivertest.Serial) (answered func() int) {
	answers := map[string][]byte{}
	for _, pair := range moduleTalk {
		answer, err := hex.DecodeString(strings.ReplaceAll(pair[1], " ", ""))
		if err != nil {
			panic(err)
		}
		answers[strings.ReplaceAll(pair[0], " ", "")] = answer
	}
	var mu sync.Mutex
	n := 0
	go func() {
		held := ""
		buf := make([]byte, 64)
		for {
			got, err := s.Read(buf)
			if err != nil {
				return
			}
			held += strings.ToUpper(hex.EncodeToString(buf[:got]))
			for command, answer := range answers {
				if before, after, found := strings.Cut(held, command); found {
					held = before + after
					mu.Lock()
					n++
					mu.Unlock()
					_, _ = s.Write(answer)
				}
			}
		}
	}()
	return func() int {
		mu.Lock()
		defer mu.Unlock()
		return n
	}
}

// A module behind the kernel's own USB serial driver: found in sysfs by what it is, set up, heard to live, pulled out and put back.
func TestBoardModule(t *testing.T) {
	const relay = drivertest.LEDLine
	g := newBoardGateReading(t, "device = \"usb:0403:6001\"\nmodule = \"gm65\"\n", "[outputs]\nrelay = \"oneshot gate:relay\"\n", "", drivertest.Options{})
	answered := playModule(g.Serial)
	good := g.pass()
	g.start()
	if out := g.process.Output(); !strings.Contains(out, "barcode module found and set up") || !strings.Contains(out, "module=gm65") ||
		!strings.Contains(out, "device="+drivertest.SerialPath) {
		t.Fatalf("the daemon says:\n%s", out)
	}
	opens := func() {
		t.Helper()
		from := g.Mark()
		g.present(good)
		g.change(from, relay, true)
		g.change(from, relay, false)
	}
	opens()
	before := answered()
	time.Sleep(25 * time.Second)
	if answered() == before {
		t.Error("nobody asked whether the module lives")
	}
	opens()

	replugs := 5
	if said := os.Getenv("GATESCAN_REPLUGS"); said != "" {
		if _, err := fmt.Sscan(said, &replugs); err != nil || replugs < 1 {
			t.Fatalf("GATESCAN_REPLUGS=%q is no number", said)
		}
	}
	for range replugs {
		lines := g.process.Lines()
		if err := g.Serial.Unplug(); err != nil {
			t.Fatal(err)
		}
		if _, err := g.process.Expect(lines, "not readable", soon); err != nil {
			t.Fatal(err)
		}
		if err := g.Serial.Plug(); err != nil {
			t.Fatal(err)
		}
		for _, said := range []string{"barcode module found and set up", "barcode module ready"} {
			if _, err := g.process.Expect(lines, said, soon); err != nil {
				t.Fatalf("%v; it says:\n%s", err, g.process.Output())
			}
		}
	}
	opens()
	t.Logf("%d replugs; %d commands answered", replugs, answered())
}
