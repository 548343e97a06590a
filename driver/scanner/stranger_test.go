package scanner

import (
	"strings"
	"testing"
	"time"
)

// A code that reads like the module's own message that its settings are lost, held before it for two minutes. Nothing comes of that,
// whether it comes in answer to nothing, or between a question and its answer.
func TestCodeLikeAMessage(t *testing.T) {
	for _, tt := range beats {
		for _, every := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, time.Second, 11 * time.Second} {
			m := newRecorded(t, 115200, tt.talk)
			p := m.port()
			runModule(t, tt.module, p, func(b *bench) {
				after(9 * time.Second)
				for _, e := range tt.beats {
					m.speaks[e.command] = e.answer
				}
				code := string(unhex(t, tt.forgets)) + "\r"
				if tt.module == ModuleSSI { // it sends what it has read in packets
					code = ssiPackets(code, 250)[0]
				}
				for range 2 * time.Minute / every {
					p.send(code)
					after(every)
				}
				if !b.Up() || len(b.opened) != 1 || strings.Contains(b.log.String(), "power") {
					t.Errorf("%s, every %v: up %v, opened at %v\n%s", tt.module, every, b.Up(), b.opened, b.log.String())
				}
				p.send("HC1:A\r")
				if tt.module != ModuleSSI && every > 200*time.Millisecond {
					b.want(t, "HC1:A")
				}
			})
		}
	}
}

// Neither is a module that does not answer taken for one that does because somebody shows such a code.
func TestCodeLikeAnAnswer(t *testing.T) {
	for _, tt := range beats {
		m := newRecorded(t, 115200, tt.talk)
		m.silent = true
		p := m.port()
		runModule(t, tt.module, p, func(b *bench) {
			after(9 * time.Second)
			opened := len(b.opened)
			p.send(string(unhex(t, tt.forgets)) + "\r")
			after(time.Second)
			if len(b.opened) != opened || b.Setup().Answered {
				t.Errorf("%s: opened at %v, %+v", tt.module, b.opened, b.Setup())
			}
		})
	}
}
