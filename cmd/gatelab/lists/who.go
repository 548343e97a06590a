package lists

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Identifiers of the WHO network's documents. One stands at https://tng-cdn.who.int/ and its last parts joined by slashes,
// then /did.json.
const (
	WHOList    = "did:web:tng-cdn.who.int:v2:trustlist:DCC:-:DSC"
	WHOPH4H    = "did:web:tng-cdn.who.int:v2:trustlist:PH4H:-:DSC"
	WHORefRoot = "did:web:tng-cdn.who.int:v2:trustlist-ref"
)

const whoSigner = "did:web:raw.githubusercontent.com:WorldHealthOrganization:tng-participants-prod:main:WHO:signing:DID"

// WHO writes the DSCs of all participants as the network's gateway does in version 2, signed by d.Signer.
func WHO(d *Domain, signed time.Time) ([]byte, error) { return WHOAt(d, WHOList, signed) }

// WHOAt is WHO for a document of another name.
func WHOAt(d *Domain, id string, signed time.Time) ([]byte, error) {
	var methods []any
	for _, dsc := range d.DSCs {
		m, err := whoMethod(id, d.Country, "DSC", dsc, d.CSCA.Cert)
		if err != nil {
			return nil, err
		}
		methods = append(methods, m)
	}
	return whoDocument(d, id, signed, methods)
}

// WHOAuthorities writes the CSCA of the domain, in the same form.
func WHOAuthorities(d *Domain, id string, signed time.Time) ([]byte, error) {
	m, err := whoMethod(id, d.Country, "CSCA", d.CSCA.Cert)
	if err != nil {
		return nil, err
	}
	return whoDocument(d, id, signed, []any{m})
}

// WHORef writes the root of the tree of references, signed by d.Signer. The targets are did:web identifiers.
func WHORef(d *Domain, signed time.Time, targets ...string) ([]byte, error) {
	return WHORefAt(d, WHORefRoot, signed, targets...)
}

// WHORefAt is WHORef for a document of another name.
func WHORefAt(d *Domain, id string, signed time.Time, targets ...string) ([]byte, error) {
	var methods []any
	for _, target := range targets {
		methods = append(methods, target)
	}
	return whoDocument(d, id, signed, methods)
}

type whoCode struct {
	Code string `json:"code"`
}

type whoKey struct {
	ID           string  `json:"id"`
	Type         string  `json:"type"`
	Controller   string  `json:"controller"`
	PublicKeyJwk whoJWK  `json:"publicKeyJwk"`
	Domain       whoCode `json:"domain"`
	Participant  whoCode `json:"participant"`
	KeyUsage     whoCode `json:"keyusage"`
}

type whoJWK struct {
	Kty string   `json:"kty"`
	Kid string   `json:"kid"`
	X5c [][]byte `json:"x5c"` // leaf, and perhaps its CSCA
	Crv string   `json:"crv,omitempty"`
	X   string   `json:"x,omitempty"`
	Y   string   `json:"y,omitempty"`
	E   string   `json:"e,omitempty"`
	N   string   `json:"n,omitempty"`
}

func whoMethod(id, country, usage string, chain ...*x509.Certificate) (whoKey, error) {
	sum := sha256.Sum256(chain[0].Raw)
	kid := base64.StdEncoding.EncodeToString(sum[:8])
	key := whoJWK{Kid: kid}
	for _, cert := range chain {
		key.X5c = append(key.X5c, cert.Raw)
	}
	switch public := chain[0].PublicKey.(type) {
	case *ecdsa.PublicKey:
		point, err := public.Bytes()
		if err != nil {
			return whoKey{}, err
		}
		half := len(point) / 2
		key.Kty, key.Crv = "EC", "UNKNOWN CURVE" // what the gateway calls all but P-256
		if public.Curve.Params().BitSize == 256 {
			key.Crv = "P-256"
		}
		key.X, key.Y = whoInteger(point[1:1+half]), whoInteger(point[1+half:])
	case *rsa.PublicKey:
		key.Kty, key.N, key.E = "RSA", whoInteger(public.N.Bytes()), whoInteger(big.NewInt(int64(public.E)).Bytes())
	default:
		return whoKey{}, fmt.Errorf("no JWK for a %T", public)
	}
	return whoKey{
		id + "#" + kid, "JsonWebKey2020", whoParent(id), key,
		whoCode{"#" + whoDomain(id)},
		whoCode{"#" + whoParticipant(country)},
		whoCode{"#" + usage},
	}, nil
}

// whoDomain is the domain that a list is of.
func whoDomain(id string) string {
	if _, path, ok := strings.Cut(id, ":trustlist:"); ok {
		domain, _, _ := strings.Cut(path, ":")
		return domain
	}
	return "DCC"
}

