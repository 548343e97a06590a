package certlogic

import (
	"encoding/binary"
	"slices"
	"strings"
)

// Set is rules that were compiled together. What is written in several of them is one node, evaluated once for a
// payload; so is what they read. A set never changes and may be shared by any number of machines.
type Set struct {
	nodes    []node
	lists    []int32 // operands of nodes that may have many
	literals []Value
	paths    [][]fragment
	branches []branch
	payload  int32 // the branch of that name, or 0
	results  int   // how many nodes keep a result of their own
}

// node is a distinct expression. It may not contain pointers: it is also its own key while a set is compiled.
type node struct {
	op     operator
	scope  uint8 // the innermost lambda whose variables it depends on; 0 if on none
	shared bool  // several others have it as operand, or it is several rules
	unit   unit
	result int32 // where a result that is no boolean is kept; -1 if nowhere
	a      int32 // first operand; or literal, slot, path, first of a list
	b      int32 // second operand; or length of a list; slot of an external path; what is seen in a lambda
	c      int32 // third operand; -1 if none
	n      int64 // how much plusTime adds; which fragment of a UVCI; which frame a reduce uses
}

// Program is one rule of a set.
type Program struct {
	set   *Set
	root  int32
	reads []read
}

// read is data that a rule reads outside of lambdas.
type read struct {
	path string
	node int32
}

// Reads are the data paths that the rule may read, sorted, such as payload.v.0.dt.
func (p *Program) Reads() []string {
	var paths []string
	for _, r := range p.reads {
		paths = append(paths, r.path)
	}
	return paths
}

// Compile validates and compiles one rule's logic, which is JSON. The error is an *Error.
func Compile(logic []byte) (*Program, error) {
	var c Compiler
	return c.Add(logic)
}

// Compiler compiles rules into a set. Its zero value is ready.
type Compiler struct {
	set *Set
	err error // SetFull

	nodes    map[node]int32
	lists    map[string]int32
	literals map[string]int32
	paths    map[string]int32
	reads    []read
}

// Add validates and compiles one rule's logic, which is JSON, as Compile does. A rule that does not compile leaves the
// set fit for others, unless the problem is SetFull: then it takes no more, and Set gives those that were added before.
// The program must not be run before Set was called.
func (c *Compiler) Add(logic []byte) (*Program, error) {
	e, err := parse(logic)
	if err != nil {
		return nil, err
	}
	if c.set == nil {
		*c = Compiler{
			set:      &Set{branches: make([]branch, 1)},
			nodes:    map[node]int32{},
			lists:    map[string]int32{},
			literals: map[string]int32{},
			paths:    map[string]int32{},
		}
	}
	c.reads = nil
	root := c.compile(e, 0)
	if c.err != nil {
		return nil, c.err
	}
	slices.SortFunc(c.reads, func(a, b read) int { return strings.Compare(a.path, b.path) })
	return &Program{set: c.set, root: root, reads: slices.Compact(c.reads)}, nil
}

// Set returns the set of all rules added, and begins another one.
func (c *Compiler) Set() *Set {
	set := c.set
	if set == nil {
		set = &Set{branches: make([]branch, 1)}
	}
	*c = Compiler{}
	return set
}

// compile makes nodes of an expression in so many lambdas, operands first, and returns the number of its own.
func (c *Compiler) compile(e *expression, lambdas int) int32 {
	switch e.op {
	case opLiteral:
		return c.add(node{op: opLiteral, a: c.literal(e.literal)})
	case opData:
		return c.variable(e.path, lambdas)
	case opArray, opAnd:
		return c.list(e, lambdas)
	}
	n := node{op: e.op, unit: e.unit, n: e.n, c: -1}
	operands := [...]*int32{&n.a, &n.b, &n.c}
	for i, arg := range e.args {
		if e.op == opReduce && i == 1 {
			n.n = int64(lambdas + 1)
			*operands[i] = c.compile(arg, lambdas+1)
			continue
		}
		*operands[i] = c.compile(arg, lambdas)
		n.scope = max(n.scope, c.scope(*operands[i]))
	}
	return c.add(n)
}

func (c *Compiler) scope(i int32) uint8 {
	if c.err != nil {
		return 0
	}
	return c.set.nodes[i].scope
}

