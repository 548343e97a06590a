package certlogic

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"gatescan/verify/internal/cbor"
)

// What does not end soon is open, and takes nothing from the rules behind it.
func TestLimits(t *testing.T) {
	list := make([]any, 1000)
	for i := range list {
		list[i] = i
	}
	d := &Data{Payload: encodeCBOR(t, map[string]any{"list": list, "short": list[:20]})}
	count := func(in string) string { return `{"reduce":[{"var":"` + in + `"},{"+":[{"var":"accumulator"},1]},0]}` }
	rules := []struct {
		logic string
		want  Outcome
		fault Fault
	}{
		{`{"===":[` + count("payload.list") + `,1000]}`, Passed, NoFault},
		{`{"===":[{"reduce":[{"var":"payload.list"},{"+":[{"var":"accumulator"},{"reduce":[[1,2,3],{"+":[{"var":"accumulator"},1]},0]}]},0]},3000]}`, Open, TooManySteps},
		{`{"===":[` + count("payload.list") + `,1000]}`, Passed, NoFault},
		{`{"===":[{"reduce":[{"var":"payload.list"},[{"var":"accumulator"},{"var":"current"}],0]},1]}`, Open, TooManyItems},
		{`{"!":[{"reduce":[{"var":"payload.list"},{"var":""},0]}]}`, Open, TooManyItems},
		{`{"!":[{"reduce":[{"var":"payload.short"},[{"var":"accumulator"},{"var":"current"}],0]}]}`, Failed, NoFault},
		{`{"!":[[{"var":"payload.short"},{"var":"payload.list"}]]}`, Failed, NoFault},
		{`{"!":[[` + strings.Repeat(`{"var":"payload.list"},`, MaxItems) + `1]]}`, Open, TooManyItems},
		{`{"!":[[` + strings.Repeat(`{"var":"payload.list"},`, MaxItems-1) + `1]]}`, Failed, NoFault},
	}
	var c Compiler
	programs := make([]*Program, len(rules))
	for i, r := range rules {
		var err error
		if programs[i], err = c.Add([]byte(r.logic)); err != nil {
			t.Fatal(err)
		}
	}
	m := NewMachine()
	m.Load(c.Set(), d)
	for range 3 {
		for i, r := range rules {
			if got := m.Run(programs[i]); got != r.want || m.Fault() != r.fault {
				t.Errorf("%.100s: %v (%v), want %v (%v)", r.logic, got, m.Fault(), r.want, r.fault)
			}
		}
	}
}

// A rule that runs out of steps while it evaluates what another shares does not spoil it.
func TestStepsOfAnother(t *testing.T) {
	m := NewMachine()
	ran := 0
	for n := 800; n < 830; n++ {
		list := make([]any, n)
		for i := range list {
			list[i] = i
		}
		d := &Data{Payload: encodeCBOR(t, map[string]any{"list": list})}
		for extra := range 6 {
			const shared = `{"===":[1,1]}`
			last := strings.Repeat(`{"!":[`, extra) + shared + strings.Repeat(`]}`, extra)
			logic := fmt.Sprintf(`{"!":[{"reduce":[{"var":"payload.list"},{"if":[{"===":[{"var":"current"},%d]},%s,{"var":"accumulator"}]},0]}]}`, n-1, last)
			var c Compiler
			long, _ := c.Add([]byte(logic))
			short, _ := c.Add([]byte(shared))
			m.Load(c.Set(), d)
			if m.Run(long); m.Fault() == TooManySteps {
				ran++
			}
			if got := m.Run(short); got != Passed {
				t.Errorf("%d elements, %d more: %v (%v)", n, extra, got, m.Fault())
			}
		}
	}
	if ran == 0 || ran == 30*6 {
		t.Errorf("%d rules ran out of steps", ran)
	}
}

// A program of another set is open, and so is one before anything was loaded or after a wipe.
func TestNotLoaded(t *testing.T) {
	m := NewMachine()
	p, other := compile(t, []byte(`true`)), compile(t, []byte(`true`))
	d := &Data{Payload: encodeCBOR(t, 1)}
	check := func(when string, p *Program) {
		t.Helper()
		if got := m.Run(p); got != Open || m.Fault() != NotLoaded {
			t.Errorf("%s: %v (%v)", when, got, m.Fault())
		}
	}
	check("at first", p)
	m.Load(p.set, d)
	check("another", other)
	check("none", nil)
	if got := m.Run(p); got != Passed {
		t.Errorf("loaded: %v (%v)", got, m.Fault())
	}
	m.Wipe()
	check("wiped", p)
	if got := m.Eval(nil, d); got != Open || m.Fault() != NotLoaded {
		t.Errorf("no program: %v (%v)", got, m.Fault())
	}
}

