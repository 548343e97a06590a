package certlogic

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// What is wrong with a rule, and where.
func TestCompileRefuses(t *testing.T) {
	deep := func(n int) string { return strings.Repeat(`{"!":[`, n) + `true` + strings.Repeat(`]}`, n) }
	lambdas := func(n int) string {
		return strings.Repeat(`{"reduce":[[],`, n) + `1` + strings.Repeat(`,1]}`, n)
	}
	for _, tt := range []struct {
		logic   string
		problem Problem
		path    string
	}{
		{``, NotJSON, ""},
		{`{`, NotJSON, ""},
		{`true false`, NotJSON, ""},
		{`{"var":"x"} `, 0, ""},
		{"\"\xff\"", NotJSON, ""},
		{strings.Repeat(" ", MaxLogic) + "1", TooLarge, ""},
		{"[" + strings.Repeat("1,", MaxExpressions-1) + "1]", TooLarge, fmt.Sprint("/", MaxExpressions-1)},
		{"[" + strings.Repeat("1,", MaxExpressions-2) + "1]", 0, ""},
		{deep(MaxDepth), TooDeep, strings.Repeat("/!/0", MaxDepth)},
		{deep(MaxDepth - 1), 0, ""},
		{strings.Repeat("[", 60000), NotJSON, ""},
		{strings.Repeat("[", 30000) + strings.Repeat("]", 30000), NotJSON, ""}, // the JSON library's own limit comes first
		{lambdas(MaxLambdas), 0, ""},
		{lambdas(MaxLambdas + 1), TooDeep, strings.Repeat("/reduce/1", MaxLambdas) + "/reduce"},
		{`null`, NotExpression, ""},
		{`{"if":[true,null,1]}`, NotExpression, "/if/1"},
		{`{}`, NotExpression, ""},
		{`[1,{}]`, NotExpression, "/1"},
		{`{"var":"x","if":[1,2,3]}`, NotExpression, ""},
		{`{"var":"x","var":"y"}`, NotExpression, ""},
		{`{"and":[{"!":[1],"!":[1]},1]}`, NotExpression, "/and/0"},
		{`3.14`, NotWhole, ""},
		{`1e400`, NotWhole, ""},
		{`9007199254740992`, NotWhole, ""},
		{`-9007199254740992`, NotWhole, ""},
		{`99999999999999999999`, NotWhole, ""},
		{`9007199254740991`, 0, ""},
		{`1e2`, 0, ""},
		{`2.0`, 0, ""},
		{`-0`, 0, ""},
		{`{"or":[true,true]}`, UnknownOperator, "/or"},
		{`{"and":[1,{"in":["a",{"a/b~c":[1]}]}]}`, UnknownOperator, "/and/1/in/1/a~1b~0c"},
		{`{"If":[1,1,1]}`, UnknownOperator, "/If"},
		{`{"":[1]}`, UnknownOperator, "/"},
		{`{"!":true}`, WrongArity, "/!"},
		{`{"!":{"var":"x"}}`, WrongArity, "/!"},
		{`{"!":[]}`, WrongArity, "/!"},
		{`{"!":[1,2]}`, WrongArity, "/!"},
		{`{"if":[1,2]}`, WrongArity, "/if"},
		{`{"if":[1,2,3,4]}`, WrongArity, "/if"},
		{`{"and":[1]}`, WrongArity, "/and"},
		{`{"===":[1]}`, WrongArity, "/==="},
		{`{"===":[1,2,3]}`, WrongArity, "/==="},
		{`{"+":[1,2,3]}`, WrongArity, "/+"},
		{`{"<":[1]}`, WrongArity, "/<"},
		{`{"<":[1,2,3,4]}`, WrongArity, "/<"},
		{`{"not-after":[1]}`, WrongArity, "/not-after"},
		{`{"reduce":[[],1]}`, WrongArity, "/reduce"},
		{`{"plusTime":["2021"]}`, WrongArity, "/plusTime"},
		{`{"dccDateOfBirth":["2021",1]}`, WrongArity, "/dccDateOfBirth"},
		{`{"extractFromUVCI":["x"]}`, WrongArity, "/extractFromUVCI"},
		{`{"plusTime":["2021",{"var":"x"},"day"]}`, NotLiteral, "/plusTime/1"},
		{`{"plusTime":["2021","1","day"]}`, NotLiteral, "/plusTime/1"},
		{`{"plusTime":["2021",1,"days"]}`, NotLiteral, "/plusTime/2"},
		{`{"plusTime":["2021",1,{"var":"x"}]}`, NotLiteral, "/plusTime/2"},
		{`{"extractFromUVCI":["x",{"+":[1,1]}]}`, NotLiteral, "/extractFromUVCI/1"},
		{`{"var":1}`, BadPath, "/var"},
		{`{"var":["x"]}`, BadPath, "/var"},
		{`{"var":null}`, BadPath, "/var"},
		{`{"var":{"var":"x"}}`, BadPath, "/var"},
		{`{"var":"."}`, BadPath, "/var"},
		{`{"var":".x"}`, BadPath, "/var"},
		{`{"var":"x."}`, BadPath, "/var"},
		{`{"!":[{"var":"a..b"}]}`, BadPath, "/!/0/var"},
		{`{"var":""}`, 0, ""},
		{`{"var":"a` + strings.Repeat(".a", MaxFragments-1) + `"}`, 0, ""},
		{`{"var":"a` + strings.Repeat(".a", MaxFragments) + `"}`, TooDeep, "/var"},
	} {
		name := fmt.Sprintf("%.60s (%d bytes)", tt.logic, len(tt.logic))
		_, err := Compile([]byte(tt.logic))
		if tt.problem == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		var got *Error
		if !errors.As(err, &got) || got.Problem != tt.problem || got.Path != tt.path {
			t.Errorf("%s: %v, want %v at %s", name, err, tt.problem, tt.path)
			continue
		}
		if len(got.Detail) > 120 {
			t.Errorf("%s: %d bytes of detail", name, len(got.Detail))
		}
	}
}

