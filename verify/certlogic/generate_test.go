package certlogic

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// generator makes rules and data that go together: mostly well typed, so that evaluation gets somewhere, and now and
// then not.
type generator struct {
	*rand.Rand
	spaces bool // texts of the payload may have white space around them
}

func newGenerator(seed uint64) *generator { return &generator{Rand: rand.New(rand.NewPCG(seed, 0))} }

func pick[T any](g *generator, from ...T) T { return from[g.IntN(len(from))] }

// kind of expression that is wanted.
type wanted int

const (
	aBoolean wanted = iota
	anInteger
	aText
	aDate // as text
	anInstant
	anArray
	anything
)

// logic makes a rule.
func (g *generator) logic() any { return g.expression(aBoolean, 5, 0) }

// expression makes an expression of that kind, so deep at most, in so many lambdas.
func (g *generator) expression(want wanted, depth, lambdas int) any {
	if want == anything || g.IntN(40) == 0 {
		want = wanted(g.IntN(int(anything)))
	}
	if depth <= 0 {
		return g.leaf(want, lambdas)
	}
	sub := func(want wanted) any { return g.expression(want, depth-1, lambdas) }
	op := func(name string, operands ...any) any { return map[string]any{name: operands} }
	switch g.IntN(12) {
	case 0:
		return op("if", sub(anything), sub(want), sub(want))
	case 1:
		return op("and", sub(anything), sub(want))
	case 2:
		lambda := g.expression(want, depth-2, lambdas+1)
		if lambdas >= 3 {
			break
		}
		return op("reduce", sub(anArray), lambda, sub(want))
	case 3:
		return g.leaf(want, lambdas)
	}
	switch want {
	case aBoolean:
		return g.condition(sub, op)
	case anInteger:
		if g.IntN(2) == 0 {
			return op("+", sub(anInteger), sub(anInteger))
		}
	case aText:
		if g.IntN(2) == 0 {
			return op("extractFromUVCI", sub(aText), g.IntN(6)-1)
		}
	case anInstant:
		if g.IntN(5) == 0 {
			return op("dccDateOfBirth", sub(aDate))
		}
		return op("plusTime", sub(aDate), g.amount(), pick(g, "year", "month", "day", "hour"))
	case anArray:
		list := []any{}
		for range g.IntN(5) {
			list = append(list, sub(anything))
		}
		return list
	}
	return g.leaf(want, lambdas)
}

func (g *generator) condition(sub func(wanted) any, op func(string, ...any) any) any {
	chain := func(name string, want wanted) any {
		if g.IntN(4) == 0 {
			return op(name, sub(want), sub(want), sub(want))
		}
		return op(name, sub(want), sub(want))
	}
	switch g.IntN(7) {
	case 0:
		return op("===", sub(aText), sub(aText))
	case 1:
		want := pick(g, anInteger, anything)
		return op("===", sub(want), sub(want))
	case 2:
		return op("in", sub(anything), sub(anArray))
	case 3:
		return op("!", sub(anything))
	case 4:
		return chain(pick(g, "<", ">", "<=", ">="), anInteger)
	case 5:
		return op("and", sub(aBoolean), sub(aBoolean), sub(aBoolean))
	}
	return chain(pick(g, "after", "before", "not-after", "not-before"), anInstant)
}

func (g *generator) amount() int {
	if g.IntN(30) == 0 {
		return g.IntN(40_000) - 20_000
	}
	return g.IntN(800) - 400
}

func (g *generator) leaf(want wanted, lambdas int) any {
	if lambdas > 0 && g.IntN(2) == 0 {
		return map[string]any{"var": pick(g, "accumulator", "current", "current", "current.0", "current.tg", "accumulator.0", "payload", "")}
	}
	literal := g.IntN(2) == 0
	variable := func(paths ...string) any { return map[string]any{"var": pick(g, paths...)} }
	switch want {
	case aBoolean:
		if literal {
			return g.IntN(2) == 0
		}
		return variable("payload.v", "payload.v.0", "payload.t.0", "payload.r.0", "payload.v.1", "payload.x", "payload", "external", "", "external.valueSets")
	case anInteger:
		if literal {
			return g.IntN(5) - 1
		}
		return variable("payload.v.0.dn", "payload.v.0.sd", "payload.v.1.dn")
	case aText:
		if literal {
			return pick(g, "", "840539006", "EU/1/20/1528", "a", "URN:UVCI:01:NL:187/37512422923", "LP6464-4")
		}
		return variable("payload.v.0.tg", "payload.v.0.mp", "payload.v.0.ci", "payload.t.0.tt", "payload.t.00.tt", "payload.r.0.tg",
			"external.countryCode", "external.kid", "payload.nam.fn", "external.nothing", "external.valueSets.codes.1", "external.kid.x")
	case aDate:
		if literal {
			return g.date()
		}
		return variable("payload.v.0.dt", "payload.t.0.sc", "payload.r.0.fr", "payload.r.0.du", "payload.dob", "external.validationClock", "external.validationClock")
	case anArray:
		if literal {
			return pick(g, []any{}, []any{"840539006", "EU/1/20/1528"}, []any{1, 2, 3}, []any{[]any{1}, "a", true},
				[]any{"1", "2", "3", "4", "5", "6", "7", "8", "840539006", 9})
		}
		return variable("payload.v", "payload.t", "payload.r", "external.valueSets.codes", "external.valueSets.none", "payload.list", "payload.v.0.list")
	}
	return g.leaf(wanted(g.IntN(int(anything))), lambdas)
}

