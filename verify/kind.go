package verify

// Kind is the kind of a DCC entry.
type Kind uint8

const (
	NoKind      Kind = iota
	Vaccination      // group v
	Test             // group t
	Recovery         // group r

	numKinds
)

// NumKinds is the number of kinds, NoKind included.
const NumKinds = int(numKinds)

// String is the name of the group in the payload and in JSON: "v", "t", "r", or empty.
func (k Kind) String() string {
	switch k {
	case Vaccination:
		return "v"
	case Test:
		return "t"
	case Recovery:
		return "r"
	}
	return ""
}

// Usage is a set of kinds.
type Usage uint8

const (
	SignsVaccination = Usage(1) << Vaccination
	SignsTest        = Usage(1) << Test
	SignsRecovery    = Usage(1) << Recovery
)

// allows says whether the set holds k; the empty set holds every kind.
func (u Usage) allows(k Kind) bool { return u == 0 || u>>k&1 != 0 }
