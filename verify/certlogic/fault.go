package certlogic

// Fault is why a rule is open. The zero Fault is none.
type Fault uint8

// The faults.
const (
	NoFault          Fault = iota
	NotLoaded              // the program is not of the set that was loaded
	MalformedPayload       // not CBOR, or a key twice, or a text without end
	NotBoolean             // the rule's result is neither true nor false
	NoTruth                // a condition is neither truthy nor falsy
	NotInteger             // an operand should be an integer
	NotText                // an operand should be a text
	NotDateTime            // an operand should be a date-time, made by plusTime or dccDateOfBirth
	NotArray               // an operand should be an array; so is a value set that is missing
	NotComparable          // an operand of === or in is an array, an object or a date-time
	BadDateTime            // a text is no date or date-time, or one that the calendar does not have
	OutOfRange             // a result is beyond 64 bits, or a date-time beyond what may be represented
	TooManySteps           // a reduce went on for too long
	TooManyItems           // the arrays made during evaluation do not fit the machine
	numFaults
)

var faultTexts = [numFaults]string{
	NoFault:          "no fault",
	NotLoaded:        "rule is not of the loaded set",
	MalformedPayload: "payload is malformed",
	NotBoolean:       "result is not a boolean",
	NoTruth:          "condition is neither truthy nor falsy",
	NotInteger:       "operand is not an integer",
	NotText:          "operand is not a text",
	NotDateTime:      "operand is not a date-time",
	NotArray:         "operand is not an array",
	NotComparable:    "operands cannot be compared",
	BadDateTime:      "text is not a date or date-time",
	OutOfRange:       "result is out of range",
	TooManySteps:     "too many steps",
	TooManyItems:     "too many array items",
}

// String says the fault in a few words.
func (f Fault) String() string {
	if f < numFaults {
		return faultTexts[f]
	}
	return "unknown fault"
}

// faults are the values that stand for a fault during evaluation.
var faults = func() (values [numFaults]Value) {
	for f := range values {
		values[f] = Value{kind: kindFault, n: int64(f)}
	}
	return values
}()
