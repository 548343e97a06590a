package certlogic

import (
	"fmt"
	"strings"
)

// Problem is what is wrong with a rule.
type Problem uint8

// The problems.
const (
	NotJSON         Problem = iota + 1 // not one JSON value in UTF-8
	TooLarge                           // more than MaxLogic bytes, or more than MaxExpressions expressions
	TooDeep                            // more than MaxDepth expressions, or more than MaxLambdas lambdas, in each other
	NotExpression                      // null, or an object without exactly one operator
	NotWhole                           // a number that is no integer of 53 bits
	UnknownOperator                    // an operator that CertLogic does not have
	WrongArity                         // too few or too many operands, or operands that are not in an array
	NotLiteral                         // an operand that must be written out as an integer, or as a unit of time
	BadPath                            // a var whose operand is no path
	SetFull                            // the rules of a set do not fit a Machine; make another set
)

// String says the problem in a few words.
func (p Problem) String() string {
	switch p {
	case NotJSON:
		return "not JSON"
	case TooLarge:
		return "too large"
	case TooDeep:
		return "nested too deeply"
	case NotExpression:
		return "not an expression"
	case NotWhole:
		return "not an integer"
	case UnknownOperator:
		return "unknown operator"
	case WrongArity:
		return "wrong number of operands"
	case NotLiteral:
		return "must be a literal"
	case BadPath:
		return "not a data path"
	case SetFull:
		return "set of rules is full"
	}
	return "unknown problem"
}

// Error is why a rule does not compile.
type Error struct {
	Problem Problem
	Path    string // where in the rule, as a JSON pointer (RFC 6901), such as /and/0/in/1
	Detail  string // what was found there, or what should be; may be empty
}

func (e *Error) Error() string {
	text := "certlogic: " + e.Problem.String()
	if e.Path != "" {
		text += " at " + e.Path
	}
	if e.Detail != "" {
		text += ": " + e.Detail
	}
	return text
}

// excerpt quotes what was found, which may be anything and of any length.
func excerpt(text string) string {
	const most = 40
	if len(text) > most {
		return fmt.Sprintf("%q...", text[:most])
	}
	return fmt.Sprintf("%q", text)
}

// pointer writes a JSON pointer.
func pointer(steps []string) string {
	var b strings.Builder
	for _, step := range steps {
		b.WriteByte('/')
		b.WriteString(pointerEscape.Replace(step))
	}
	return b.String()
}

var pointerEscape = strings.NewReplacer("~", "~0", "/", "~1")
