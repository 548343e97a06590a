package who

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
)

// didDocument is a did.json of the WHO network, version 2: a list of keys, or of documents with keys (DID Core §5, Linked
// Data proof JsonWebSignature2020). It holds all that the JSON did: what has no place here is not signed either, since
// canonical N-Quads drop a term that the contexts do not define, and is refused.
type didDocument struct {
	id, controller string
	environment    environment
	methods        []didMethod
	proof          didProof
}

// didMethod is one verificationMethod. If it is only a reference to another document it has nothing but its id.
type didMethod struct {
	id        string
	reference bool

	controller                    string
	key                           jwk
	domain, participant, keyUsage string // codes without #, empty if there are none
}

// maxDIDSize bounds a document, in bytes; the longest published one has 2 MB. It is less than MaxListSize because a document
// must be taken apart before its signature can be checked, which takes several times its size.
const maxDIDSize = 16 << 20

// didProof is the proof of a document.
type didProof struct {
	created string // RFC 3339, UTC
	nonce   string
	method  string // what names the signer: the anchor decides, not this
	jws     string
}

// didContexts are the first ones of version 2; the third is of the environment. Any other would give other meanings to the same
// members.
var didContexts = []string{
	"https://www.w3.org/ns/did/v1",
	"https://w3id.org/security/suites/jws-2020/v1",
}

// didHeader is the header of every version 2 signature: {"b64":false,"crit":["b64"],"alg":"ES256"}.
const didHeader = "eyJiNjQiOmZhbHNlLCJjcml0IjpbImI2NCJdLCJhbGciOiJFUzI1NiJ9"

const whoListURL = "https://tng-cdn.who.int/v2/trustlist/DCC/-/DSC/did.json"

var (
	errDIDVersion1 = fmt.Errorf("%w: a version 1 document, whose signature nobody could yet check; use version 2, as in %s",
		source.ErrMalformed, whoListURL)
	errDIDMember = errors.New("this member has no place there, and would not be signed")
	errDIDTwice  = errors.New("there twice")
)

// openDID reads a document if one of the anchors signed it. The signature is over two hashes of canonical N-Quads, of the
// proof and of the rest (quads.go), and is DER under the name ES256, where a JWS would have r and s in 64 bytes.
func openDID(raw []byte, a pki.Anchors) (*didDocument, error) {
	if len(a.Keys) == 0 {
		return nil, pki.ErrNoAnchor
	}
	d, err := readDID(raw)
	if err != nil {
		return nil, err
	}
	encoded, ok := strings.CutPrefix(d.proof.jws, didHeader+"..")
	if !ok {
		return nil, fmt.Errorf("%w: jws: its header is not the one of version 2", source.ErrMalformed)
	}
	signature, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("%w: jws: %w", source.ErrMalformed, err)
	}
	digest := d.digest()
	for _, key := range a.Keys {
		if pki.IsP256(key) && ecdsa.VerifyASN1(key.(*ecdsa.PublicKey), digest, signature) {
			return d, nil
		}
	}
	return nil, fmt.Errorf("%w: %s is not signed by any of the anchors", source.ErrNotAuthentic, d.id)
}

// digest is the hash of what is signed.
func (d *didDocument) digest() []byte {
	sum := func(write func(io.Writer)) []byte {
		h := sha256.New()
		write(h)
		return h.Sum(nil)
	}
	h := sha256.New()
	io.WriteString(h, didHeader+".") // hash.Hash never fails
	h.Write(sum(d.proof.writeQuads))
	h.Write(sum(d.writeQuads))
	return h.Sum(nil)
}

// created is when a document was signed.
func (d *didDocument) created() time.Time {
	at, _ := time.Parse(time.RFC3339, d.proof.created) // checked by readProof
	return at
}

// readDID reads a document without judging its signature.
func readDID(raw []byte) (*didDocument, error) {
	if len(raw) > maxDIDSize {
		return nil, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(raw))
	}
	w := list.WalkJSON(raw)
	var d didDocument
	err := didObject(w, []string{"@context", "id", "controller", "verificationMethod", "proof"}, func(name string) (err error) {
		switch name {
		case "@context":
			d.environment, err = readDIDContext(w)
		case "id":
			d.id, err = didIRI(w, false)
		case "controller":
			d.controller, err = didIRI(w, false)
		case "verificationMethod":
			d.methods, err = readMethods(w)
		case "proof":
			d.proof, err = readProof(w)
		}
		return err
	}, "@context", "id", "controller", "verificationMethod", "proof")
	if err == nil {
		err = w.End()
	}
	if err == nil {
		err = d.checkIDs()
	}
	if err != nil {
		return nil, list.Malformed(err)
	}
	return &d, nil
}

