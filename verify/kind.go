package verify

// Kind is what a pass certifies.
type Kind uint8

const (
	NoKind      Kind = iota
	Vaccination      // group v of a DCC
	Test             // group t of a DCC
	Recovery         // group r of a DCC
	ICVP             // WHO's International Certificate of Vaccination or Prophylaxis (sub-claim -6)

	numKinds
)

// NumKinds is the number of kinds, NoKind included.
const NumKinds = int(numKinds)

// String is the word for k in JSON, metrics and configuration: "v", "t", "r", "p", or empty. For the first three it is
// the name of the group in the DCC.
func (k Kind) String() string {
	switch k {
	case Vaccination:
		return "v"
	case Test:
		return "t"
	case Recovery:
		return "r"
	case ICVP:
		return "p"
	}
	return ""
}

// isEntry says whether k is the kind of an entry of a DCC.
func (k Kind) isEntry() bool { return Vaccination <= k && k <= Recovery }

// Usage is a set of kinds.
type Usage uint8

const (
	SignsVaccination = Usage(1) << Vaccination
	SignsTest        = Usage(1) << Test
	SignsRecovery    = Usage(1) << Recovery
	SignsICVP        = Usage(1) << ICVP // in Policy.Kinds; no certificate says so

	signsEntries = SignsVaccination | SignsTest | SignsRecovery
)

func (u Usage) has(k Kind) bool { return u>>k&1 != 0 }

// admits says whether a policy that names these kinds lets k through. The empty set admits every kind of a DCC; an ICVP
// must be named.
func (u Usage) admits(k Kind) bool {
	if u == 0 {
		u = signsEntries
	}
	return u.has(k)
}

// maySign says whether a DSC with these key usages may sign k; one without any may sign all. There is no usage for an
// ICVP: the one for vaccinations counts.
func (u Usage) maySign(k Kind) bool {
	if k == ICVP {
		k = Vaccination
	}
	return u == 0 || u.has(k)
}