// whoInteger is an unsigned number as the gateway writes it, by Java's BigInteger.toByteArray: in two's complement, so that
// half of the coordinates begin with a zero byte which RFC 7518 §6.2.1.2 does not allow.
func whoInteger(b []byte) string {
	b = bytes.TrimLeft(b, "\x00")
	if len(b) == 0 || b[0] >= 0x80 {
		b = append([]byte{0}, b...)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// whoParent is the controller of a document: of a list, what stands above it.
func whoParent(id string) string {
	if at := strings.LastIndexByte(id, ':'); strings.Contains(id, ":trustlist:") {
		return id[:at]
	}
	return id
}

// whoParticipant is the ISO 3166-1 alpha-3 of a few countries. That of a made-up one has an X before it, as on the network.
func whoParticipant(alpha2 string) string {
	known := map[string]string{"AT": "AUT", "DE": "DEU", "ES": "ESP", "FR": "FRA", "IT": "ITA", "NL": "NLD", "PL": "POL", "SE": "SWE"}
	if alpha3, ok := known[alpha2]; ok {
		return alpha3
	}
	return "X" + alpha2
}

type whoProof struct {
	Type               string `json:"type"`
	Created            string `json:"created"`
	Nonce              string `json:"nonce"`
	ProofPurpose       string `json:"proofPurpose"`
	VerificationMethod string `json:"verificationMethod"`
	JWS                string `json:"jws"`
}

// whoDocument signs methods, which are keys or identifiers.
func whoDocument(d *Domain, id string, signed time.Time, methods []any) ([]byte, error) {
	if methods == nil {
		methods = []any{}
	}
	proof := whoProof{
		"JsonWebSignature2020", signed.UTC().Format("2006-01-02T15:04:05Z"), (rand.Text() + rand.Text())[:32], "assertionMethod", whoSigner, "",
	}
	graph, err := whoGraph(id, methods)
	if err != nil {
		return nil, err
	}
	header := base64.RawURLEncoding.EncodeToString([]byte(`{"b64":false,"crit":["b64"],"alg":"ES256"}`))
	proofHash, graphHash := whoHash(whoProofGraph(proof)), whoHash(graph)
	message := slices.Concat([]byte(header+"."), proofHash[:], graphHash[:])
	digest := sha256.Sum256(message)
	signature, err := d.Signer.Key.Sign(rand.Reader, digest[:], nil) // DER, although a JWS with ES256 has 64 bytes
	if err != nil {
		return nil, err
	}
	proof.JWS = header + ".." + base64.RawURLEncoding.EncodeToString(signature)
	return whoJSON(struct {
		Context    []string `json:"@context"`
		ID         string   `json:"id"`
		Controller string   `json:"controller"`
		Methods    []any    `json:"verificationMethod"`
		Proof      whoProof `json:"proof"`
	}{
		[]string{
			"https://www.w3.org/ns/did/v1", "https://w3id.org/security/suites/jws-2020/v1",
			"https://smart.who.int/trust/tng-context/v1.jsonld",
		}, id, whoParent(id), methods, proof,
	})
}

// whoGraph has the N-Quads of a document.
func whoGraph(id string, methods []any) ([]string, error) {
	lines := []string{whoQuad(id, "controller", whoParent(id))}
	for _, m := range methods {
		if target, ok := m.(string); ok {
			lines = append(lines, whoQuad(id, "verificationMethod", target))
			continue
		}
		key := m.(whoKey)
		plain, err := whoJSON(key.PublicKeyJwk)
		if err != nil {
			return nil, err
		}
		var members map[string]any // encoded again in the order of RFC 8785
		if err := json.Unmarshal(plain, &members); err != nil {
			return nil, err
		}
		canonical, err := whoJSON(members)
		if err != nil {
			return nil, err
		}
		lines = append(lines,
			whoQuad(id, "verificationMethod", key.ID),
			fmt.Sprintf("<%s> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://w3id.org/security#%s> .\n", key.ID, key.Type),
			whoQuad(key.ID, "controller", key.Controller),
			fmt.Sprintf("<%s> <https://w3id.org/security#publicKeyJwk> \"%s\"^^<http://www.w3.org/1999/02/22-rdf-syntax-ns#JSON> .\n",
				key.ID, strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(string(canonical))))
		for set, code := range map[string]whoCode{"Domains": key.Domain, "Participants": key.Participant, "KeyUsage": key.KeyUsage} {
			set = "https://smart.who.int/trust/ValueSet-" + set + ".jsonld"
			lines = append(lines, fmt.Sprintf("<%s> <%s> <%s%s> .\n", key.ID, set, set, code.Code))
		}
	}
	return lines, nil
}

func whoQuad(subject, term, object string) string {
	return fmt.Sprintf("<%s> <https://w3id.org/security#%s> <%s> .\n", subject, term, object)
}

// whoProofGraph has the N-Quads of a proof without its signature.
func whoProofGraph(p whoProof) []string {
	return []string{
		fmt.Sprintf("_:c14n0 <http://purl.org/dc/terms/created> \"%s\"^^<http://www.w3.org/2001/XMLSchema#dateTime> .\n", p.Created),
		fmt.Sprintf("_:c14n0 <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://w3id.org/security#%s> .\n", p.Type),
		fmt.Sprintf("_:c14n0 <https://w3id.org/security#nonce> \"%s\" .\n", p.Nonce),
		fmt.Sprintf("_:c14n0 <https://w3id.org/security#proofPurpose> <https://w3id.org/security#%s> .\n", p.ProofPurpose),
		fmt.Sprintf("_:c14n0 <https://w3id.org/security#verificationMethod> <%s> .\n", p.VerificationMethod),
	}
}

func whoHash(lines []string) [sha256.Size]byte {
	slices.Sort(lines)
	return sha256.Sum256([]byte(strings.Join(slices.Compact(lines), "")))
}

// whoJSON is JSON as the gateway writes it, without the escapes for HTML that Go adds.
func whoJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
