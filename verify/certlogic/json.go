package certlogic

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"time"
)

// AppendJSON writes a value of the loaded data as JSON. Date-times are texts, as they are in RFC 3339; what JSON does
// not have is null. It allocates: it is for people who want to see why.
func (m *Machine) AppendJSON(b []byte, v Value) []byte {
	switch v.kind {
	case kindBoolean:
		return strconv.AppendBool(b, v.n != 0)
	case kindInteger:
		return strconv.AppendInt(b, v.n, 10)
	case kindNumber:
		if f := math.Float64frombits(uint64(v.n)); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return strconv.AppendFloat(b, f, 'g', -1, 64)
		}
	case kindText:
		return appendText(b, string(v.text))
	case kindInstant:
		return time.UnixMilli(v.n).UTC().AppendFormat(b, `"2006-01-02T15:04:05.000Z"`)
	case kindArray:
		b = append(b, '[')
		it := m.each(&v)
		first := true
		for e := (Value{}); it.next(&e) && e.kind != kindFault; {
			b = appendComma(b, &first)
			b = m.AppendJSON(b, e)
		}
		return append(b, ']')
	case kindObject:
		return m.appendObject(b, v)
	}
	return append(b, "null"...)
}

func (m *Machine) appendObject(b []byte, v Value) []byte {
	b = append(b, '{')
	first := true
	member := func(name string, v Value) {
		b = appendComma(b, &first)
		b = append(appendText(b, name), ':')
		b = m.AppendJSON(b, v)
	}
	var names []string
	switch v.form {
	case formCBOR:
		c := m.base.At(int(v.n))
		members, _ := c.Map()
		for c.Next(&members) {
			name, isText := c.Text()
			if !isText && !c.Skip() {
				break
			}
			value := m.itemOrFault(&c)
			if value.kind == kindFault {
				break
			}
			if isText {
				member(string(name), value)
			}
		}
	case formFrame:
		names = []string{"accumulator", "current"}
	case formRoot:
		names = []string{"payload", "external"}
	case formExternal:
		names = externalNames[:]
	case formSets:
		names = slices.Sorted(maps.Keys(m.data.ValueSets.sets))
	}
	for _, name := range names {
		member(name, m.member(&v, &fragment{name: name, index: -1}))
	}
	return append(b, '}')
}

func appendComma(b []byte, first *bool) []byte {
	if !*first {
		b = append(b, ',')
	}
	*first = false
	return b
}

func appendText(b []byte, s string) []byte {
	quoted, _ := json.Marshal(s) // a string always can
	return append(b, quoted...)
}
