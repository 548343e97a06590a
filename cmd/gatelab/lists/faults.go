package lists

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fault is something that is wrong with what a source gives out. The zero Fault is none.
type Fault struct {
	kind   *FaultKind
	text   string        // as it was written
	number int64         // a byte, or bytes a second; -1 if none was named
	skew   time.Duration // of the clock
}

// Faults of what is signed, by which editions are kept.
const (
	faultWrongSignature = "wrong-signature"
	faultOlder          = "older"
	faultStale          = "stale"
	faultFuture         = "future"
	faultExpired        = "expired"
	faultEmpty          = "empty"
)

// faultNone asks for the plain answer even where a fault is switched on.
const faultNone = "good"

// FaultKind says what a fault is.
type FaultKind struct {
	Name     string `json:"name"`
	Argument string `json:"argument,omitempty"` // that may follow a =; DURATION must
	Says     string `json:"says"`

	needs  func(Offer) error // why a source cannot have it; nil if every one can
	answer func(*exchange)   // nil if only what is signed differs
}

var faultKinds = []FaultKind{
	{faultNone, "", "none, even where one is switched on", nil, nil},
	{faultWrongSignature, "", "a list of other keys, signed by others", nil, nil},
	{"flip", argByte, "one bit of that byte is another (in the middle if none is named; in the last one if there are fewer)", nil, (*exchange).flip},
	{faultOlder, "", "signed a day before the newest one; what was withdrawn since is still there", nil, nil},
	{faultStale, "", "the same, signed 60 days before", nil, nil},
	{faultFuture, "", "signed in five years", needsDate, nil},
	{faultExpired, "", "its signed end has passed", needsEnd, nil},
	{faultEmpty, "", "an authentic list of nothing", nil, nil},
	{"cut", argByte, "ends at that byte (in the middle), and its Content-Length says so", nil, (*exchange).cut},
	{"torn", argByte, "ends there, though its Content-Length promises the rest", nil, (*exchange).torn},
	{"endless", "", "goes on with spaces until the gate hangs up", nil, (*exchange).endless},
	{"slow", argRate, "so many bytes a second (1)", nil, (*exchange).slow},
	{"hang", "", "never answers", nil, (*exchange).hang},
	{"redirect", "", "a redirect to itself", nil, (*exchange).redirect},
	{"downgrade", "", "a redirect from TLS to plain HTTP, or from there to another host, where the good list is", nil, (*exchange).downgrade},
	{"500", "", "an error of the server", nil, func(x *exchange) { x.status(500) }},
	{"404", "", "not there", nil, func(x *exchange) { x.status(404) }},
	{"304", "", "not modified, asked or not", nil, func(x *exchange) { x.status(304) }},
	{"gzip", "", "10 GiB of zeros, compressed, which nobody asked for", nil, (*exchange).bomb},
	{"skew", argDuration, "its Date is off by so much, such as -24h", nil, (*exchange).skewed},
}

// Arguments of faults.
const (
	argByte     = "BYTE"
	argRate     = "BYTES/S"
	argDuration = "DURATION"
)

// FaultKinds are all faults.
func FaultKinds() []FaultKind { return slices.Clone(faultKinds) }

func needsDate(o Offer) error {
	if !o.Dated {
		return errors.New("nothing that it signs has a date")
	}
	return nil
}

func needsEnd(o Offer) error {
	if o.Life == 0 {
		return errors.New("nothing that it signs has an end")
	}
	return nil
}

// ParseFault reads NAME or NAME=ARGUMENT. Nothing is the zero Fault.
func ParseFault(text string) (Fault, error) {
	if text == "" {
		return Fault{}, nil
	}
	name, argument, given := strings.Cut(text, "=")
	at := slices.IndexFunc(faultKinds, func(k FaultKind) bool { return k.Name == name })
	if at < 0 {
		var names []string
		for _, k := range faultKinds {
			names = append(names, k.Name)
		}
		return Fault{}, fmt.Errorf("no fault %.40q; there are %s", name, strings.Join(names, ", "))
	}
	f := Fault{kind: &faultKinds[at], text: text, number: -1}
	var err error
	switch want := f.kind.Argument; {
	case want == "" && given:
		return Fault{}, fmt.Errorf("fault %s has no argument", name)
	case want == argDuration:
		if f.skew, err = time.ParseDuration(argument); err != nil {
			return Fault{}, fmt.Errorf("fault %.40q: write it as %s=-24h", text, name)
		}
	case given:
		least := int64(0)
		if want == argRate {
			least = 1
		}
		if f.number, err = strconv.ParseInt(argument, 10, 32); err != nil || f.number < least {
			return Fault{}, fmt.Errorf("fault %.40q: write it as %s=%d, or any greater number", text, name, least)
		}
	}
	return f, nil
}

func (f Fault) String() string { return f.text }

// name is empty for none.
func (f Fault) name() string {
	if f.kind == nil || f.kind.Name == faultNone {
		return ""
	}
	return f.kind.Name
}

// suits says why a source cannot have the fault.
func (f Fault) suits(o Offer) error {
	if f.kind == nil || f.kind.needs == nil {
		return nil
	}
	if err := f.kind.needs(o); err != nil {
		return fmt.Errorf("source %s cannot be %s: %w", o.Name, f.kind.Name, err)
	}
	return nil
}

// edition is which edition of a source is asked for.
func (f Fault) edition() string {
	if f.kind == nil || f.kind.answer != nil {
		return ""
	}
	return f.name()
}

// at is which byte is meant, of n that are there: never one behind them, so that something is wrong in any case.
func (f Fault) at(n int) int {
	if f.number < 0 {
		return n / 2
	}
	return max(int(min(f.number, int64(n-1))), 0)
}
