package verify

// question is what selects rules.
type question struct {
	arrival country
	region  region
	kind    Kind
	ms      int64 // the moment, since 1970
	schema  schema
}

// region is a part of a country, in capital letters.
type region struct {
	len   int
	bytes [maxRegion]byte
}

func (r *region) text() []byte { return r.bytes[:r.len] }

// schema is the version of the DCC schema that a payload says it follows.
type schema struct {
	version  Version
	absent   bool
	readable bool
}

// question begins the question that a policy asks. ok is false if it names no country, or no region, that can be.
func (p *Policy) question() (q question, ok bool) {
	if p.Arrival != "" {
		if q.arrival, ok = countryOf(p.Arrival); !ok {
			return q, false
		}
	}
	name := trimSpaces(p.Region)
	if len(name) > maxRegion {
		return q, false
	}
	for i := range len(name) {
		q.region.bytes[i] = capital(name[i])
	}
	q.region.len = len(name)
	return q, true
}

// exclusion is why a rule is not selected. The zero exclusion is that it is.
type exclusion uint8

const (
	selected exclusion = iota
	otherKind
	otherRegion
	notYetInForce
	noLongerInForce
	olderVersion
)

// excludes says why a rule of the right country and type does not apply. The window has its first instant and has
// not its last, as eu-dcc-business-rules has it; the EU's Android app counts the last as well. Region counts for the
// country of arrival alone.
func (q *question) excludes(r *compiledRule) exclusion {
	switch {
	case r.CertificateType != q.kind && (r.CertificateType != NoKind || !q.kind.isEntry()):
		return otherKind
	case r.Type == Acceptance && string(q.region.text()) != r.Region:
		return otherRegion
	case q.ms < r.from:
		return notYetInForce
	case q.ms >= r.to:
		return noLongerInForce
	}
	return selected
}

// cause is why a rule that is selected cannot be decided. The zero cause is none.
type cause uint8

const (
	noCause cause = iota
	badRule
	otherEngine
	badSchema
	otherSchema
)

// undecidable says why a rule is open before it is evaluated. A payload that does not say which schema it follows is
// taken for one that the rule knows.
func (q *question) undecidable(r *compiledRule) cause {
	version, schema := &q.schema.version, &r.SchemaVersion
	switch {
	case r.program == nil:
		return badRule
	case r.Engine != engine || r.EngineVersion.Major > engineMajor:
		return otherEngine
	case q.schema.absent:
		return noCause
	case !q.schema.readable:
		return badSchema
	case version.Major != schema.Major || version.Compare(*schema) < 0:
		return otherSchema
	}
	return noCause
}
