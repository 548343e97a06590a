package certlogic

// applyReduce folds an array: operand, lambda, initial value. The lambda sees accumulator and current and nothing
// else. Null in place of the array gives the initial value.
func (m *Machine) applyReduce(n *node) *Value {
	array, initial, fault := m.reduceOperands(n)
	switch {
	case fault != nil:
		return fault
	case array.kind == kindNull:
		return initial
	case array.kind != kindArray:
		return &faults[NotArray]
	}
	if m.depth == 0 {
		m.steps = MaxSteps
	}
	f := &m.frames[n.n]
	f.accumulator = *initial
	it := m.each(array)
	m.depth++
	defer func() { m.depth-- }()
	for it.next(&f.current) {
		if m.steps--; m.steps < 0 {
			return &faults[TooManySteps]
		}
		if f.current.kind == kindFault {
			return &faults[f.current.n]
		}
		v := m.eval(n.b)
		if v.kind == kindFault {
			return v
		}
		f.accumulator = *v
	}
	return m.keep(n, f.accumulator)
}

func (m *Machine) reduceOperands(n *node) (array, initial, fault *Value) {
	if array = m.eval(n.a); array.kind == kindFault {
		return nil, nil, array
	}
	if initial = m.eval(n.c); initial.kind == kindFault {
		return nil, nil, initial
	}
	return array, initial, nil
}

// applyContext is var in a lambda. A frame does not change while its lambda is evaluated.
func (m *Machine) applyContext(n *node) *Value {
	f := &m.frames[n.scope]
	var v *Value
	switch n.b {
	case seesAll:
		return m.applyFrame(n, f)
	case seesAccumulator:
		v = &f.accumulator
	case seesCurrent:
		v = &f.current
	default:
		return &valueNull
	}
	path := m.set.paths[n.a][1:]
	if len(path) == 0 {
		return v
	}
	return m.keepOrFault(n, m.follow(*v, path))
}

// What var sees in a lambda, by the first fragment of its path.
const (
	seesNothing = iota
	seesAccumulator
	seesCurrent
	seesAll
)

func sees(path []fragment) int32 {
	switch {
	case len(path) == 0:
		return seesAll
	case path[0].name == "accumulator":
		return seesAccumulator
	case path[0].name == "current":
		return seesCurrent
	}
	return seesNothing
}

// applyFrame makes an object of all that a lambda sees.
func (m *Machine) applyFrame(n *node, f *frame) *Value {
	if m.usedItems+2 > MaxItems {
		return &faults[TooManyItems]
	}
	first := m.usedItems
	m.usedItems += 2
	m.items[first], m.items[first+1] = f.accumulator, f.current
	return m.keep(n, Value{kind: kindObject, form: formFrame, n: int64(first), size: 2})
}
