package certlogic

import (
	"iter"

	"gatescan/verify/internal/cbor"
)

// Machine is the memory that evaluation needs: about 200 kB, made once, whatever rules and passes come. It serves
// one goroutine.
type Machine struct {
	set  *Set
	data *Data
	base cbor.Cursor // the payload, or the whole data

	malformed bool
	fault     Fault
	depth     int // lambdas that are being evaluated
	steps     int

	slots   [MaxPaths]Value   // what was read, by branch
	values  [MaxResults]Value // what nodes gave that keep a result
	written [MaxResults]int32 // which of values are in use
	results [MaxNodes]*Value  // what shared nodes gave
	known   [MaxNodes]int32   // which of results are in use
	items   [MaxItems]Value   // the elements of arrays made by the running rule
	frames  [MaxLambdas + 1]frame
	clock   dateTimeText
	day     dateTimeText // that the clock's begins at

	usedValues, usedResults, usedItems int
}

// frame is what a lambda sees.
type frame struct {
	accumulator, current Value
}

// NewMachine makes a machine.
func NewMachine() *Machine { return &Machine{} }

// Load reads from the data what the rules of a set are about, in one pass over the payload. What was loaded before is
// wiped. The data must stay as it is until Wipe.
func (m *Machine) Load(s *Set, d *Data) {
	m.Wipe()
	m.set, m.data = s, d
	if d.whole != nil {
		m.base = *d.whole
		c := m.base
		m.malformed = !m.fill(&c, 0)
		return
	}
	m.base = d.Payload
	m.slots[0] = Value{kind: kindObject, form: formRoot, size: 2}
	if s.payload != 0 {
		c := m.base
		m.malformed = !m.fill(&c, s.payload)
	}
}

// Run evaluates a rule of the set that is loaded.
func (m *Machine) Run(p *Program) Outcome {
	m.release(0) // after Value
	known := m.usedResults
	v := m.run(p)
	outcome := Open
	switch m.fault = NoFault; {
	case v.kind == kindFault:
		m.fault = Fault(v.n)
	case v.kind != kindBoolean:
		m.fault = NotBoolean
	case v.n != 0:
		outcome = Passed
	default:
		outcome = Failed
	}
	m.release(known)
	return outcome
}

func (m *Machine) run(p *Program) *Value {
	switch {
	case p == nil || m.set == nil || p.set != m.set:
		return &faults[NotLoaded]
	case m.malformed:
		return &faults[MalformedPayload]
	}
	m.depth, m.steps = 0, MaxSteps
	return m.eval(p.root)
}

// release gives back the items of a rule that has run, and forgets the results since known that are made of items.
func (m *Machine) release(known int) {
	if m.usedItems == 0 {
		return
	}
	kept := known
	for _, i := range m.known[known:m.usedResults] {
		if form := m.results[i].form; form == formItems || form == formFrame {
			m.results[i] = nil
			continue
		}
		m.known[kept] = i
		kept++
	}
	m.usedResults = kept
	clear(m.items[:m.usedItems])
	m.usedItems = 0
}

// Fault says why the last rule was open, or NoFault.
func (m *Machine) Fault() Fault { return m.fault }

// Eval loads, runs and wipes: one rule for one pass. For several rules, Load once.
func (m *Machine) Eval(p *Program, d *Data) Outcome {
	if p == nil {
		m.fault = NotLoaded
		return Open
	}
	m.Load(p.set, d)
	outcome := m.Run(p)
	m.Wipe()
	return outcome
}

// Value loads and evaluates a rule and returns whatever it gives, which is good until the machine is loaded or wiped.
func (m *Machine) Value(p *Program, d *Data) (Value, Fault) {
	m.Load(p.set, d)
	v := m.run(p)
	if v.kind == kindFault {
		return Value{}, Fault(v.n)
	}
	return *v, NoFault
}

// Reads are the paths that a rule of the loaded set may read, sorted, each with what is there. They are what explains
// an outcome; they may be about the holder.
func (m *Machine) Reads(p *Program) iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if p.set != m.set || m.malformed {
			return
		}
		for _, r := range p.reads {
			v := *m.eval(r.node)
			if v.kind == kindFault {
				v = valueNull
			}
			if !yield(r.path, v) {
				return
			}
		}
	}
}

// Wipe forgets the pass.
func (m *Machine) Wipe() {
	if m.set == nil {
		return
	}
	clear(m.slots[:len(m.set.branches)])
	for _, i := range m.written[:m.usedValues] {
		m.values[i] = Value{}
	}
	for _, i := range m.known[:m.usedResults] {
		m.results[i] = nil
	}
	clear(m.items[:m.usedItems])
	clear(m.frames[:])
	m.usedValues, m.usedResults, m.usedItems = 0, 0, 0
	m.clock, m.day = dateTimeText{}, dateTimeText{}
	m.set, m.data, m.base, m.malformed = nil, nil, cbor.Cursor{}, false
}
