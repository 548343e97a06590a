package certlogic

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// expression is a rule as it is written, checked.
type expression struct {
	op      operator // opData for every var
	args    []*expression
	literal Value
	path    string // of a var
	n       int64  // how much plusTime adds; which fragment extractFromUVCI takes
	unit    unit
}

// parser turns JSON into an expression.
type parser struct {
	json  *json.Decoder
	path  []string
	count int
}

// parse checks a rule's logic against the specification and our limits.
func parse(logic []byte) (*expression, error) {
	p := parser{}
	if len(logic) > MaxLogic {
		return nil, p.problem(TooLarge, fmt.Sprintf("%d bytes, at most %d", len(logic), MaxLogic))
	}
	if !utf8.Valid(logic) || !json.Valid(logic) {
		return nil, p.problem(NotJSON, "")
	}
	p.json = json.NewDecoder(bytes.NewReader(logic))
	p.json.UseNumber()
	return p.expression(0, 0)
}

func (p *parser) problem(what Problem, detail string) error {
	return &Error{Problem: what, Path: pointer(p.path), Detail: detail}
}

// token reads the next token of what is known to be JSON.
func (p *parser) token() (json.Token, error) {
	token, err := p.json.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, p.problem(NotJSON, err.Error())
	}
	return token, nil
}

// expression reads one expression, in depth others, in so many lambdas.
func (p *parser) expression(depth, lambdas int) (*expression, error) {
	if p.count++; p.count > MaxExpressions {
		return nil, p.problem(TooLarge, fmt.Sprintf("more than %d expressions", MaxExpressions))
	}
	if depth >= MaxDepth {
		return nil, p.problem(TooDeep, fmt.Sprintf("more than %d expressions in each other", MaxDepth))
	}
	token, err := p.token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case bool:
		return &expression{op: opLiteral, literal: boolean(t)}, nil
	case string:
		return &expression{op: opLiteral, literal: Value{kind: kindText, text: []byte(t)}}, nil
	case json.Number:
		n, ok := wholeNumber(t.String())
		if !ok {
			return nil, p.problem(NotWhole, excerpt(t.String()))
		}
		return &expression{op: opLiteral, literal: Value{kind: kindInteger, n: n}}, nil
	case json.Delim:
		if t == '[' {
			args, err := p.elements(depth, func(int) int { return lambdas })
			return &expression{op: opArray, args: args}, err
		}
		return p.operation(depth, lambdas)
	}
	return nil, p.problem(NotExpression, "null")
}

// elements reads expressions until the bracket that closes the array. lambdas says in how many lambdas the i-th is.
func (p *parser) elements(depth int, lambdas func(i int) int) (list []*expression, err error) {
	for p.json.More() {
		p.path = append(p.path, strconv.Itoa(len(list)))
		e, err := p.expression(depth+1, lambdas(len(list)))
		if err != nil {
			return nil, err
		}
		p.path = p.path[:len(p.path)-1]
		list = append(list, e)
	}
	_, err = p.token()
	return list, err
}

// operation reads an object behind its brace.
func (p *parser) operation(depth, lambdas int) (*expression, error) {
	if !p.json.More() {
		return nil, p.problem(NotExpression, "an object without an operator")
	}
	key, err := p.token()
	if err != nil {
		return nil, err
	}
	name, _ := key.(string)
	p.path = append(p.path, name)
	var e *expression
	if name == "var" {
		e, err = p.variable()
	} else {
		e, err = p.operands(name, depth, lambdas)
	}
	if err != nil {
		return nil, err
	}
	p.path = p.path[:len(p.path)-1]
	if p.json.More() {
		return nil, p.problem(NotExpression, "an object with more than one operator")
	}
	_, err = p.token()
	return e, err
}

// variable reads the operand of var.
func (p *parser) variable() (*expression, error) {
	token, err := p.token()
	if err != nil {
		return nil, err
	}
	path, ok := token.(string)
	if !ok {
		return nil, p.problem(BadPath, "the operand of var must be a text")
	}
	if strings.Count(path, ".") >= MaxFragments {
		return nil, p.problem(TooDeep, fmt.Sprintf("a path of more than %d fragments", MaxFragments))
	}
	if _, ok := splitPath(path); !ok {
		return nil, p.problem(BadPath, excerpt(path))
	}
	return &expression{op: opData, path: path}, nil
}

// operands reads the operands of any other operation.
func (p *parser) operands(name string, depth, lambdas int) (*expression, error) {
	operation, ok := operations[name]
	if !ok {
		return nil, p.problem(UnknownOperator, excerpt(name))
	}
	token, err := p.token()
	if err != nil {
		return nil, err
	}
	if token != json.Delim('[') {
		return nil, p.problem(WrongArity, "the operands must be in an array")
	}
	inside := func(i int) int {
		if operation.op == opReduce && i == 1 {
			return lambdas + 1
		}
		return lambdas
	}
	if inside(1) > MaxLambdas {
		return nil, p.problem(TooDeep, fmt.Sprintf("more than %d lambdas in each other", MaxLambdas))
	}
	e := &expression{op: operation.op}
	if e.args, err = p.elements(depth, inside); err != nil {
		return nil, err
	}
	switch n := len(e.args); {
	case n < operation.min || n > operation.max:
		return nil, p.problem(WrongArity, fmt.Sprintf("%d operands, must be %s", n, operation.arity()))
	case e.op == opPlusTime:
		return e, p.takeLiterals(e, true)
	case e.op == opUVCI:
		return e, p.takeLiterals(e, false)
	}
	return e, nil
}

// takeLiterals moves the operands that must be written out from args into e: an integer, and for plusTime a unit.
func (p *parser) takeLiterals(e *expression, withUnit bool) error {
	amount := e.args[1]
	if amount.op != opLiteral || amount.literal.kind != kindInteger {
		p.path = append(p.path, "1")
		return p.problem(NotLiteral, "an integer")
	}
	e.n = amount.literal.n
	if withUnit {
		word := e.args[2]
		ok := word.op == opLiteral && word.literal.kind == kindText
		if ok {
			e.unit, ok = unitOf(string(word.literal.text))
		}
		if !ok {
			p.path = append(p.path, "2")
			return p.problem(NotLiteral, `"year", "month", "day" or "hour"`)
		}
	}
	e.args = e.args[:1]
	return nil
}

func (o operation) arity() string {
	switch {
	case o.max == MaxExpressions:
		return fmt.Sprintf("%d or more", o.min)
	case o.min < o.max:
		return fmt.Sprintf("%d or %d", o.min, o.max)
	}
	return strconv.Itoa(o.min)
}

// maxWhole is the largest integer up to which all are exact in every implementation (RFC 8259 §6).
const maxWhole = 1<<53 - 1

// wholeNumber reads a JSON number that is an integer, however it is written.
func wholeNumber(text string) (int64, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, -maxWhole <= n && n <= maxWhole
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > maxWhole {
		return 0, false
	}
	return int64(f), true
}
