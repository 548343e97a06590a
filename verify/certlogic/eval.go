package certlogic

import "math"

// eval evaluates a node, which may give a fault. A shared node is evaluated once.
func (m *Machine) eval(i int32) *Value {
	n := &m.set.nodes[i]
	switch {
	case n.op == opLiteral:
		return &m.set.literals[n.a]
	case n.op == opData:
		return &m.slots[n.a]
	case !n.shared:
		return m.apply(n)
	}
	if v := m.results[i]; v != nil {
		return v
	}
	v := m.apply(n)
	if v == &faults[TooManySteps] || v == &faults[TooManyItems] {
		return v // another rule may have more left
	}
	m.results[i] = v
	m.known[m.usedResults] = i
	m.usedResults++
	return v
}

// keep stores what a node gave.
func (m *Machine) keep(n *node, v Value) *Value {
	own := &m.values[n.result]
	if own.form == formAbsent {
		m.written[m.usedValues] = n.result
		m.usedValues++
	}
	*own = v
	if own.form == formAbsent {
		own.form = formPlain
	}
	return own
}

// keepOrFault is keep, except for a fault.
func (m *Machine) keepOrFault(n *node, v Value) *Value {
	if v.kind == kindFault {
		return &faults[v.n]
	}
	return m.keep(n, v)
}

// apply does what the node says.
func (m *Machine) apply(n *node) *Value {
	if m.depth > 0 {
		if m.steps--; m.steps < 0 {
			return &faults[TooManySteps]
		}
	}
	switch n.op {
	case opExternal:
		return m.applyExternal(n)
	case opContext:
		return m.applyContext(n)
	case opArray:
		return m.applyArray(n)
	case opIf:
		return m.applyIf(n)
	case opAnd:
		return m.applyAnd(n)
	case opEqual:
		return m.applyEqual(n)
	case opIn:
		return m.applyIn(n)
	case opPlus:
		return m.applyPlus(n)
	case opLess, opGreater, opNotLess, opNotGreater:
		return m.applyComparison(n, kindInteger, NotInteger)
	case opAfter, opBefore, opNotAfter, opNotBefore:
		return m.applyComparison(n, kindInstant, NotDateTime)
	case opNot:
		return m.applyNot(n)
	case opPlusTime:
		return m.applyPlusTime(n)
	case opReduce:
		return m.applyReduce(n)
	case opUVCI:
		return m.applyUVCI(n)
	case opBirth:
		return m.applyBirth(n)
	}
	return &faults[NotLoaded] // there is no other operator
}

func (m *Machine) applyExternal(n *node) *Value {
	if m.data.whole != nil {
		return &m.slots[n.b]
	}
	external := Value{kind: kindObject, form: formExternal, size: 1}
	return m.keepOrFault(n, m.follow(external, m.set.paths[n.a][1:]))
}

func (m *Machine) applyArray(n *node) *Value {
	if int(n.b) > MaxItems-m.usedItems {
		return &faults[TooManyItems]
	}
	first := m.usedItems
	m.usedItems += int(n.b)
	for i, operand := range m.set.lists[n.a : n.a+n.b] {
		v := m.eval(operand)
		if v.kind == kindFault {
			return v
		}
		m.items[first+i] = *v
	}
	return m.keep(n, Value{kind: kindArray, form: formItems, n: int64(first), size: n.b})
}

// applyIf evaluates the guard, and then one of the branches.
func (m *Machine) applyIf(n *node) *Value {
	guard := m.eval(n.a)
	switch guard.truth() {
	case truthy:
		return m.eval(n.b)
	case falsy:
		return m.eval(n.c)
	}
	return noTruth(guard)
}

// noTruth is the fault of a condition: its own, or that it is none.
func noTruth(v *Value) *Value {
	if v.kind == kindFault {
		return v
	}
	return &faults[NoTruth]
}

// applyAnd gives the first falsy operand, or the last.
func (m *Machine) applyAnd(n *node) *Value {
	var v *Value
	for _, operand := range m.set.lists[n.a : n.a+n.b] {
		v = m.eval(operand)
		switch v.truth() {
		case falsy:
			return v
		case neither:
			return noTruth(v)
		}
	}
	return v
}