// What Value has shown may be run over afterwards.
func TestRunAfterValue(t *testing.T) {
	var c Compiler
	array, err := c.Add([]byte(`[{"var":"payload.n"},2]`))
	if err != nil {
		t.Fatal(err)
	}
	in, err := c.Add([]byte(`{"in":[1,[{"var":"payload.n"},2]]}`))
	if err != nil {
		t.Fatal(err)
	}
	set := c.Set()
	if set != array.set {
		t.Fatal("two sets")
	}
	m := NewMachine()
	if _, fault := m.Value(array, exampleData(t)); fault != NoFault {
		t.Fatal(fault)
	}
	for range 3 {
		if got := m.Run(in); got != Passed {
			t.Errorf("%v (%v)", got, m.Fault())
		}
	}
}

// Nothing of a pass is left in the machine, whatever was evaluated.
func TestWipe(t *testing.T) {
	m := NewMachine()
	g := newGenerator(7)
	for range 2000 {
		c := g.makeCase(t)
		data := treeOf(t, c.Data).(map[string]any)
		d := splitData(t, data["payload"], data["external"].(map[string]any))
		p := compile(t, c.Logic)
		switch g.IntN(3) {
		case 0:
			m.Eval(p, d)
		case 1:
			_, _ = m.Value(p, d)
		default:
			m.Load(p.set, d)
			m.Run(p)
			for range m.Reads(p) {
				break
			}
		}
		m.Wipe()
		if n := leftovers(m); n != "" {
			t.Fatalf("%s: %s is not clear", c.Logic, n)
		}
	}
}

// leftovers names what a wiped machine still knows.
func leftovers(m *Machine) string {
	same := func(v Value) bool {
		return v.kind == 0 && v.form == 0 && v.size == 0 && v.n == 0 && v.text == nil && v.table == nil
	}
	all := func(values []Value) bool { return !slices.ContainsFunc(values, func(v Value) bool { return !same(v) }) }
	switch {
	case m.set != nil || m.data != nil || !reflect.DeepEqual(m.base, cbor.Cursor{}):
		return "data"
	case !all(m.slots[:]):
		return "slots"
	case !all(m.values[:]):
		return "values"
	case !all(m.items[:]):
		return "items"
	case slices.ContainsFunc(m.results[:], func(v *Value) bool { return v != nil }):
		return "results"
	case slices.ContainsFunc(m.frames[:], func(f frame) bool { return !same(f.accumulator) || !same(f.current) }):
		return "frames"
	case m.clock != dateTimeText{} || m.day != dateTimeText{}:
		return "clock"
	}
	return ""
}

