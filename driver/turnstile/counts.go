package turnstile

// NumCounts is how many numbers a turnstile counts.
const NumCounts = 5

// Counts counts the calls of Open that returned true, and the passages. Its zero value is ready.
type Counts = Each[uint64]

// Each holds one value for each number that a turnstile counts. Passages and Unexpected are passages in the direction that
// the reader serves.
type Each[N any] struct {
	Granted    N `json:"granted"`     // calls of Open that returned true
	Passages   N `json:"passages"`    // of these, followed by a passage
	NotEntered N `json:"not_entered"` // of these, not followed by a passage in time
	Unexpected N `json:"unexpected"`  // passages without a grant
	Back       N `json:"back"`        // passages in the other direction
}

// CountNames are the names of the numbers in JSON, in files and in tables, in the order of All. They never change: counter
// files use them.
var CountNames = [NumCounts]string{"granted", "passages", "not_entered", "unexpected", "back"}

// All returns where the numbers are, in the order of CountNames.
func (e *Each[N]) All() [NumCounts]*N {
	return [NumCounts]*N{&e.Granted, &e.Passages, &e.NotEntered, &e.Unexpected, &e.Back}
}
