package verify

import (
	"bytes"
	"time"

	"gatescan/verify/internal/cbor"
)

// icvpShape is the form in which an ICVP is written. Three are in use; none names itself.
type icvpShape uint8

const (
	noShape    icvpShape = iota // none of them
	shapeCoded                  // 2024: v is a map that has tg; the vaccine is a code of ICD-11 or SNOMED CT
	shapeBrief                  // 2025 and 2026, as PH4H issues it: v is a map; the vaccine is a product of the catalogue
	shapeModel                  // the model of April 2026 (smart-icvp v0.3.0): the dose is vx, and v is the version
)

// icvpFields is a set of members that are there, and not empty.
type icvpFields uint8

const (
	icvpName icvpFields = 1 << iota
	icvpBorn
	icvpSex
	icvpNationality
	icvpBatch
	icvpIssuer // the authority or the clinician

	// issuedFields are what DVCMin demanded of all that was issued before the model, but for the issuer, which genuine
	// ones lack.
	issuedFields = icvpName | icvpBorn | icvpBatch
	modelFields  = issuedFields | icvpSex | icvpNationality | icvpIssuer // REQ-DE-01 to -17, REQ-CC-07
)

// icvp is what a verdict needs of an ICVP. Its texts are those of the payload; of the holder it has nothing but which
// members are there.
type icvp struct {
	shape   icvpShape
	has     icvpFields
	version []byte // v of the model
	product []byte // vp
	dose    []byte // the day of the dose, YYYY-MM-DD
	from    []byte // the first day on which it says that it is valid; empty if it does not say
	until   []byte // the last day; empty for life
	badDate bool   // one of the three dates is there and is no date

	catalogue *Catalogue // that it is judged by
	disease   Disease    // 0 if the catalogue does not have the product
	flagged   bool       // its version is not known, and that is tolerated
}

// readICVP reads sub-claim -6. BadDCC is of something that is no ICVP of any shape, NotOneEntry of one with several doses
// (REQ-CC-03 wants one certificate for each).
func readICVP(c cbor.Cursor) (p icvp, refused Reason) {
	members, ok := c.Map()
	if !ok {
		return p, BadDCC
	}
	var v, vx cbor.Cursor
	var hasV, hasVX bool
	for c.Next(&members) {
		name, isText := c.Text()
		if !isText && !c.Skip() {
			return p, BadDCC
		}
		field := icvpFields(0)
		switch string(name) {
		case "n":
			field = icvpName
		case "dob":
			field = icvpBorn
		case "s":
			field = icvpSex
		case "nt": // ntl in the shapes before the model, which need none
			field = icvpNationality
		case "v":
			v, hasV = c, true
		case "vx":
			vx, hasVX = c, true
		}
		text, ok := taggedText(&c)
		if !ok {
			return p, BadDCC
		}
		p.note(field, text)
	}
	switch {
	case hasVX:
		p.shape = shapeModel
		p.version, _ = taggedText(&v)
		return p, p.readDose(vx)
	case hasV && v.Kind() == cbor.Text: // the model without its dose
		p.shape = shapeModel
		p.version, _ = taggedText(&v)
		return p, noObjection
	case hasV:
		p.shape = shapeBrief
		return p, p.readDose(v)
	}
	return p, BadDCC
}

func (p *icvp) note(field icvpFields, text []byte) {
	if len(text) > 0 {
		p.has |= field
	}
}

// readDose reads the members of the dose. What the shapes before the model call dt, it calls dv.
func (p *icvp) readDose(c cbor.Cursor) (refused Reason) {
	if array, ok := c.Array(); ok {
		doses := 0
		for ; c.Next(&array) && c.Skip(); doses++ {
		}
		if doses != 1 {
			return NotOneEntry
		}
		return BadDCC
	}
	members, ok := c.Map()
	if !ok {
		return BadDCC
	}
	dose := "dt"
	if p.shape == shapeModel {
		dose = "dv"
	}
	for c.Next(&members) {
		name, isText := c.Text()
		if !isText && !c.Skip() {
			return BadDCC
		}
		text, ok := taggedText(&c)
		if !ok {
			return BadDCC
		}
		switch string(name) {
		case "vp":
			p.product = text
		case dose:
			p.dose = p.day(text)
		case "vls":
			p.from = p.day(text)
		case "vle":
			if !isForLife(text) {
				p.until = p.day(text)
			}
		case "bo":
			p.note(icvpBatch, text)
		case "is", "cn":
			p.note(icvpIssuer, text)
		case "tg":
			if p.shape == shapeBrief {
				p.shape = shapeCoded
			}
		}
	}
	return noObjection
}

