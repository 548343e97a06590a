package certlogic

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// exampleData is what the rules of these tests read.
func exampleData(t testing.TB) *Data {
	return &Data{
		Payload: encodeCBOR(t, map[string]any{
			"n": 1, "m": 2, "half": 0.5, "whole": 2.0, "s": "text", "empty": "", "no": false, "yes": true, "null": nil,
			"list": []any{1, "a", nil, 0.5, []any{}, map[string]any{"k": "v"}}, "none": []any{}, "o": map[string]any{"0": 1, "k": "v"}, "void": map[string]any{},
			"date": "2021-06-01", "bad": "2021-02-30", "bytes": []byte{1}, "big": uint64(1 << 63), "spaces": "  a b\n", "numbers": []any{1, 2, 3}, "max": int64(1<<63 - 1),
			"texts": []any{"a", " b "},
		}),
		Clock:       time.Date(2021, 6, 1, 14, 0, 0, 0, time.FixedZone("", 2*3600)),
		CountryCode: []byte("NL"), IssuerCountryCode: []byte("fr"), Exp: []byte("2022-06-01"), IAT: []byte("2021-06-01"), KID: []byte("a2lk"), Region: []byte("NH"),
		ValueSets: NewValueSets(map[string][]string{"small": {"b", "a"}, "large": {"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"}, "empty": {}}),
	}
}

