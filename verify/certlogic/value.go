package certlogic

import (
	"bytes"
	"math"
)

// kind is the type of a value.
type kind uint8

const (
	kindNull kind = iota // also what is absent
	kindBoolean
	kindInteger
	kindNumber // not an integer
	kindText
	kindInstant
	kindArray
	kindObject
	kindOpaque // something that JSON does not have
	kindFault
)

// form is where the elements of an array or the members of an object are, and what is known of a text.
type form uint8

const (
	formAbsent   form = iota // a slot that nothing was read into
	formPlain                // nothing else to know
	formSlot                 // text that is only in the machine, and may become one of the next two
	formDated                // text: n is the instant that it means
	formUndated              // text: it means no instant
	formCBOR                 // array, object: in the payload, from offset n
	formTable                // array: table
	formItems                // array: size items of the machine from n
	formFrame                // object: accumulator and current, two items of the machine from n
	formRoot                 // object: payload and external
	formExternal             // object: the external parameters
	formSets                 // object: the value sets
)

// Value is what an expression gives. Texts, arrays and objects are views: of the payload, of the rules, of the
// machine. It is good until the machine is wiped or loaded again.
type Value struct {
	kind  kind
	form  form
	size  int32  // how many elements; of formCBOR only whether there are any
	n     int64  // boolean (0, 1), integer, bits of a number, instant in ms since 1970, first item, offset of CBOR
	text  []byte // text
	table *table
}

var (
	valueNull  = Value{kind: kindNull, form: formPlain}
	valueFalse = Value{kind: kindBoolean}
	valueTrue  = Value{kind: kindBoolean, n: 1}
)

func boolean(b bool) Value {
	if b {
		return valueTrue
	}
	return valueFalse
}

func booleanResult(b bool) *Value {
	if b {
		return &valueTrue
	}
	return &valueFalse
}

func text(s []byte) Value { return Value{kind: kindText, form: formPlain, text: s} }

// textOrNull is for external parameters, which are not empty if they are there.
func textOrNull(s []byte) Value {
	if len(s) == 0 {
		return valueNull
	}
	return text(s)
}

// number makes an integer of a floating-point number if it is one.
func number(f float64) Value {
	if f == math.Trunc(f) && math.Abs(f) <= maxWhole {
		return Value{kind: kindInteger, form: formPlain, n: int64(f)}
	}
	return Value{kind: kindNumber, form: formPlain, n: int64(math.Float64bits(f))}
}

// truth is what a condition makes of a value.
type truth uint8

const (
	neither truth = iota
	falsy
	truthy
)

// truth is as the specification has it: date-times and what is no integer are neither.
func (v *Value) truth() truth {
	var is bool
	switch v.kind {
	case kindNull:
		return falsy
	case kindBoolean, kindInteger:
		is = v.n != 0
	case kindText:
		is = len(v.text) > 0
	case kindArray, kindObject:
		is = v.size > 0
	default:
		return neither
	}
	if is {
		return truthy
	}
	return falsy
}

// equal is ===, without coercion. ok is false for two of a kind that has no equality.
func (v *Value) equal(w *Value) (equal, ok bool) {
	if v.kind != w.kind {
		return false, true
	}
	switch v.kind {
	case kindNull:
		return true, true
	case kindBoolean, kindInteger:
		return v.n == w.n, true
	case kindNumber:
		return math.Float64frombits(uint64(v.n)) == math.Float64frombits(uint64(w.n)), true
	case kindText:
		return bytes.Equal(v.text, w.text), true
	}
	return false, false
}

// scalar reports whether the kind has an equality.
func (v *Value) scalar() bool { return v.kind <= kindText }