// date makes a date or date-time, at times not quite.
func (g *generator) date() string {
	year, month, day := 2018+g.IntN(8), 1+g.IntN(12), 1+g.IntN(31)
	switch g.IntN(12) {
	case 0:
		return fmt.Sprintf("%04d", year)
	case 1:
		return fmt.Sprintf("%04d-%02d", year, month)
	case 2:
		return pick(g, "", "2021-13-01", "2021-00-10", "2021-1-1", "x", "2021-06-01T25:00:00Z", "20210601", "2021-06-01 10:00:00", "2021-06-01T10:00Z",
			"2021-06-01T10:00:00+1:2", "2021-06-01T10:00:00.Z", "2021-06-01T10:00:00z", "0000-01-01", "9999-12-31")
	case 3, 4, 5, 6:
		if day > 28 && g.IntN(20) > 0 {
			day = 28 // most dates should exist
		}
		return fmt.Sprintf("%04d-%02d-%02d", year, month, day)
	}
	if day > 28 && g.IntN(20) > 0 {
		day = 28
	}
	fraction := pick(g, "", "", ".1", ".123", ".123456", ".9999")
	offset := pick(g, "Z", "", "+00:00", "+02:00", "-0930", "+2", "-11", "+130", "+5:30", "+14:00")
	return fmt.Sprintf("%04d-%02d-%02dT%02d:%02d:%02d%s%s", year, month, day, g.IntN(24), g.IntN(60), g.IntN(60), fraction, offset)
}

// data makes data that is like a pass, more or less.
func (g *generator) data() map[string]any {
	payload := map[string]any{"ver": "1.3.0", "nam": map[string]any{"fn": g.text("Mustermann")}, "dob": g.date()}
	for _, group := range []string{"v", "t", "r"} {
		switch g.IntN(8) {
		case 0:
			payload[group] = nil
		case 1:
			payload[group] = []any{}
		case 2, 3, 4:
			list := []any{}
			for range 1 + g.IntN(2) {
				list = append(list, g.entry())
			}
			payload[group] = list
		}
	}
	if g.IntN(3) == 0 {
		payload["list"] = pick(g, []any{1, 2, 3}, []any{"a", "b", nil}, []any{true, false, 1.5}, []any{})
	}
	if g.IntN(50) == 0 {
		payload["v"] = pick(g, any("v"), any(1), any(map[string]any{"0": map[string]any{"dn": 1}}))
	}
	external := map[string]any{
		"validationClock": fmt.Sprintf("2021-%02d-%02dT%02d:00:00%s", 1+g.IntN(12), 1+g.IntN(28), g.IntN(24), pick(g, "Z", "+00:00", "+02:00")),
		"valueSets":       map[string]any{"codes": []any{"840539006", "EU/1/20/1528", "EU/1/20/1507", "LP6464-4", "NL", "a", "b", "c", "d"}},
	}
	if g.IntN(4) > 0 {
		external["countryCode"] = "NL"
		external["kid"] = "2Rk3X8HntrI="
	}
	return map[string]any{"payload": payload, "external": external}
}

func (g *generator) entry() map[string]any {
	e := map[string]any{
		"tg": g.text("840539006"), "co": "NL", "ci": g.text(pick(g, "URN:UVCI:01:NL:187/37512422923", "URN:UVCI:01DE/A51018097/X#U", "01:AT:1#B", "")),
		"mp": g.text(pick(g, "EU/1/20/1528", "EU/1/20/1507", "Sputnik-V")), "dn": pick[any](g, 1, 2, 3, 1.5, "2"), "sd": pick[any](g, 1, 2, 2.0),
		"dt": g.date(), "sc": g.date(), "fr": g.date(), "du": g.date(), "tt": pick(g, "LP6464-4", "LP217198-3"),
	}
	for name := range e {
		if g.IntN(12) == 0 {
			if g.IntN(2) == 0 {
				delete(e, name)
			} else {
				e[name] = nil
			}
		}
	}
	if g.IntN(10) == 0 {
		e["list"] = []any{e["dn"], map[string]any{"tg": 1}, []any{2}}
	}
	return e
}

func (g *generator) text(s string) string {
	if g.spaces && g.IntN(6) == 0 {
		return pick(g, " ", "\t", "", "\u00a0") + s + pick(g, " ", "  ", "", "\n")
	}
	return s
}

// trimmed takes the white space off the texts of a payload.
func trimmed(v any) any {
	switch v := v.(type) {
	case string:
		return strings.TrimSpace(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = trimmed(v[i])
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for k := range v {
			object[k] = trimmed(v[k])
		}
		return object
	}
	return v
}