// A rule that does not compile leaves no trace in the set, and a set that is full says so and stays usable.
func TestCompiler(t *testing.T) {
	var c Compiler
	if _, err := c.Add([]byte(`{"and":[{"var":"payload.x"},{"nonsense":[]}]}`)); err == nil {
		t.Fatal("accepted")
	}
	good, err := c.Add([]byte(`{"===":[{"var":"payload.x"},1]}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; err == nil && i < 2*MaxNodes; i++ {
		_, err = c.Add(fmt.Appendf(nil, `{"===":[{"var":"payload.x"},%d]}`, i))
	}
	var full *Error
	if !errors.As(err, &full) || full.Problem != SetFull {
		t.Fatalf("%v, want SetFull", err)
	}
	set := c.Set()
	m := NewMachine()
	m.Load(set, &Data{Payload: encodeCBOR(t, map[string]any{"x": 1})})
	if got := m.Run(good); got != Passed {
		t.Errorf("the first rule: %v (%v)", got, m.Fault())
	}
	if next, err := c.Add([]byte(`true`)); err != nil || next.set == set {
		t.Errorf("after Set: %v, same set %v", err, next.set == set)
	}
	if set := new(Compiler).Set(); set == nil {
		t.Error("no set of nothing")
	} else {
		m.Load(set, &Data{Payload: encodeCBOR(t, 1)})
	}
}

// Every way to fill a set is bounded.
func TestSetFull(t *testing.T) {
	for _, pattern := range []string{
		`{"plusTime":["2021",%d,"day"]}`, `{"var":"payload.x%d"}`, `{"var":"payload.%d"}`, `{"var":"external.x%d"}`, `[%d]`, `"%d"`, `{"!":[%d]}`,
	} {
		var c Compiler
		var err error
		n := 0
		for ; err == nil && n < 2*MaxNodes; n++ {
			_, err = c.Add(fmt.Appendf(nil, pattern, n))
		}
		var full *Error
		if !errors.As(err, &full) || full.Problem != SetFull {
			t.Errorf("%s: %v after %d", pattern, err, n)
		}
	}
}

func TestReads(t *testing.T) {
	p := compile(t, []byte(`{"and":[{"var":"payload.v.0.dt"},{"var":"external.validationClock"},{"var":"payload.v.0.dt"},
		{"reduce":[{"var":"payload.v"},{"var":"current.x"},{"var":""}]}]}`))
	want := []string{"", "external.validationClock", "payload.v", "payload.v.0.dt"}
	if got := p.Reads(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Compiling hostile JSON costs a small multiple of its size, whatever it is.
func TestCompileMemory(t *testing.T) {
	if raceEnabled {
		t.Skip("SKIPPED: the race detector counts its own memory; run without -race")
	}
	fill := func(open, item string, end string) []byte {
		n := (MaxLogic - len(open) - len(end)) / len(item)
		return []byte(open + strings.Repeat(item, n) + end)
	}
	for _, logic := range [][]byte{
		fill("[", "1,", "1]"), fill("[", "[],", "1]"), fill("[", `"a",`, "1]"), fill(`"`, "a", `"`), fill(`"`, `\u00e9`, `"`), fill(`{"var":"`, "a.", `a"}`),
		fill(`{"and":[`, `{"var":"a"},`, `1]}`), fill("[", `{"!":[1]},`, "1]"), fill(`{"`, "a", `":[1]}`), fill("", "[", ""), fill("1", "0", ""),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _ = Compile(logic)
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 100*MaxLogic {
			t.Errorf("%.20s...: %d bytes allocated in all, of %d", logic, used, len(logic))
		}
	}
}
