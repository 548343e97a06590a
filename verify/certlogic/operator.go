package certlogic

// operator is what a node does.
type operator uint8

// Data first, then the operations in the order of the specification.
const (
	opLiteral  operator = iota
	opData              // var, outside of a lambda: read from the payload once for the whole set
	opExternal          // var of external.*
	opContext           // var in a lambda
	opArray
	opIf
	opAnd
	opEqual
	opIn
	opPlus
	opLess
	opGreater
	opNotLess
	opNotGreater
	opAfter
	opBefore
	opNotAfter
	opNotBefore
	opNot
	opPlusTime
	opReduce
	opUVCI
	opBirth
)

// operation is how an operator is written.
type operation struct {
	op       operator
	min, max int // operands
}

// operations are those of CertLogic but var, whose operand is not an expression.
var operations = map[string]operation{
	"if":              {opIf, 3, 3},
	"and":             {opAnd, 2, MaxExpressions},
	"===":             {opEqual, 2, 2},
	"in":              {opIn, 2, 2},
	"+":               {opPlus, 2, 2},
	"<":               {opLess, 2, 3},
	">":               {opGreater, 2, 3},
	">=":              {opNotLess, 2, 3},
	"<=":              {opNotGreater, 2, 3},
	"after":           {opAfter, 2, 3},
	"before":          {opBefore, 2, 3},
	"not-after":       {opNotAfter, 2, 3},
	"not-before":      {opNotBefore, 2, 3},
	"!":               {opNot, 1, 1},
	"plusTime":        {opPlusTime, 3, 3},
	"reduce":          {opReduce, 3, 3},
	"extractFromUVCI": {opUVCI, 2, 2},
	"dccDateOfBirth":  {opBirth, 1, 1},
}

// holds reports whether the two values of a comparison are in the order that the operator asks for.
func (op operator) holds(a, b int64) bool {
	switch op {
	case opLess, opBefore:
		return a < b
	case opGreater, opAfter:
		return a > b
	case opNotLess, opNotBefore:
		return a >= b
	case opNotGreater, opNotAfter:
		return a <= b
	}
	return false
}
