package scanner

import "fmt"

// Problem is what is wrong with what comes from a barcode module, for metrics and JSON. The zero value is nothing.
type Problem string

// The problems.
const (
	NoProblem Problem = ""
	// NothingRead: the port is open, its module cannot be asked whether it lives, and no text has come yet. It may be dead.
	NothingRead Problem = "nothing_read"
	// WrongSpeed, WrongParity, Inverted: something comes, but no text, and it looks like the text of a module that is set otherwise.
	WrongSpeed  Problem = "wrong_speed"
	WrongParity Problem = "wrong_parity"
	Inverted    Problem = "inverted"
)

// Problems lists every problem but NoProblem.
func Problems() []Problem { return []Problem{NothingRead, WrongSpeed, WrongParity, Inverted} }

// Diagnosis says what is wrong with what comes from a barcode module. It never keeps anything from being read, and the first whole
// text withdraws it.
type Diagnosis struct {
	Problem Problem
	Keys    []string // of the configuration's [reader], to look at
	Set     string   // what they say now
	Likely  string   // what they should say; empty if that is not known
}

// String is a sentence for people, with what to do; empty without a problem.
func (d Diagnosis) String() string {
	switch d.Problem {
	case NothingRead:
		return "nothing was read yet, and this module cannot be asked whether it lives: present a code to it"
	case WrongSpeed:
		return fmt.Sprintf("what the barcode module sends cannot be read at %s baud; it likely has %s: look at reader.baud, or set the module "+
			"to the speed that is configured", d.Set, d.Likely)
	case WrongParity:
		return fmt.Sprintf("what the barcode module sends cannot be read with %s parity; it likely has %s: look at reader.data_bits and "+
			"reader.parity", d.Set, d.Likely)
	case Inverted:
		return "what the barcode module sends arrives inverted: put a level converter between its RS-232 plug and the board's UART, or " +
			"switch its polarity; no key of [reader] can mend that"
	}
	return ""
}

// diagnose words a verdict.
func (c Config) diagnose(v verdict) Diagnosis {
	d := Diagnosis{Problem: v.problem, Likely: v.likely}
	switch v.problem {
	case WrongSpeed:
		d.Keys, d.Set = []string{"reader.baud"}, fmt.Sprint(c.Baud)
	case WrongParity:
		d.Keys, d.Set = []string{"reader.data_bits", "reader.parity"}, fmt.Sprintf("%d data bits, %s", c.DataBits, c.Parity)
	}
	return d
}

// Diagnosis returns what is wrong with what comes from the module. It may be called from any goroutine.
func (r *Reader) Diagnosis() Diagnosis {
	if d := r.wrong.Load(); d != nil {
		return *d
	}
	if r.Up() && !r.read.Load() && !r.Setup().Answered {
		return Diagnosis{Problem: NothingRead, Keys: []string{"reader.module", "reader.device"}}
	}
	return Diagnosis{}
}

// diagnosed is told of what the evidence says.
func (s *session) diagnosed(v verdict) {
	d := s.c.diagnose(v)
	if was := s.wrong.Load(); was != nil && was.Problem == d.Problem && was.Likely == d.Likely {
		return
	}
	s.wrong.Store(&d)
	s.log.Warn("the line of the barcode module is set wrongly: "+d.String(), "problem", string(d.Problem), "device", s.c.Device, "likely", d.Likely)
}

// withdraw takes back what was diagnosed.
func (s *session) withdraw() {
	if s.wrong.Swap(nil) != nil {
		s.log.Info("the barcode module is read now: its line is set right", "device", s.c.Device)
	}
}