// What every operator makes of operands of every kind; p. stands for payload.
func TestOperators(t *testing.T) {
	m := NewMachine()
	d := exampleData(t)
	for _, tt := range []struct {
		logic string
		want  string // JSON, or a fault
	}{
		// var
		{`{"var":"p.n"}`, `1`},
		{`{"var":"p.half"}`, `0.5`},
		{`{"var":"p.whole"}`, `2`},
		{`{"var":"p.spaces"}`, `"a b"`},
		{`{"var":"p.list.1"}`, `"a"`},
		{`{"var":"p.list.001"}`, `"a"`},
		{`{"var":"p.list.5.k"}`, `"v"`},
		{`{"var":"p.list.6"}`, `null`},
		{`{"var":"p.list.-1"}`, `null`},
		{`{"var":"p.list.4294967297"}`, `null`},
		{`{"var":"p.list.99999999999999999999"}`, `null`},
		{`{"var":"p.list.1x"}`, `null`},
		{`{"var":"p.list.k"}`, `null`},
		{`{"var":"p.list.length"}`, `null`},
		{`{"var":"p.s.0"}`, `null`},
		{`{"var":"p.s.length"}`, `null`},
		{`{"var":"p.o.k"}`, `"v"`},
		{`{"var":"p.o.0"}`, `null`},
		{`{"var":"p.o.k.x.y"}`, `null`},
		{`{"var":"nothing"}`, `null`},
		{`{"var":"p.texts"}`, `["a","b"]`},
		{`[{"var":"p.bytes"},{"var":"p.big"},{"var":"p.none"},{"var":"p.void"}]`, `[null,null,[],{}]`},
		// external
		{`{"var":"external.validationClock"}`, `"2021-06-01T12:00:00.000Z"`},
		{`[{"var":"external.countryCode"},{"var":"external.issuerCountryCode"},{"var":"external.exp"},{"var":"external.iat"},{"var":"external.kid"},{"var":"external.region"}]`, `["NL","fr","2022-06-01","2021-06-01","a2lk","NH"]`},
		{`{"var":"external.unknown"}`, `null`},
		{`{"var":"external.kid.x"}`, `null`},
		{`{"var":"external.valueSets.small"}`, `["b","a"]`},
		{`{"var":"external.valueSets.small.1"}`, `"a"`},
		{`{"var":"external.valueSets.small.2"}`, `null`},
		{`{"var":"external.valueSets.missing"}`, `null`},
		{`{"var":"external.valueSets"}`, `{"empty":[],"large":["0","1","2","3","4","5","6","7","8","9"],"small":["b","a"]}`},
		{`{"!":[{"var":"external"}]}`, `false`},
		{`{"!":[{"var":""}]}`, `false`},
		{`{"!":[{"var":"external.valueSets.empty"}]}`, `true`},
		// if, and, !
		{`{"if":[{"var":"p.none"},1,2]}`, `2`},
		{`{"if":[{"var":"p.void"},1,2]}`, `2`},
		{`{"if":[{"var":"p.o"},1,2]}`, `1`},
		{`{"if":[{"var":"p.list"},1,{"+":["a",1]}]}`, `1`},
		{`{"if":[{"var":"p.half"},1,2]}`, NoTruth.String()},
		{`{"if":[{"var":"p.bytes"},1,2]}`, NoTruth.String()},
		{`{"if":[{"var":"p.big"},1,2]}`, NoTruth.String()},
		{`{"if":[{"plusTime":["2021",0,"day"]},1,2]}`, NoTruth.String()},
		{`{"if":[{"+":["a",1]},1,2]}`, NotInteger.String()},
		{`{"and":[1,"a",{"var":"p.yes"}]}`, `true`},
		{`{"and":[1,{"var":"p.empty"},{"+":["a",1]}]}`, `""`},
		{`{"and":[1,{"var":"p.none"}]}`, `[]`},
		{`{"and":[1,{"var":"p.null"}]}`, `null`},
		{`{"and":[1,{"plusTime":["2021",0,"day"]}]}`, NoTruth.String()},
		{`{"and":[{"+":["a",1]},false]}`, NotInteger.String()},
		{`{"!":[{"var":"p.half"}]}`, NoTruth.String()},
		{`{"!":[{"var":"p.no"}]}`, `true`},
		// ===
		{`{"===":[{"var":"p.null"},{"var":"p.missing"}]}`, `true`},
		{`{"===":[{"var":"p.n"},true]}`, `false`},
		{`{"===":[{"var":"p.n"},"1"]}`, `false`},
		{`{"===":[{"var":"p.whole"},2]}`, `true`},
		{`{"===":[{"var":"p.half"},{"var":"p.list.3"}]}`, `true`},
		{`{"===":[{"var":"p.no"},false]}`, `true`},
		{`{"===":[{"var":"p.none"},false]}`, `false`},
		{`{"===":[{"var":"p.none"},[]]}`, NotComparable.String()},
		{`{"===":[{"var":"p.o"},{"var":"p.o"}]}`, NotComparable.String()},
		{`{"===":[{"plusTime":["2021",0,"day"]},{"plusTime":["2021",0,"day"]}]}`, NotComparable.String()},
		{`{"===":[{"var":"p.bytes"},{"var":"p.bytes"}]}`, NotComparable.String()},
		{`{"===":[1,{"+":["a",1]}]}`, NotInteger.String()},
		// in
		{`{"in":[{"var":"p.half"},{"var":"p.list"}]}`, `true`},
		{`{"in":[{"var":"p.null"},{"var":"p.list"}]}`, `true`},
		{`{"in":["1",{"var":"p.list"}]}`, `false`},
		{`{"in":["b",{"var":"p.texts"}]}`, `true`},
		{`{"in":["b",{"var":"external.valueSets.small"}]}`, `true`},
		{`{"in":["c",{"var":"external.valueSets.small"}]}`, `false`},
		{`{"in":["9",{"var":"external.valueSets.large"}]}`, `true`},
		{`{"in":["10",{"var":"external.valueSets.large"}]}`, `false`},
		{`{"in":[9,{"var":"external.valueSets.large"}]}`, `false`},
		{`{"in":[10,["0","1","2","3","4","5","6","7","8","9",10]]}`, `true`},
		{`{"in":["x",{"var":"external.valueSets.empty"}]}`, `false`},
		{`{"in":["x",{"var":"external.valueSets.missing"}]}`, NotArray.String()},
		{`{"in":["x",{"var":"p.s"}]}`, NotArray.String()},
		{`{"in":["x",{"var":"p.o"}]}`, NotArray.String()},
		{`{"in":[[],[[]]]}`, NotComparable.String()},
		{`{"in":[1,[{"var":"p.m"},{"var":"p.n"}]]}`, `true`},
		// +, comparisons
		{`{"+":[{"var":"p.whole"},-3]}`, `-1`},
		{`{"+":[{"var":"p.half"},1]}`, NotInteger.String()},
		{`{"+":[{"var":"p.null"},1]}`, NotInteger.String()},
		{`{"+":[{"var":"p.max"},0]}`, `9223372036854775807`},
		{`{"+":[{"var":"p.max"},1]}`, OutOfRange.String()},
		{`{"+":[1,{"var":"p.max"}]}`, OutOfRange.String()},
		{`{"<":[1,2,3]}`, `true`},
		{`{"<":[1,2,2]}`, `false`},
		{`{">":[3,2,1]}`, `true`},
		{`{">":[1,2,1]}`, `false`},
		{`{">=":[2,2,2]}`, `true`},
		{`{"<=":[2,1]}`, `false`},
		{`{"<":[2,1,"a"]}`, NotInteger.String()},
		{`{"<":["1","2"]}`, NotInteger.String()},
		{`{"<":[{"var":"p.half"},1]}`, NotInteger.String()},
		{`{"<":[{"plusTime":["2021",0,"day"]},{"plusTime":["2022",0,"day"]}]}`, NotInteger.String()},
		{`{"before":[{"plusTime":["2021",0,"day"]},{"plusTime":["2022",0,"day"]}]}`, `true`},
		{`{"after":[{"plusTime":["2021",0,"day"]},{"plusTime":["2022",0,"day"]}]}`, `false`},
		{`{"not-after":[{"plusTime":["2021",0,"day"]},{"plusTime":["2021",0,"day"]},{"plusTime":["2022",0,"day"]}]}`, `true`},
		{`{"not-before":[{"plusTime":["2021",0,"day"]},{"plusTime":["2021",0,"day"]},{"plusTime":["2022",0,"day"]}]}`, `false`},
		{`{"before":[{"plusTime":["2021",0,"day"]},"2022"]}`, NotDateTime.String()},
		{`{"before":[1,2]}`, NotDateTime.String()},
		// dates
		{`{"plusTime":[{"var":"p.date"},1,"day"]}`, `"2021-06-02T00:00:00.000Z"`},
		{`{"plusTime":[{"var":"external.validationClock"},-1,"hour"]}`, `"2021-06-01T11:00:00.000Z"`},
		{`{"var":"external.validationClockAtStartOfDay"}`, `"2021-06-01T00:00:00.000Z"`},
		{`{"plusTime":[{"var":"external.validationClockAtStartOfDay"},1,"hour"]}`, `"2021-06-01T01:00:00.000Z"`},
		{`{"plusTime":[{"var":"p.bad"},1,"day"]}`, BadDateTime.String()},
		{`{"plusTime":[{"var":"p.empty"},1,"day"]}`, BadDateTime.String()},
		{`{"plusTime":[{"var":"p.null"},1,"day"]}`, NotText.String()},
		{`{"plusTime":[{"var":"p.n"},1,"day"]}`, NotText.String()},
		{`{"plusTime":[{"plusTime":["2021",0,"day"]},1,"day"]}`, NotText.String()},
		{`{"plusTime":[{"var":"p.date"},999999999,"day"]}`, OutOfRange.String()},
		{`[{"plusTime":[{"var":"p.bad"},1,"day"]},{"plusTime":[{"var":"p.bad"},1,"day"]}]`, BadDateTime.String()},
		{`{"dccDateOfBirth":["1990"]}`, `"1990-12-31T00:00:00.000Z"`},
		{`{"dccDateOfBirth":["1990-02"]}`, `"1990-02-28T00:00:00.000Z"`},
		{`{"dccDateOfBirth":[{"var":"p.date"}]}`, `"2021-06-01T00:00:00.000Z"`},
		{`{"dccDateOfBirth":["2021-06-01T00:00:00"]}`, BadDateTime.String()},
		{`{"dccDateOfBirth":[""]}`, BadDateTime.String()},
		{`{"dccDateOfBirth":[{"var":"p.null"}]}`, NotText.String()},
		// extractFromUVCI
		{`{"extractFromUVCI":["URN:UVCI:01:NL:x",1]}`, `"NL"`},
		{`{"extractFromUVCI":[{"var":"p.null"},1]}`, `null`},
		{`{"extractFromUVCI":["x",1]}`, `null`},
		{`{"extractFromUVCI":["x",-1]}`, `null`},
		{`{"extractFromUVCI":[1,0]}`, NotText.String()},
		// reduce
		{`{"reduce":[{"var":"p.numbers"},{"+":[{"var":"accumulator"},{"var":"current"}]},10]}`, `16`},
		{`{"reduce":[{"var":"p.null"},{"+":[{"var":"accumulator"},{"var":"current"}]},10]}`, `10`},
		{`{"reduce":[[],{"+":["a",1]},{"var":"p.s"}]}`, `"text"`},
		{`{"reduce":[{"var":"p.s"},1,2]}`, NotArray.String()},
		{`{"reduce":[{"var":"p.list"},[{"var":"accumulator"},{"var":"current"}],0]}`, `[[[[[[0,1],"a"],null],0.5],[]],{"k":"v"}]`},
		{`{"reduce":[{"var":"p.numbers"},{"var":""},0]}`, `{"accumulator":{"accumulator":{"accumulator":0,"current":1},"current":2},"current":3}`},
		{`{"reduce":[{"var":"p.numbers"},{"if":[{"var":"accumulator"},{"var":"accumulator.accumulator.current"},{"var":""}]},0]}`, `{"accumulator":null,"current":3}`},
		{`{"reduce":[{"var":"p.numbers"},{"var":"payload.n"},0]}`, `null`},
		{`{"reduce":[{"var":"p.numbers"},{"var":"external"},0]}`, `null`},
		{`{"reduce":[{"var":"p.numbers"},{"var":"current.x"},0]}`, `null`},
		{`{"reduce":[{"var":"p.list"},{"var":"current.k"},0]}`, `"v"`},
		{`{"reduce":[[{"var":"p.o"}],{"var":"current.0"},0]}`, `null`},
		{`{"reduce":[{"var":"external.valueSets.small"},[{"var":"current"},{"var":"accumulator.0"}],0]}`, `["a","b"]`},
		{`{"reduce":[[[1,2],[3]],{"+":[{"var":"accumulator"},{"reduce":[{"var":"current"},{"+":[{"var":"accumulator"},{"var":"current"}]},0]}]},0]}`, `6`},
		{`{"reduce":[[1,2],{"===":[{"var":"current"},{"reduce":[[7,8],{"var":"current"},0]}]},0]}`, `false`},
		{`{"reduce":[[1,2],[{"var":"current"},{"reduce":[[7,{"var":"current"}],{"var":"current"},0]}],0]}`, `[2,2]`},
		{`{"reduce":[[{"reduce":[[1],{"var":"current"},0]}],{"var":"current"},{"reduce":[[5],{"var":"current"},0]}]}`, `1`},
		{`{"reduce":[{"var":"p.numbers"},{"+":["a",1]},0]}`, NotInteger.String()},
	} {
		logic := strings.ReplaceAll(tt.logic, `"p.`, `"payload.`)
		v, fault := m.Value(compile(t, []byte(logic)), d)
		got := fault.String()
		if fault == NoFault {
			got = string(m.AppendJSON(nil, v))
		}
		if got != tt.want {
			t.Errorf("%s: %s, want %s", logic, got, tt.want)
		}
	}
}

