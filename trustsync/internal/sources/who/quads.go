package who

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync/internal/list"
)

// This file writes the canonical N-Quads (RDF Dataset Canonicalization §4.4) of the two graphs that are signed. Both are so
// simple that their lines can be written in order: nothing is a blank node but the proof itself, and whatever would be
// escaped was refused when the document was read.

const (
	rdfType    = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
	rdfJSON    = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON>"
	xsdTime    = "<http://www.w3.org/2001/XMLSchema#dateTime>"
	dcCreated  = "<http://purl.org/dc/terms/created>"
	security   = "https://w3id.org/security#"
	whoCodes   = "https://smart.who.int/trust/ValueSet-"
	didLetters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// writeQuads writes the graph of a document without its proof. Lines are sorted, and begin with their subject in brackets:
// sorting the subjects by their id and the closing bracket sorts them.
func (d *didDocument) writeQuads(to io.Writer) {
	type node struct {
		end    string // id and bracket
		method *didMethod
	}
	nodes := make([]node, 0, len(d.methods)+1)
	for i := range d.methods {
		nodes = append(nodes, node{d.methods[i].id + ">", &d.methods[i]})
	}
	nodes = append(nodes, node{d.id + ">", nil})
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.end, b.end) })

	w := bufio.NewWriter(to)
	defer w.Flush() // to a hash: never fails
	for _, n := range nodes {
		switch {
		case n.method == nil:
			fmt.Fprintf(w, "<%s <%scontroller> <%s> .\n", n.end, security, d.controller)
			for _, other := range nodes {
				if other.method != nil {
					fmt.Fprintf(w, "<%s <%sverificationMethod> <%s .\n", n.end, security, other.end)
				}
			}
		case !n.method.reference:
			n.method.writeQuads(w, environments[d.environment].suffix)
		}
	}
}

// writeQuads writes what is said of one key, sorted. suffix is that of the environment.
func (m *didMethod) writeQuads(w io.Writer, suffix string) {
	fmt.Fprintf(w, "<%s> %s <%sJsonWebKey2020> .\n", m.id, rdfType, security)
	for _, c := range []struct{ set, code string }{{"Domains", m.domain}, {"KeyUsage", m.keyUsage}, {"Participants", m.participant}} {
		if c.code != "" {
			fmt.Fprintf(w, "<%s> <%s%s%s.jsonld> <%[2]s%[3]s%[4]s.jsonld#%[5]s> .\n", m.id, whoCodes, c.set, suffix, c.code)
		}
	}
	fmt.Fprintf(w, "<%s> <%scontroller> <%s> .\n", m.id, security, m.controller)
	fmt.Fprintf(w, "<%s> <%spublicKeyJwk> \"%s\"^^%s .\n", m.id, security, m.key.appendCanonical(nil, `\"`), rdfJSON)
}

// writeQuads writes the graph of a proof without its jws.
func (p *didProof) writeQuads(w io.Writer) {
	const node = "_:c14n0"
	fmt.Fprintf(w, "%s %s \"%s\"^^%s .\n", node, dcCreated, p.created, xsdTime)
	fmt.Fprintf(w, "%s %s <%sJsonWebSignature2020> .\n", node, rdfType, security)
	fmt.Fprintf(w, "%s <%snonce> \"%s\" .\n", node, security, p.nonce)
	fmt.Fprintf(w, "%s <%sproofPurpose> <%[2]sassertionMethod> .\n", node, security)
	fmt.Fprintf(w, "%s <%sverificationMethod> <%s> .\n", node, security, p.method)
}

// maxIRI bounds an identifier, in bytes.
const maxIRI = 1024

// didIRI reads an identifier did:web:..., which N-Quads and JSON-LD both leave as it is.
func didIRI(w list.JSON, fragment bool) (string, error) {
	token, err := w.Token()
	if err != nil {
		return "", err
	}
	return iriOf(token, fragment)
}

// iriOf is didIRI for a value that was read.
func iriOf(token json.Token, fragment bool) (string, error) {
	text, err := textOf(token)
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(text, "did:web:")
	if fragment {
		var after string
		var has bool
		name, after, has = strings.Cut(name, "#")
		ok = ok && (!has || after != "") && strings.Trim(after, didLetters+"+/=-_") == ""
	}
	if !ok || name == "" || len(text) > maxIRI || strings.Trim(name, didLetters+".-_:%") != "" {
		return "", fmt.Errorf("%.60q is not a did:web identifier", text)
	}
	return text, nil
}

// didConstant reads a string that can only be one.
func didConstant(w list.JSON, want string) error {
	text, err := didText(w)
	if err == nil && text != want {
		err = fmt.Errorf("%.60q, not %q", text, want)
	}
	return err
}

// didTime reads a time in UTC.
func didTime(w list.JSON) (string, error) {
	text, err := didText(w)
	if err != nil {
		return "", err
	}
	if _, err := time.Parse(time.RFC3339, text); err != nil || !strings.HasSuffix(text, "Z") || strings.Contains(text, ",") {
		return "", errors.New("not a time in UTC, as in 2026-08-22T17:05:46Z")
	}
	return text, nil
}