// add finds the node that is equal, or makes it.
func (c *Compiler) add(n node) int32 {
	n.result = -1
	if i, ok := c.nodes[n]; ok {
		if n.op > opData && n.scope == 0 {
			c.set.nodes[i].shared = true
		}
		return i
	}
	i := int32(len(c.set.nodes))
	if i == MaxNodes {
		c.full()
	}
	if c.err != nil {
		return 0
	}
	c.nodes[n] = i
	if n.keepsResult() {
		if c.set.results == MaxResults {
			c.full()
		}
		n.result = int32(c.set.results)
		c.set.results++
	}
	c.set.nodes = append(c.set.nodes, n)
	return i
}

func (c *Compiler) full() { c.err = &Error{Problem: SetFull} }

// keepsResult reports whether the node makes values that are no booleans and not those of an operand.
func (n *node) keepsResult() bool {
	switch n.op {
	case opExternal, opContext, opArray, opPlus, opPlusTime, opReduce, opUVCI, opBirth:
		return true
	}
	return false
}

// list makes a node of an operation on any number of operands. An array of literals is a literal.
func (c *Compiler) list(e *expression, lambdas int) int32 {
	n := node{op: e.op, b: int32(len(e.args)), c: -1}
	literal := e.op == opArray
	operands := make([]int32, len(e.args))
	for i, arg := range e.args {
		operands[i] = c.compile(arg, lambdas)
		n.scope = max(n.scope, c.scope(operands[i]))
		literal = literal && c.err == nil && c.set.nodes[operands[i]].op == opLiteral
	}
	if literal {
		items := make([]Value, len(operands))
		for i, operand := range operands {
			items[i] = c.set.literals[c.set.nodes[operand].a]
		}
		return c.add(node{op: opLiteral, a: c.literalTable(operands, items)})
	}
	key := listKey(operands)
	first, ok := c.lists[key]
	if !ok {
		first = int32(len(c.set.lists))
		c.set.lists = append(c.set.lists, operands...)
		c.lists[key] = first
	}
	n.a = first
	return c.add(n)
}

func listKey(operands []int32) string {
	key := make([]byte, 0, 4*len(operands)+1)
	for _, operand := range operands {
		key = binary.BigEndian.AppendUint32(key, uint32(operand))
	}
	return string(key)
}

// literal finds the scalar literal that is equal, or keeps it.
func (c *Compiler) literal(v Value) int32 {
	key := binary.BigEndian.AppendUint64([]byte{byte(v.kind)}, uint64(v.n))
	return c.keep(string(append(key, v.text...)), v)
}

func (c *Compiler) literalTable(operands []int32, items []Value) int32 {
	return c.keep(string(byte(kindArray))+listKey(operands), newTable(items).value())
}

func (c *Compiler) keep(key string, v Value) int32 {
	i, ok := c.literals[key]
	if !ok {
		i = int32(len(c.set.literals))
		c.set.literals = append(c.set.literals, v)
		c.literals[key] = i
	}
	return i
}

// variable makes a node of a var. In a lambda it sees accumulator and current alone.
func (c *Compiler) variable(path string, lambdas int) int32 {
	fragments, _ := splitPath(path)
	if lambdas > 0 {
		return c.add(node{op: opContext, scope: uint8(lambdas), a: c.path(path, fragments), b: sees(fragments), c: -1})
	}
	slot := c.branch(fragments)
	n := node{op: opData, a: slot, c: -1}
	if len(fragments) > 0 && fragments[0].name == "external" {
		n = node{op: opExternal, a: c.path(path, fragments), b: slot, c: -1}
	}
	i := c.add(n)
	c.reads = append(c.reads, read{path, i})
	return i
}

func (c *Compiler) path(path string, fragments []fragment) int32 {
	i, ok := c.paths[path]
	if !ok {
		i = int32(len(c.set.paths))
		c.set.paths = append(c.set.paths, fragments)
		c.paths[path] = i
	}
	return i
}

// branch finds the branch that a path leads to, or grows it.
func (c *Compiler) branch(fragments []fragment) int32 {
	at := int32(0)
	for _, f := range fragments {
		to := c.set.branches[at].next(f)
		if to == 0 {
			if to = int32(len(c.set.branches)); to == MaxPaths {
				c.full()
				return 0
			}
			c.set.branches = append(c.set.branches, branch{})
			c.set.branches[at].add(edge{fragment: f, to: to})
			if at == 0 && f.name == "payload" {
				c.set.payload = to
			}
		}
		at = to
	}
	return at
}
