package certlogic

// Outcome is what a rule says of a pass. The zero Outcome is Open.
type Outcome uint8

// The outcomes. Only Passed lets anybody through.
const (
	Open   Outcome = iota // could not be evaluated; Machine.Fault says why
	Failed                // false
	Passed                // true
)

// String is the outcome in one word.
func (o Outcome) String() string {
	switch o {
	case Failed:
		return "failed"
	case Passed:
		return "passed"
	}
	return "open"
}
