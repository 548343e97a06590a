package certlogic

import (
	"encoding/json"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// The reference evaluates a rule as a tree of decoded JSON, in the most direct way that the specification can be
// written down. It shares nothing with the compiled evaluation.

// refOddIndexes counts how often an index was used on a text or an object, which certlogic-js takes for one of a
// character or for a name.
var refOddIndexes int

// instantValue is a date-time of the reference.
type instantValue struct{ t time.Time }

// refError is a rule that cannot be evaluated.
type refError string

// refFault is what referenceJSON gives then.
const refFault = "fault"

// referenceJSON evaluates to JSON.
func referenceJSON(logic, data any) (result string) {
	defer func() {
		if err := recover(); err != nil {
			if _, ok := err.(refError); !ok {
				panic(err)
			}
			result = refFault
		}
	}()
	return toJSON(reference(logic, data))
}

func toJSON(v any) string {
	b, err := json.Marshal(plain(v))
	if err != nil {
		return "not JSON: " + err.Error()
	}
	return string(b)
}

func plain(v any) any {
	switch v := v.(type) {
	case instantValue:
		return v.t.Format("2006-01-02T15:04:05.000Z")
	case opaque:
		return nil
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil
		}
	case []any:
		list := []any{}
		for _, e := range v {
			list = append(list, plain(e))
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for k, e := range v {
			object[k] = plain(e)
		}
		return object
	}
	return v
}

func reference(e, data any) any {
	switch e := e.(type) {
	case bool, int64, string:
		return e
	case []any:
		list := []any{}
		for _, item := range e {
			list = append(list, reference(item, data))
		}
		return list
	case map[string]any:
		for op, operands := range e {
			if op == "var" {
				return refVar(operands.(string), data)
			}
			return refOperation(op, operands.([]any), data)
		}
	}
	panic(refError("no expression"))
}

func refVar(path string, data any) any {
	if path == "" {
		return data
	}
	for name := range strings.SplitSeq(path, ".") {
		index, err := strconv.Atoi(name)
		isIndex := err == nil && name[0] != '-' && name[0] != '+'
		switch v := data.(type) {
		case []any:
			if !isIndex || index >= len(v) {
				return nil
			}
			data = v[index]
		case map[string]any:
			if isIndex {
				refOddIndexes++
				return nil
			}
			data = v[name]
		case string:
			if isIndex {
				refOddIndexes++
			}
			return nil
		default:
			return nil
		}
	}
	return data
}

func refOperation(op string, operands []any, data any) any {
	eval := func(i int) any { return reference(operands[i], data) }
	switch op {
	case "if":
		if refTruth(eval(0)) {
			return eval(1)
		}
		return eval(2)
	case "and":
		var v any
		for i := range operands {
			if v = eval(i); !refTruth(v) {
				return v
			}
		}
		return v
	case "!":
		return !refTruth(eval(0))
	case "===":
		a, b := eval(0), eval(1)
		return refEqual(a, b)
	case "in":
		v, list := eval(0), eval(1)
		array, ok := list.([]any)
		if !ok {
			panic(refError("in"))
		}
		refEqual(v, v) // must be comparable
		for _, e := range array {
			if refKind(v) == refKind(e) && refEqual(v, e) {
				return true
			}
		}
		return false
	case "+":
		a, b := refInt(eval(0)), refInt(eval(1))
		sum := a + b
		if (sum > a) != (b > 0) && b != 0 {
			panic(refError("overflow"))
		}
		return sum
	case "<", ">", "<=", ">=":
		var n []int64
		for i := range operands {
			n = append(n, refInt(eval(i)))
		}
		return refChain(n, op)
	case "before", "after", "not-after", "not-before":
		var n []int64
		for i := range operands {
			n = append(n, refInstant(eval(i)))
		}
		return refChain(n, map[string]string{"before": "<", "after": ">", "not-after": "<=", "not-before": ">="}[op])
	case "plusTime":
		return refPlusTime(refText(eval(0)), operands[1].(int64), operands[2].(string))
	case "dccDateOfBirth":
		text := refText(eval(0))
		if len(text) > 10 {
			panic(refError("date of birth"))
		}
		return instantValue{refParse(text)}
	case "extractFromUVCI":
		v := eval(0)
		if v == nil {
			return nil
		}
		fragments := regexp.MustCompile("[/#:]").Split(strings.TrimPrefix(refText(v), "URN:UVCI:"), -1)
		index := operands[1].(int64)
		if index < 0 || index >= int64(len(fragments)) {
			return nil
		}
		return fragments[index]
	case "reduce":
		array, accumulator := eval(0), eval(2)
		if array == nil {
			return accumulator
		}
		list, ok := array.([]any)
		if !ok {
			panic(refError("reduce"))
		}
		for _, current := range list {
			accumulator = reference(operands[1], map[string]any{"accumulator": accumulator, "current": current})
		}
		return accumulator
	}
	panic(refError("operator"))
}

func refInstant(v any) int64 {
	i, ok := v.(instantValue)
	if !ok {
		panic(refError("date-time"))
	}
	return i.t.UnixMilli()
}

func refChain(n []int64, op string) bool {
	for i := range n[1:] {
		a, b := n[i], n[i+1]
		if ok := map[string]bool{"<": a < b, ">": a > b, "<=": a <= b, ">=": a >= b}[op]; !ok {
			return false
		}
	}
	return true
}

func refInt(v any) int64 {
	n, ok := v.(int64)
	if !ok {
		panic(refError("integer"))
	}
	return n
}

func refText(v any) string {
	s, ok := v.(string)
	if !ok {
		panic(refError("text"))
	}
	return s
}

func refTruth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	panic(refError("truth"))
}