func (m *Machine) applyNot(n *node) *Value {
	v := m.eval(n.a)
	truth := v.truth()
	if truth == neither {
		return noTruth(v)
	}
	return booleanResult(truth == falsy)
}

func (m *Machine) applyEqual(n *node) *Value {
	a, b, fault := m.both(n)
	if fault != nil {
		return fault
	}
	equal, ok := a.equal(b)
	if !ok {
		return &faults[NotComparable]
	}
	return booleanResult(equal)
}

// both evaluates the two operands.
func (m *Machine) both(n *node) (a, b, fault *Value) {
	if a = m.eval(n.a); a.kind == kindFault {
		return nil, nil, a
	}
	if b = m.eval(n.b); b.kind == kindFault {
		return nil, nil, b
	}
	return a, b, nil
}

func (m *Machine) applyIn(n *node) *Value {
	v, array, fault := m.both(n)
	switch {
	case fault != nil:
		return fault
	case array.kind != kindArray:
		return &faults[NotArray]
	case !v.scalar():
		return &faults[NotComparable]
	case array.form == formTable:
		return booleanResult(array.table.contains(v))
	}
	it := m.each(array)
	for e := (Value{}); it.next(&e); {
		m.steps--
		if e.kind == kindFault {
			return &faults[e.n]
		}
		if equal, _ := v.equal(&e); equal {
			return &valueTrue
		}
	}
	return &valueFalse
}

func (m *Machine) applyPlus(n *node) *Value {
	a, b, fault := m.both(n)
	switch {
	case fault != nil:
		return fault
	case a.kind != kindInteger || b.kind != kindInteger:
		return &faults[NotInteger]
	case b.n > 0 && a.n > math.MaxInt64-b.n, b.n < 0 && a.n < math.MinInt64-b.n:
		return &faults[OutOfRange]
	}
	return m.keep(n, Value{kind: kindInteger, n: a.n + b.n})
}

// applyComparison compares two operands, or three as a chain, all of which must be of one kind.
func (m *Machine) applyComparison(n *node, want kind, otherwise Fault) *Value {
	a, b, fault := m.both(n)
	if fault != nil {
		return fault
	}
	c := b
	if n.c >= 0 {
		if c = m.eval(n.c); c.kind == kindFault {
			return c
		}
	}
	if a.kind != want || b.kind != want || c.kind != want {
		return &faults[otherwise]
	}
	return booleanResult(n.op.holds(a.n, b.n) && (n.c < 0 || n.op.holds(b.n, c.n)))
}

func (m *Machine) applyPlusTime(n *node) *Value {
	v := m.eval(n.a)
	if v.kind != kindText {
		return otherwise(v, NotText)
	}
	ms, ok := v.instant()
	if !ok {
		return &faults[BadDateTime]
	}
	ms, ok = plusTime(ms, n.n, n.unit)
	if !ok {
		return &faults[OutOfRange]
	}
	return m.keep(n, Value{kind: kindInstant, n: ms})
}

// otherwise is the operand's own fault, or the one that it is not what it should be.
func otherwise(v *Value, f Fault) *Value {
	if v.kind == kindFault {
		return v
	}
	return &faults[f]
}

// instant is what a text means as date or date-time. In a slot that is found out once.
func (v *Value) instant() (ms int64, ok bool) {
	switch v.form {
	case formDated:
		return v.n, true
	case formUndated:
		return 0, false
	}
	ms, ok = parseDateTime(v.text)
	if v.form == formSlot {
		v.n, v.form = ms, formUndated
		if ok {
			v.form = formDated
		}
	}
	return ms, ok
}

func (m *Machine) applyUVCI(n *node) *Value {
	v := m.eval(n.a)
	if v.kind == kindNull {
		return &valueNull
	}
	if v.kind != kindText {
		return otherwise(v, NotText)
	}
	fragment, ok := extractFromUVCI(v.text, n.n)
	if !ok {
		return &valueNull
	}
	return m.keep(n, text(fragment))
}

// applyBirth reads a date of birth, which may lack day and month but may not have a time.
func (m *Machine) applyBirth(n *node) *Value {
	v := m.eval(n.a)
	if v.kind != kindText {
		return otherwise(v, NotText)
	}
	ms, ok := parseDate(v.text)
	if !ok {
		return &faults[BadDateTime]
	}
	return m.keep(n, Value{kind: kindInstant, n: ms})
}
