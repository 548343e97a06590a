package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

// event is one line of what a simulated gate tells on its standard output: {"event":"relay"|"lamp"|"verdict",…}.
type event struct {
	Event    string  `json:"event"`
	On       bool    `json:"on"`
	Pulse    float64 `json:"pulse_ms"`
	Signal   string  `json:"signal"`
	Reason   string  `json:"reason"`
	Kind     string  `json:"kind"`
	Alg      string  `json:"alg"`
	Took     int64   `json:"took_us"`
	Accepted uint64  `json:"accepted"`
	Refused  uint64  `json:"refused"`
}

// transient says whether the lamps show a verdict, and will change by themselves.
func (e event) transient() bool {
	return e.Signal == "open" || e.Signal == "refused" || e.Signal == "try_again"
}

// readEvents reads events until the gate closes its output, and closes the channel then.
func readEvents(r io.Reader, events chan<- event) {
	defer close(events)
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err == nil {
			events <- e
		}
	}
}

// view prints what a person at the gate would see.
type view struct {
	w          io.Writer
	unread     func() // called when nobody reads w any more
	colour     bool
	sent       time.Time // when the barcode module sent its last text
	lastReason string
}

func newView(w io.Writer, unread func()) *view {
	v := &view{w: w, unread: unread}
	if f, ok := w.(*os.File); ok && os.Getenv("NO_COLOR") == "" {
		if info, err := f.Stat(); err == nil {
			v.colour = info.Mode()&os.ModeCharDevice != 0
		}
	}
	return v
}

// ANSI colours of the lamps (ECMA-48 SGR).
const (
	green  = "32"
	red    = "31"
	yellow = "33"
	plain  = "0"
)

func (v *view) paint(colour, text string) string {
	if !v.colour {
		return text
	}
	return "\x1b[" + colour + "m" + text + "\x1b[0m"
}

func (v *view) printf(format string, args ...any) {
	if _, err := fmt.Fprintf(v.w, format+"\n", args...); err != nil {
		v.unread()
	}
}

func (v *view) started(gatescan string, pid int, line, dir, page string) {
	v.printf("%s runs as process %d; its barcode module is %s,", gatescan, pid, line)
	v.printf("its lab, configuration and log are in %s;", dir)
	v.printf("what a venue reads is at %s while it runs", page)
}

func (v *view) stop(number int, title string) {
	if number > 0 {
		title = fmt.Sprintf("%d. %s", number, title)
	}
	v.printf("\n%s", title)
}

// lamps are what the signals look like; rhythm tells them apart, not colour alone.
var lamps = map[string]struct{ colour, text string }{
	"closed":    {red, "■ CLOSED     red, steady"},
	"idle":      {green, "○ ready      green, a short flash every 2 s"},
	"open":      {green, "● GO         green, steady; a short beep"},
	"refused":   {red, "✕ REFUSED    red, slow blinking; a long beep"},
	"try_again": {yellow, "? TRY AGAIN  yellow, double blinking; two short beeps"},
	"held":      {plain, "· held       dark, until the code has gone"},
	"fault":     {yellow, "! FAULT      red and yellow in turn"},
}

func (v *view) event(e event) {
	since := ""
	if !v.sent.IsZero() {
		since = fmt.Sprintf("%6.0f ms", float64(time.Since(v.sent).Microseconds())/1000)
	}
	switch e.Event {
	case "lamp":
		lamp := lamps[e.Signal]
		v.printf("  %9s  lamp   %s", since, v.paint(lamp.colour, lamp.text))
	case "relay":
		if e.On {
			v.printf("  %9s  relay  %s", since, v.paint(green, "energised: the arm is free"))
		} else {
			v.printf("  %9s  relay  released after a pulse of %.1f ms", since, e.Pulse)
		}
	case "verdict":
		v.lastReason = e.Reason
		colour := red
		if e.Reason == "accepted" {
			colour = green
		}
		about := ""
		for _, fact := range []string{e.Alg, kindName(e.Kind)} {
			if fact != "" {
				about += ", " + fact
			}
		}
		v.printf("  %9s  %s%s, decided in %.2f ms      let through %d, refused %d",
			since, v.paint(colour, e.Reason), about, float64(e.Took)/1000, e.Accepted, e.Refused)
	}
}

func kindName(kind string) string {
	return map[string]string{"v": "vaccination", "t": "test", "r": "recovery", "p": "yellow card"}[kind]
}

func (v *view) prompt(pictures string) {
	v.printf("\nYour turn. Paste a QR text, or type the name of a picture of one; Ctrl-C ends.")
	v.printf("QR pictures of the passes above are in %s; point a real barcode module at them.", pictures)
}

func (v *view) complain(err error) { v.printf("\n  %s", v.paint(yellow, err.Error())) }

func (v *view) ended() { v.printf("\nThe gate has ended; its relay is released.") }
