package certlogic

import (
	"time"

	"gatescan/verify/internal/cbor"
)

// Data is what rules may read: the pass as payload.*, and what is known besides as external.*. A text that is empty
// is null there. Reading makes no copy: the texts must stay as they are until the machine is wiped.
type Data struct {
	Payload cbor.Cursor // at the DCC; what comes behind it is not read

	Clock             time.Time // external.validationClock, in UTC to the millisecond; zero, or beyond year 9999: null
	ValueSets         *ValueSets
	CountryCode       []byte // of arrival, ISO 3166-1 alpha-2
	IssuerCountryCode []byte // the EU's Android app has it in lower case
	Exp, IAT          []byte // the EU's Android app has dates without a time, in UTC
	KID               []byte // Base64
	Region            []byte

	whole *cbor.Cursor // stands for all of the above, as the specification's own test suite needs it
}

// external is a member of the object external.
func (m *Machine) external(name string) Value {
	d := m.data
	switch name {
	case "validationClock":
		return m.clockValue(d.Clock)
	case "valueSets":
		return d.ValueSets.value()
	case "countryCode":
		return textOrNull(d.CountryCode)
	case "issuerCountryCode":
		return textOrNull(d.IssuerCountryCode)
	case "exp":
		return textOrNull(d.Exp)
	case "iat":
		return textOrNull(d.IAT)
	case "kid":
		return textOrNull(d.KID)
	case "region":
		return textOrNull(d.Region)
	}
	return valueNull
}

var externalNames = [...]string{"validationClock", "valueSets", "countryCode", "issuerCountryCode", "exp", "iat", "kid", "region"}

// clockValue is the clock as the text that rules expect, with the instant that it means.
func (m *Machine) clockValue(clock time.Time) Value {
	ms := clock.UnixMilli()
	if clock.IsZero() || ms < minText || ms > maxText {
		return valueNull
	}
	writeDateTime(&m.clock, ms)
	return Value{kind: kindText, form: formDated, n: ms, text: m.clock[:]}
}
