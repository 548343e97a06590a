package scanner

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Module names a family of barcode modules. The zero value is ModuleLine.
type Module string

// The families. All but the first and the Access-IS are sent commands; see the map in the package comment.
const (
	ModuleLine        Module = "line" // any module that sends lines; nothing is ever sent to it
	ModuleGM65        Module = "gm65"
	ModuleNewland     Module = "newland"
	ModuleHoneywell   Module = "honeywell"
	ModuleSSI         Module = "ssi"
	ModuleAccessIS    Module = "accessis"
	ModuleAccessISRaw Module = "accessis-raw"
	ModuleAuto        Module = "auto" // the first family whose question is answered, else ModuleLine
)

// Modules lists every value that Config.Module may have.
func Modules() []Module {
	return []Module{
		ModuleLine, ModuleGM65, ModuleNewland, ModuleHoneywell, ModuleSSI, ModuleAccessIS, ModuleAccessISRaw, ModuleAuto,
	}
}

// family is how the modules of one family are asked who they are, set up, asked whether they live, and understood.
type family interface {
	// meet asks whether a module of this family listens at the speed that the port has.
	meet(t *talk, s *Setup) bool
	// configure sets up a module that was met. What it acknowledged, and what not, goes into s.
	configure(t *talk, c Config, s *Setup)
	// heartbeat lists questions that a living module answers and that change nothing. They are asked in turn. The answer to
	// the last one shows whether the module still has its settings.
	heartbeat() [][]byte
	// decoder makes frames of what the module sends, after a set-up that ended like s.
	decoder(f *Framer, c Config, s Setup) decoder
}

// families are those that can be talked to, in the order in which ModuleAuto asks. First come those whose questions
// have a checksum, since nobody else can take them for a command.
var families = []struct {
	module Module
	family family
}{
	{ModuleGM65, gm65{}},
	{ModuleSSI, ssi{}},
	{ModuleNewland, newland{}},
	{ModuleHoneywell, honeywell{}},
}

// familyOf returns nil for a module that is never talked to.
func familyOf(m Module) family {
	for _, f := range families {
		if f.module == m {
			return f.family
		}
	}
	return nil
}

// Setup is what became of the set-up of a module after its port was opened.
type Setup struct {
	Module   Module        // by whose protocol it is read
	Device   string        // path of its tty
	Baud     int           // bits per second that the port has
	Answered bool          // it answered; always false for a module that is never talked to
	Firmware string        // what it says of itself, printable ASCII, may be empty
	Set      []string      // what it acknowledged
	Missed   []string      // what it did not
	Saved    bool          // the settings are in its flash
	Took     time.Duration // from the opened port to the end of the set-up
	Fault    string        // what is wrong and what to do; empty if nothing is

	kept bool // it took the setting that its heartbeat shows
}

// note records what the module said to one setting, and returns that.
func (s *Setup) note(what string, acknowledged bool) bool {
	if acknowledged {
		s.Set = append(s.Set, what)
	} else {
		s.Missed = append(s.Missed, what)
	}
	return acknowledged
}

// conclude words the fault.
func (s *Setup) conclude(c Config) {
	switch {
	case !s.Answered && c.Module == ModuleAuto && familyOf(s.Module) == nil:
		s.Fault = "no barcode module answers any question; texts are read as lines: check its power and that both wires of the serial " +
			"line are connected, or name the family in reader.module"
	case !s.Answered && c.Module == ModuleAuto:
		s.Fault = fmt.Sprintf("the barcode module, which answered as %s before, does not answer any more: check its power and both wires "+
			"of the serial line", s.Module)
	case !s.Answered:
		s.Fault = fmt.Sprintf("the barcode module does not answer as %s; what it sends is read all the same, with its own settings: "+
			"check both wires of the serial line, or use module %q", s.Module, ModuleLine)
	case len(s.Missed) > 0:
		s.Fault = fmt.Sprintf("the barcode module did not take: %s; its own settings stay in force there", strings.Join(s.Missed, ", "))
	}
}

const (
	// defaultSameCode keeps a code that stays in view from being sent again and again.
	defaultSameCode = time.Second
	leastSameCode   = 100 * time.Millisecond
	mostSameCode    = 12700 * time.Millisecond // 7 bits of tenths of a second: GM65
)

// bauds are the speeds at which to look for a module, the configured one first. Modules leave the factory with 9600 or 115200.
func (c Config) bauds() []int {
	list := []int{c.Baud}
	for _, baud := range []int{9600, 115200} {
		if !slices.Contains(list, baud) {
			list = append(list, baud)
		}
	}
	return list
}

// printable makes text of what a module says of itself: printable ASCII, 64 bytes at most.
func printable(b []byte) string {
	var text strings.Builder
	for _, c := range b {
		if c >= ' ' && c <= '~' && text.Len() < 64 {
			text.WriteByte(c)
		}
	}
	return strings.TrimSpace(text.String())
}