// Only true passes, only false fails.
func TestOutcome(t *testing.T) {
	m := NewMachine()
	d := exampleData(t)
	for _, tt := range []struct {
		logic string
		want  Outcome
		fault Fault
	}{
		{`true`, Passed, NoFault},
		{`false`, Failed, NoFault},
		{`1`, Open, NotBoolean},
		{`0`, Open, NotBoolean},
		{`"true"`, Open, NotBoolean},
		{`[true]`, Open, NotBoolean},
		{`{"var":"payload.null"}`, Open, NotBoolean},
		{`{"var":"payload.yes"}`, Passed, NoFault},
		{`{"plusTime":["2021",0,"day"]}`, Open, NotBoolean},
		{`{"+":["a",1]}`, Open, NotInteger},
	} {
		got := m.Eval(compile(t, []byte(tt.logic)), d)
		if got != tt.want || m.Fault() != tt.fault {
			t.Errorf("%s: %v (%v), want %v (%v)", tt.logic, got, m.Fault(), tt.want, tt.fault)
		}
	}
	var zero Outcome
	if zero != Open {
		t.Error("the zero outcome is not open")
	}
	for o, want := range []string{"open", "failed", "passed", "open"} {
		if Outcome(o).String() != want {
			t.Errorf("%d: %v", o, Outcome(o))
		}
	}
	seen := map[string]bool{}
	for f := range numFaults {
		if s := f.String(); s == "" || seen[s] {
			t.Errorf("fault %d: %q", f, s)
		}
		seen[f.String()] = true
	}
	seen = map[string]bool{}
	for p := NotJSON; p <= SetFull; p++ {
		if s := p.String(); seen[s] || s == Problem(0).String() {
			t.Errorf("problem %d: %q", p, s)
		}
		seen[p.String()] = true
	}
}

// Without external parameters everything about them is null.
func TestNothingExternal(t *testing.T) {
	m := NewMachine()
	d := &Data{Payload: encodeCBOR(t, map[string]any{})}
	for _, name := range append(externalNames[:], switzerlandDay) {
		p := compile(t, fmt.Appendf(nil, `{"===":[{"var":"external.%s"},{"var":"payload.nothing"}]}`, name))
		if got := m.Eval(p, d); got != Passed {
			t.Errorf("%s: %v (%v)", name, got, m.Fault())
		}
	}
	for _, clock := range []time.Time{time.Date(-1, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		d.Clock = clock
		if got := m.Eval(compile(t, []byte(`{"!":[{"var":"external.validationClock"}]}`)), d); got != Passed {
			t.Errorf("%v: %v (%v)", clock, got, m.Fault())
		}
	}
	if got := m.Eval(compile(t, []byte(`{"in":["a",{"var":"external.valueSets.x"}]}`)), d); got != Open || m.Fault() != NotArray {
		t.Errorf("in no value set: %v (%v)", got, m.Fault())
	}
}
