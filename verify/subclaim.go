package verify

// Keys inside the health certificate claim (SPEC §3.3.1; WHO smart-trust, hcert_spec §3.2.7.1).
const (
	keyDCC  = 1
	keyICVP = -6 // WHO's International Certificate of Vaccination or Prophylaxis, DVCMin in the registry
)

// otherKeys are the documents of WHO's registry that admit nobody: two of the DDCC, a health link, a medication overview.
var otherKeys = [...]int64{3, 4, 5, -7}

// claimName is the claim by which the DDCC of 2021 is known, which has texts for keys and no health certificate claim.
const claimName = "name"

// findDocument goes from the health certificate claim to the one document in it that we read, and puts cl.body there.
// Of a DCC or an ICVP, documents of other kinds beside it take nothing away.
func (cl *claims) findDocument() (refused Reason) {
	if !cl.hasHCERT {
		if cl.hasName {
			cl.document = otherDocument
			return KindNotAllowed
		}
		return BadDCC
	}
	c := cl.hcert
	documents, ok := c.Map()
	if !ok {
		return BadDCC
	}
	others := false
	for c.Next(&documents) {
		key, isInt := c.Int()
		if !isInt && !c.Skip() {
			return BadDCC
		}
		found := noDocument
		for _, other := range otherKeys {
			others = others || isInt && key == other
		}
		switch {
		case isInt && key == keyDCC:
			found = documentDCC
		case isInt && key == keyICVP:
			found = documentICVP
		}
		if found != noDocument {
			if cl.document != noDocument {
				cl.document = severalDocuments
				return NotOneEntry
			}
			cl.document, cl.body = found, c
		}
		if !c.Skip() {
			return BadDCC
		}
	}
	switch {
	case cl.document != noDocument:
		return noObjection
	case others:
		cl.document = otherDocument
		return KindNotAllowed
	}
	return BadDCC
}

// lacksTime says whether a time is missing that the document must have. An ICVP without exp is for life, as REQ-DE-22 has
// it; what admits nobody needs neither.
func (cl *claims) lacksTime() bool {
	switch cl.document {
	case documentICVP, severalDocuments:
		return !cl.hasIssuedAt
	case otherDocument:
		return false
	}
	return !cl.hasIssuedAt || !cl.hasExpires
}