// checkIDs refuses two things with one id: their N-Quads would mix, and the same signature would hold for a document in
// which their members are exchanged.
func (d *didDocument) checkIDs() error {
	seen := make(map[string]bool, len(d.methods)+1)
	seen[d.id] = true
	for _, m := range d.methods {
		if seen[m.id] {
			return fmt.Errorf("id %.200q: %w", m.id, errDIDTwice)
		}
		seen[m.id] = true
	}
	return nil
}

// didObject reads an object: each is called for every member, and must read it. A name that is not among the allowed ones,
// or there twice, is an error, as is the lack of one of the required; the error says in which member.
func didObject(w list.JSON, allowed []string, each func(name string) error, required ...string) error {
	if err := w.Delimiter('{'); err != nil {
		return err
	}
	return didMembers(w, allowed, each, required...)
}

// didMembers is didObject for an object whose brace was read.
func didMembers(w list.JSON, allowed []string, each func(name string) error, required ...string) error {
	var seen []string
	for w.More() {
		token, err := w.Token()
		if err != nil {
			return err
		}
		name := token.(string) // a decoder gives nothing else there
		switch {
		case slices.Contains(seen, name):
			err = errDIDTwice
		case !slices.Contains(allowed, name):
			err = errDIDMember
		default:
			seen = append(seen, name)
			err = each(name)
		}
		if err != nil {
			return fmt.Errorf("%.60q: %w", name, err)
		}
	}
	if err := w.Delimiter('}'); err != nil {
		return err
	}
	for _, name := range required {
		if !slices.Contains(seen, name) {
			return fmt.Errorf("%q: missing", name)
		}
	}
	return nil
}

// readDIDContext returns the environment that the contexts name.
func readDIDContext(w list.JSON) (environment, error) {
	var contexts []string
	err := w.Array(func() error {
		if len(contexts) > len(didContexts) {
			return errors.New("more contexts than version 2 has")
		}
		text, err := didText(w)
		contexts = append(contexts, text)
		return err
	})
	switch {
	case err != nil:
		return 0, err
	case slices.Equal(contexts, didContexts):
		return 0, errDIDVersion1
	case len(contexts) == len(didContexts)+1 && slices.Equal(contexts[:len(didContexts)], didContexts):
		for e := range numEnvironments {
			if contexts[len(didContexts)] == e.context() {
				return e, nil
			}
		}
	}
	return 0, errors.New("not the contexts of version 2")
}

func readMethods(w list.JSON) (methods []didMethod, err error) {
	err = w.Array(func() error {
		if len(methods) == source.MaxCertificates {
			return fmt.Errorf("%w: more than %d keys", source.ErrTooLarge, source.MaxCertificates)
		}
		m, err := readMethod(w)
		if err != nil {
			return fmt.Errorf("entry %d: %w", len(methods)+1, err)
		}
		methods = append(methods, m)
		return nil
	})
	return methods, err
}

func readMethod(w list.JSON) (m didMethod, err error) {
	token, err := w.Token()
	if err != nil {
		return m, err
	}
	if token != json.Delim('{') {
		m.reference = true
		m.id, err = iriOf(token, true)
		return m, err
	}
	err = didMembers(w, []string{"id", "type", "controller", "publicKeyJwk", "domain", "participant", "keyusage"}, func(name string) (err error) {
		switch name {
		case "id":
			m.id, err = didIRI(w, true)
		case "type":
			err = didConstant(w, "JsonWebKey2020")
		case "controller":
			m.controller, err = didIRI(w, false)
		case "publicKeyJwk":
			m.key, err = readJWK(w)
		case "domain":
			m.domain, err = readCode(w)
		case "participant":
			m.participant, err = readCode(w)
		case "keyusage":
			m.keyUsage, err = readCode(w)
		}
		return err
	}, "id", "type", "controller", "publicKeyJwk")
	return m, err
}

// readCode reads {"code":"#DCC"}.
func readCode(w list.JSON) (code string, err error) {
	err = didObject(w, []string{"code"}, func(string) error {
		text, err := didText(w)
		if err != nil {
			return err
		}
		var relative bool
		if code, relative = strings.CutPrefix(text, "#"); !relative || code == "" || strings.Trim(code, didLetters+"-_") != "" {
			return fmt.Errorf("%.40q is not a code", text)
		}
		return nil
	}, "code")
	return code, err
}

func readProof(w list.JSON) (p didProof, err error) {
	names := []string{"type", "created", "nonce", "proofPurpose", "verificationMethod", "jws"}
	err = didObject(w, names, func(name string) (err error) {
		switch name {
		case "type":
			err = didConstant(w, "JsonWebSignature2020")
		case "created":
			p.created, err = didTime(w)
		case "nonce":
			p.nonce, err = didText(w)
		case "proofPurpose":
			err = didConstant(w, "assertionMethod")
		case "verificationMethod":
			p.method, err = didIRI(w, true)
		case "jws":
			p.jws, err = didText(w)
		}
		return err
	}, names...)
	return p, err
}
