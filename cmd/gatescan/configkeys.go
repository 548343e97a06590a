package main

import (
	"encoding"
	"reflect"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// keyLines says on which line each key of a TOML file stands. Tables count as keys; those of an array are numbered, as in
// trust.source[1].name.
func keyLines(data []byte) map[string]int {
	lines := map[string]int{}
	var parser unstable.Parser
	parser.Reset(data)
	var table []string
	of := map[string]int{} // how many tables an array has so far
	for parser.NextExpression() {
		expression := parser.Expression()
		var key []string
		line := 0
		for parts := expression.Key(); parts.Next(); {
			node := parts.Node()
			key = append(key, string(node.Data))
			line = parser.Shape(node.Raw).Start.Line
		}
		switch expression.Kind {
		case unstable.ArrayTable:
			name := strings.Join(key, ".")
			of[name]++
			key[len(key)-1] += "[" + strconv.Itoa(of[name]) + "]"
			table = key
		case unstable.Table:
			table = key
		case unstable.KeyValue:
			key = append(table[:len(table):len(table)], key...)
		}
		lines[strings.Join(key, ".")] = line
	}
	return lines
}

// suggestion is the known key that was most likely meant, as the end of a sentence; empty if none is near.
func suggestion(key string) string {
	best, distance := "", 4 // more than three wrong letters are another word
	for _, known := range knownKeys(reflect.TypeFor[config](), "") {
		if d := editDistance(key, known); d < distance {
			best, distance = known, d
		}
	}
	if best == "" {
		return "; gatescan config -example shows all"
	}
	return "; did you mean " + best + "?"
}

// readsText is the interface of what is written as one value.
var readsText = reflect.TypeFor[encoding.TextUnmarshaler]()

// knownKeys lists the keys of a configuration structure, tables before what is in them.
func knownKeys(t reflect.Type, table string) (keys []string) {
	for field := range t.Fields() {
		if !field.IsExported() {
			continue
		}
		key := table + field.Tag.Get("toml")
		keys = append(keys, key)
		inner := field.Type
		if inner.Kind() == reflect.Slice {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct && !reflect.PointerTo(inner).Implements(readsText) {
			keys = append(keys, knownKeys(inner, key+".")...)
		}
	}
	return keys
}

// editDistance is how many letters to insert, delete or change make b of a (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