// taggedText passes over an item and returns it if it is a text, tagged as a date (RFC 8943) or not, without the spaces
// around it. Of anything else, null included, it returns an empty text.
func taggedText(c *cbor.Cursor) (text []byte, ok bool) {
	for {
		if _, isTag := c.Tag(); !isTag {
			break
		}
	}
	if text, ok := c.Text(); ok {
		return trimSpaces(text), true
	}
	return nil, c.Skip()
}

// isForLife says whether a text stands for an end that never comes (REQ-DE-22, which has these two and no others).
func isForLife(text []byte) bool {
	return string(text) == "life of person vaccinated" || string(text) == "vie entière du sujet vacciné"
}

// day cuts the time off a date. What is no full date is badDate, and empty.
func (p *icvp) day(text []byte) []byte {
	if len(text) == 0 {
		return nil
	}
	date, _, _ := bytes.Cut(text, []byte("T"))
	if !isDate(date) {
		p.badDate = true
		return nil
	}
	return date
}

// isDate says whether a text is a day of the Gregorian calendar, YYYY-MM-DD (RFC 3339 §5.6).
func isDate(s []byte) bool {
	if len(s) != len("2006-01-02") || s[4] != '-' || s[7] != '-' {
		return false
	}
	number := func(s []byte) (n int) {
		for _, c := range s {
			if c < '0' || c > '9' {
				return -1
			}
			n = 10*n + int(c-'0')
		}
		return n
	}
	year, month, day := number(s[:4]), number(s[5:7]), number(s[8:])
	if year < 0 || month < 1 || month > 12 || day < 1 {
		return false
	}
	return day <= time.Date(year, time.Month(month+1), 0, 0, 0, 0, 0, time.UTC).Day()
}

// ICVPComplete is what an ICVP must have.
type ICVPComplete uint8

const (
	// ICVPAsIssued: an ICVP of the model must have what the model demands. Those of the shapes before it must have name,
	// date of birth, product, day of the dose and batch.
	ICVPAsIssued ICVPComplete = iota
	// ICVPAsModel: only an ICVP of the model is complete.
	ICVPAsModel
)

// icvpVersions are the values of v in the model that are known: the versions of WHO's specification and of its ICVPMin.
var icvpVersions = [...]string{"0.3.0", "1", "1.0", "1.0.0"}

// lacks are the members that an ICVP must have and has not, in the words of the model, and what else makes it incomplete. It
// allocates and is meant for people who ask.
func (p *icvp) lacks(demand ICVPComplete) (missing []string) {
	fields := issuedFields
	if p.shape == shapeModel {
		fields = modelFields
	} else if demand == ICVPAsModel {
		return []string{"the form of WHO's model, which it precedes"}
	}
	for _, member := range []struct {
		lacking bool
		name    string
	}{
		{p.has&icvpName == 0, "n"},
		{p.has&icvpBorn == 0, "dob"},
		{fields&^p.has&icvpSex != 0, "s"},
		{fields&^p.has&icvpNationality != 0, "nt"},
		{len(p.product) == 0, "vp"},
		{len(p.dose) == 0, "dv"},
		{p.has&icvpBatch == 0, "bo"},
		{fields&^p.has&icvpIssuer != 0, "is or cn"},
		{p.shape == shapeModel && len(p.version) == 0, "v"},
		{p.badDate, "full dates"},
	} {
		if member.lacking {
			missing = append(missing, member.name)
		}
	}
	if len(missing) == 0 {
		missing = append(missing, "a version that is known")
	}
	return missing
}

// complete says whether an ICVP has what it must have. unknownVersion says that it names a version that is not known.
func (p *icvp) complete(demand ICVPComplete) (complete, unknownVersion bool) {
	fields := issuedFields
	if p.shape == shapeModel {
		fields = modelFields
	} else if demand == ICVPAsModel {
		return false, false
	}
	if p.has&fields != fields || p.badDate || len(p.product) == 0 || len(p.dose) == 0 {
		return false, false
	}
	if p.shape != shapeModel {
		return true, false
	}
	for _, known := range icvpVersions {
		if string(p.version) == known {
			return true, false
		}
	}
	return len(p.version) > 0, true
}