func TestReadsOfMachine(t *testing.T) {
	p := compile(t, []byte(`{"if":[{"var":"payload.s"},{"in":[{"var":"payload.o.k"},{"var":"external.valueSets.small"}]},{"var":"payload.missing"}]}`))
	m := NewMachine()
	m.Load(p.set, exampleData(t))
	var got []string
	for path, v := range m.Reads(p) {
		got = append(got, path+"="+string(m.AppendJSON(nil, v)))
	}
	want := []string{`external.valueSets.small=["b","a"]`, `payload.missing=null`, `payload.o.k="v"`, `payload.s="text"`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Value sets do not change with what they were made of.
func TestValueSets(t *testing.T) {
	codes := map[string][]string{"b": {"x"}, "a": {"y"}}
	s := NewValueSets(codes)
	codes["b"][0] = "z"
	delete(codes, "a")
	if got := s.IDs(); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("%q", got)
	}
	d := &Data{Payload: encodeCBOR(t, 1), ValueSets: s}
	if got := NewMachine().Eval(compile(t, []byte(`{"in":["x",{"var":"external.valueSets.b"}]}`)), d); got != Passed {
		t.Error(got)
	}
	if got := (*ValueSets)(nil).IDs(); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// A payload may be anything.
func TestHostilePayload(t *testing.T) {
	rule := `{"===":[{"var":"payload.a"},1]}`
	inside := `{"reduce":[{"var":"payload.list"},{"===":[{"var":"current.a"},1]},0]}`
	for _, tt := range []struct {
		name, payload, logic string
		want                 Outcome
		fault                Fault
	}{
		{"nothing", "", rule, Open, MalformedPayload},
		{"a break", "\xff", rule, Open, MalformedPayload},
		{"an integer", "\x01", rule, Failed, NoFault},
		{"null", "\xf6", rule, Failed, NoFault},
		{"an array", "\x81\x01", rule, Failed, NoFault},
		{"as it should be", "\xa1\x61a\x01", rule, Passed, NoFault},
		{"with more behind", "\xa1\x61a\x01\xff\xff", rule, Passed, NoFault},
		{"a long head", "\xb8\x01\x78\x01a\x1b\x00\x00\x00\x00\x00\x00\x00\x01", rule, Passed, NoFault},
		{"tags", "\xd8\x3d\xa1\x61a\xc1\xc0\x01", rule, Passed, NoFault},
		{"a tag of nothing", "\xa1\x61a\xc1", rule, Open, MalformedPayload},
		{"a whole float", "\xa1\x61a\xfb\x3f\xf0\x00\x00\x00\x00\x00\x00", rule, Passed, NoFault},
		{"half precision", "\xa1\x61a\xf9\x3c\x00", rule, Passed, NoFault},
		{"the largest whole float", "\xa1\x61a\xfb\x43\x3f\xff\xff\xff\xff\xff\xff", `{">":[{"var":"payload.a"},9007199254740990]}`, Passed, NoFault},
		{"a float beyond it", "\xa1\x61a\xfb\x43\x40\x00\x00\x00\x00\x00\x00", `{">":[{"var":"payload.a"},0]}`, Open, NotInteger},
		{"a float beyond 64 bits", "\xa1\x61a\xfb\x7e\x37\xe4\x3c\x88\x00\x75\x9c", `{">":[{"var":"payload.a"},0]}`, Open, NotInteger},
		{"not a number", "\xa1\x61a\xf9\x7e\x00", rule, Failed, NoFault},
		{"infinity", "\xa1\x61a\xf9\x7c\x00", rule, Failed, NoFault},
		{"undefined", "\xa1\x61a\xf7", rule, Failed, NoFault},
		{"undefined is null", "\xa1\x61a\xf7", `{"!":[{"var":"payload.a"}]}`, Passed, NoFault},
		{"a simple value", "\xa1\x61a\xf0", rule, Failed, NoFault},
		{"a bad simple value", "\xa1\x61a\xf8\x01", rule, Open, MalformedPayload},
		{"a negative beyond 64 bits", "\xa1\x61a\x3b\xff\xff\xff\xff\xff\xff\xff\xff", rule, Failed, NoFault},
		{"an integer as key", "\xa2\x01\x02\x61a\x01", rule, Passed, NoFault},
		{"an array as key", "\xa2\x81\x01\x02\x61a\x01", rule, Passed, NoFault},
		{"a key in bytes", "\xa1\x41a\x01", rule, Failed, NoFault},
		{"a key twice", "\xa2\x61a\x01\x61a\x01", rule, Open, MalformedPayload},
		{"a key twice, once null", "\xa2\x61a\xf6\x61a\x01", rule, Open, MalformedPayload},
		{"another key twice", "\xa3\x61b\x01\x61b\x01\x61a\x01", rule, Passed, NoFault},
		{"indefinite map", "\xbf\x61a\x01\xff", rule, Passed, NoFault},
		{"indefinite key", "\xa1\x7f\x61a\xff\x01", rule, Passed, NoFault},
		{"indefinite text", "\xa1\x61a\x7f\x61a\x61b\xff", `{"===":[{"var":"payload.a"},"ab"]}`, Passed, NoFault},
		{"indefinite text without room", "\xa1\x61a\x7f" + strings.Repeat("\x65abcde", 5) + "\xff", rule, Open, MalformedPayload},
		{"bytes in an indefinite text", "\xa1\x61a\x7f\x41a\xff", rule, Open, MalformedPayload},
		{"cut short in a value", "\xa1\x61a\x19\x01", rule, Open, MalformedPayload},
		{"cut short in a text", "\xa1\x61a\x65ab", rule, Open, MalformedPayload},
		{"cut short where nobody reads", "\xa2\x61b\x65ab", rule, Open, MalformedPayload},
		{"reserved head", "\xa1\x61a\x1c", rule, Open, MalformedPayload},
		{"a length beyond all", "\xa1\x61a\x7b\xff\xff\xff\xff\xff\xff\xff\xff", rule, Open, MalformedPayload},
		{"an array beyond all", "\xa1\x61a\x9b\xff\xff\xff\xff\xff\xff\xff\xff", rule, Open, MalformedPayload},
		{"nested without end", "\xa1\x61a" + strings.Repeat("\x81", 10000), rule, Open, MalformedPayload},
		{"nested without end, tags", "\xa1\x61a" + strings.Repeat("\xc1", 100000) + "\x01", rule, Passed, NoFault},
		{"in a lambda", "\xa1\x64list\x81\xa1\x61a\x01", inside, Passed, NoFault},
		{"in a lambda, twice", "\xa1\x64list\x81\xa2\x61a\x01\x61a\x01", inside, Open, MalformedPayload},
		{"in a lambda, an array", "\xa1\x64list\x81\x81\x01", inside, Failed, NoFault},
	} {
		p := compile(t, []byte(tt.logic))
		m := NewMachine()
		d := &Data{Payload: cbor.NewCursor([]byte(tt.payload), &cbor.Arena{Buf: make([]byte, 20)})}
		if got := m.Eval(p, d); got != tt.want || m.Fault() != tt.fault {
			t.Errorf("%s: %v (%v), want %v (%v)", tt.name, got, m.Fault(), tt.want, tt.fault)
		}
	}
	if got := NewMachine().Eval(compile(t, []byte(rule)), &Data{}); got != Open {
		t.Errorf("no payload at all: %v", got)
	}
}

// The machine is as small as its documentation says.
func TestMachineSize(t *testing.T) {
	if size := reflect.TypeFor[Machine]().Size(); size > 210_000 {
		t.Errorf("%d bytes", size)
	} else {
		t.Logf("%d bytes; a value has %d, a node %d", size, reflect.TypeFor[Value]().Size(), reflect.TypeFor[node]().Size())
	}
}

// Rules of one set do not change each other's outcome, in whatever order they run.
func TestOrder(t *testing.T) {
	cases := loadRuleCases(t)
	var c Compiler
	programs := make([]*Program, len(cases))
	for i := range cases {
		var err error
		if programs[i], err = c.Add(cases[i].logic); err != nil {
			t.Fatal(err)
		}
	}
	set := c.Set()
	m, alone := NewMachine(), NewMachine()
	g := newGenerator(3)
	for range 20 {
		d := cases[g.IntN(len(cases))].split(t)
		want := make([]string, len(cases))
		for i := range cases {
			want[i] = fmt.Sprint(alone.Eval(cases[i].program, d), alone.Fault())
		}
		for range 3 {
			m.Load(set, d)
			for _, i := range g.Perm(len(cases)) {
				if got := fmt.Sprint(m.Run(programs[i]), m.Fault()); got != want[i] {
					t.Fatalf("%s over %s: %s in the set, %s alone", cases[i].logic, cases[i].id, got, want[i])
				}
			}
		}
	}
}

// A set is shared by machines that run at the same time; the race detector says whether any of them writes to it.
func TestSharedSet(t *testing.T) {
	cases := loadRuleCases(t)[:200]
	var c Compiler
	programs := make([]*Program, len(cases))
	for i := range cases {
		var err error
		if programs[i], err = c.Add(cases[i].logic); err != nil {
			t.Fatal(err)
		}
	}
	literal, err := c.Add([]byte(`{"and":[{"in":["a",["a"]]},{"not-after":[{"plusTime":["2021",0,"day"]},{"plusTime":["2021",1,"day"]}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	set := c.Set()
	data := make([]*Data, len(cases))
	for i := range cases {
		data[i] = cases[i].split(t)
	}
	literals := slices.Clone(set.literals)
	var machines sync.WaitGroup
	for range 4 {
		machines.Go(func() {
			m := NewMachine()
			for i := range cases {
				m.Load(set, data[i])
				if got := m.Run(programs[i]); got != cases[i].expected {
					t.Errorf("%s: %v", cases[i].id, got)
				}
				if got := m.Run(literal); got != Passed {
					t.Errorf("literals: %v (%v)", got, m.Fault())
				}
			}
		})
	}
	machines.Wait()
	if !reflect.DeepEqual(set.literals, literals) {
		t.Error("the literals of the set have changed")
	}
}
