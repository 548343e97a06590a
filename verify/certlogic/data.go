package certlogic

import (
	"time"

	"gatescan/verify/internal/cbor"
)

// Data is what rules may read: the pass as payload.*, and what is known besides as external.*. A text that is empty
// is null there. Reading makes no copy: the texts must stay as they are until the machine is wiped.
type Data struct {
	Payload cbor.Cursor // at the DCC; what comes behind it is not read

	// external.validationClock, in UTC to the millisecond; zero, or beyond year 9999: null. Its day begins at
	// external.validationClockAtStartOfDay.
	Clock             time.Time
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
		return dateTimeValue(&m.clock, d.Clock)
	case switzerlandDay:
		return dateTimeValue(&m.day, d.Clock.UTC().Truncate(24*time.Hour))
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

// switzerlandDay is the beginning of the validation clock's day in UTC, which Switzerland's apps have beyond the specification.
const switzerlandDay = "validationClockAtStartOfDay"

// dateTimeValue is a moment as the text that rules expect, with the instant that it means.
func dateTimeValue(into *dateTimeText, at time.Time) Value {
	ms := at.UnixMilli()
	if at.IsZero() || ms < minText || ms > maxText {
		return valueNull
	}
	writeDateTime(into, ms)
	return Value{kind: kindText, form: formDated, n: ms, text: into[:]}
}