func refKind(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case int64:
		return "integer"
	case float64:
		return "number"
	case string:
		return "text"
	case []any:
		return "array"
	case map[string]any:
		return "object"
	case opaque:
		return "opaque"
	}
	return "instant"
}

func refEqual(a, b any) bool {
	if refKind(a) != refKind(b) {
		return false
	}
	switch refKind(a) {
	case "array", "object", "instant", "opaque":
		panic(refError("equality"))
	}
	return a == b
}

// refDateTime is the specification's own regular expression.
var (
	refDateTime = regexp.MustCompile(`^(\d{4}-\d{2}-\d{2})T(\d{2}:\d{2}:\d{2})(\.\d+?)?(Z|(([+-])(\d{1,2}):?(\d{2})?))?$`)
	refDate     = regexp.MustCompile(`^\d{4}(-\d{2}(-\d{2})?)?$`)
)

func refParse(text string) time.Time {
	parse := func(layout, s string) time.Time {
		t, err := time.Parse(layout, s)
		if err != nil {
			panic(refError("date"))
		}
		return t
	}
	if refDate.MatchString(text) {
		switch len(text) {
		case 4:
			return parse("2006-01-02", text+"-12-31")
		case 7:
			return parse("2006-01", text).AddDate(0, 1, -1)
		}
		return parse("2006-01-02", text)
	}
	part := refDateTime.FindStringSubmatch(text)
	if part == nil || strings.HasSuffix(text, ":") {
		panic(refError("date-time"))
	}
	t := parse("2006-01-02 15:04:05", part[1]+" "+part[2])
	if part[3] != "" {
		ms, _ := strconv.Atoi((part[3] + "000")[1:4])
		t = t.Add(time.Duration(ms) * time.Millisecond)
	}
	if part[6] != "" {
		h, _ := strconv.Atoi(part[7])
		min, _ := strconv.Atoi("0" + part[8])
		if h > 23 || min > 59 {
			panic(refError("offset"))
		}
		offset := time.Duration(h)*time.Hour + time.Duration(min)*time.Minute
		if part[6] == "+" {
			offset = -offset
		}
		t = t.Add(offset)
	}
	return t
}

func refPlusTime(text string, amount int64, unit string) instantValue {
	t := refParse(text)
	if amount > 10_000_000_000 || amount < -10_000_000_000 {
		panic(refError("range"))
	}
	switch unit {
	case "year":
		t = time.Date(t.Year()+int(amount), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	case "month":
		t = time.Date(t.Year(), t.Month()+time.Month(amount), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	case "day":
		t = time.Date(t.Year(), t.Month(), t.Day()+int(amount), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
	case "hour":
		t = time.Unix(t.Unix()+amount*3600, int64(t.Nanosecond())).UTC()
	}
	if ms := t.UnixMilli(); ms > 8.64e15 || ms < -8.64e15 || t.Year() > 275761 || t.Year() < -271822 {
		panic(refError("range"))
	}
	return instantValue{t}
}
