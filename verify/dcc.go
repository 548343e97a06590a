package verify

import "gatescan/verify/internal/cbor"

// findEntry finds out what a pass certifies: the kind of the one entry of a DCC, or ICVP.
func (cl *claims) findEntry() (kind Kind, refused Reason) {
	if refused := cl.findDocument(); refused != noObjection {
		return NoKind, refused
	}
	if cl.document != documentICVP {
		return countEntries(cl.body)
	}
	if cl.icvp, refused = readICVP(cl.body); refused != noObjection {
		return NoKind, refused
	}
	return ICVP, noObjection
}

// countEntries counts the entries of the groups v, t and r, and returns the kind of the one there must be. A group that
// is empty or null counts nothing (the schema forbids both; issuers have used them).
func countEntries(dcc cbor.Cursor) (kind Kind, refused Reason) {
	members, ok := dcc.Map()
	if !ok {
		return NoKind, BadDCC
	}
	entries := 0
	for dcc.Next(&members) {
		name, isText := dcc.Text()
		if !isText && !dcc.Skip() {
			return NoKind, BadDCC
		}
		group := kindOf(name)
		if group == NoKind {
			if !dcc.Skip() {
				return NoKind, BadDCC
			}
			continue
		}
		if dcc.Null() {
			continue
		}
		array, ok := dcc.Array()
		if !ok {
			return NoKind, BadDCC
		}
		for dcc.Next(&array) {
			entry := dcc
			if _, ok := entry.Map(); !ok || !dcc.Skip() {
				return NoKind, BadDCC
			}
			kind = group
			entries++
		}
	}
	if entries != 1 {
		return NoKind, NotOneEntry
	}
	return kind, noObjection
}

// kindOf is the kind of the entries in the group of a DCC of that name.
func kindOf(name []byte) Kind {
	if len(name) == 1 {
		for kind := Vaccination; kind.isEntry(); kind++ {
			if kind.String()[0] == name[0] {
				return kind
			}
		}
	}
	return NoKind
}

// member finds a member of a map.
func member(c cbor.Cursor, name string) (value cbor.Cursor, ok bool) {
	members, ok := c.Map()
	for ok && c.Next(&members) {
		key, isText := c.Text()
		if isText && string(key) == name {
			return c, true
		}
		ok = (isText || c.Skip()) && c.Skip()
	}
	return c, false
}

// textMember finds a member of a map that is a text. It is empty if there is none.
func textMember(c cbor.Cursor, name string) []byte {
	value, ok := member(c, name)
	if !ok {
		return nil
	}
	text, _ := value.Text()
	return trimSpaces(text)
}

// entry finds the one entry of a payload in which there is one.
func (cl *claims) entry(kind Kind) (entry cbor.Cursor, ok bool) {
	group, ok := member(cl.body, kind.String())
	if !ok {
		return entry, false
	}
	array, ok := group.Array()
	return group, ok && group.Next(&array)
}

// schema reads which schema the payload says it follows.
func (cl *claims) schema() (s schema) {
	ver, ok := member(cl.body, "ver")
	if !ok || ver.Null() {
		return schema{absent: true}
	}
	text, _ := ver.Text()
	s.version, s.readable = parseVersion(trimSpaces(text))
	return s
}

// countryOfIssue is that of the DSC, else that which the issuer claim names, else the one in the entry; zero if none of
// them is a country.
func (cl *claims) countryOfIssue(dsc string, kind Kind) country {
	if c, ok := countryOf(dsc); ok {
		return c
	}
	if c, ok := countryOf(cl.issuer); ok {
		return c
	}
	entry, _ := cl.entry(kind)
	c, _ := countryOf(textMember(entry, "co"))
	return c
}
