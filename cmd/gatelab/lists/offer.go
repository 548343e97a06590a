package lists

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/http"
	"time"
)

// Offer is one source that a Server offers. Everything of it lies below /NAME/ on the server.
type Offer struct {
	Name string
	Kind string // the word in the configuration of a gate
	Path string // of the URL that a gate is given
	On   Listener

	Anchor func(*Domain) []byte // PEM that a gate must pin; nil if nothing is signed as a whole
	CSCAs  bool                 // each DSC can be held against its CSCA, which does not come along

	Rules  bool   // it gives rules and value sets, and no DSCs
	Domain string // of the WHO network, where it is not the DCC's
	Signer string // common name of who signs, where many could under the anchor; empty for none
	Token  string // that a gate must show; empty for none

	Dated bool          // what is signed says when that was
	Life  time.Duration // and how long it holds from then on; 0 if it does not say

	make func(*Domain, edition) (http.Handler, error)
}

// edition is when a list is signed, and until when it holds.
type edition struct{ signed, expires time.Time }

// offers has a line for each source. A handler that make returns is asked without /NAME; one that is a service is told what is
// withdrawn, any other is made anew.
var offers = []Offer{
	{
		Name: "who", Kind: "who", Path: "/who/v2/trustlist/DCC/-/DSC/did.json", On: TLS, Anchor: signerKey, Dated: true,
		make: makeWHO,
	},
	{
		Name: "who-ref", Kind: "who", Path: "/who-ref/v2/trustlist-ref/did.json", On: TLS, Anchor: signerKey, Dated: true,
		make: makeWHORef,
	},
	{
		Name: "who-ph4h", Kind: "who", Path: "/who-ph4h/v2/trustlist/PH4H/-/DSC/did.json", On: TLS, Anchor: signerKey, Dated: true,
		Domain: "PH4H", make: makePH4H,
	},
	{
		Name: "eu", Kind: "eu", Path: "/eu", On: TLS, CSCAs: true,
		make: func(d *Domain, _ edition) (http.Handler, error) { return EUVerifierService(d), nil },
	},
	{
		Name: "italy", Kind: "italy", Path: "/italy/v1/dgc", On: TLS, CSCAs: true,
		make: func(d *Domain, _ edition) (http.Handler, error) { return ItalianVerifierService(d), nil },
	},
	{
		Name: "germany", Kind: "germany", Path: "/germany/trustList/DSC/", On: TLS, Anchor: signerKey,
		make: func(d *Domain, e edition) (http.Handler, error) {
			list, err := Germany(d)
			return documents{"/trustList/DSC/": newDocument("text/plain;charset=UTF-8", list, e)}, err
		},
	},
	{
		Name: "sweden", Kind: "sweden", Path: "/sweden/tp/trust-list", On: TLS, Anchor: signerCertificate, Dated: true, Life: 24 * time.Hour,
		make: func(d *Domain, e edition) (http.Handler, error) {
			list, err := Sweden(d, e.signed, e.expires)
			return documents{"/tp/trust-list": newDocument("application/jose", list, e)}, err // RFC 7515 §9.2.1
		},
	},
	{
		Name: "austria", Kind: "austria", Path: "/austria", On: TLS, Anchor: signerCertificate, Dated: true, Life: 48 * time.Hour,
		make: func(d *Domain, e edition) (http.Handler, error) {
			list, signature, err := Austria(d, e.signed, e.expires)
			return documents{
				"/trustlist":    newDocument("application/octet-stream", list, e),
				"/trustlistsig": newDocument("application/octet-stream", signature, e),
			}, err
		},
	},
	{
		Name: "netherlands", Kind: "netherlands", Path: "/netherlands/v4/verifier/public_keys", On: TLS, Anchor: signerCertificate, Dated: true,
		make: func(d *Domain, e edition) (http.Handler, error) {
			list, err := Netherlands(d, e.signed)
			return documents{"/v4/verifier/public_keys": newDocument("application/json", list, e)}, err
		},
	},
	{
		Name: "eu-archive", Kind: "eu_archive", Path: "/eu-archive/dcc_trustlist.zip", On: TLS, Anchor: signerCertificate, Dated: true,
		make: func(d *Domain, e edition) (http.Handler, error) {
			archive, signature, err := EUArchive(d, e.signed)
			return documents{
				"/dcc_trustlist.zip":         newDocument("application/zip", archive, e),
				"/dcc_trustlist.zip.sig.txt": newDocument("text/plain", signature, e),
			}, err
		},
	},
	{
		Name: "gateway", Kind: "gateway", Path: "/gateway", On: MutualTLS, Anchor: func(d *Domain) []byte { return d.Anchor.PEM() },
		make: func(d *Domain, _ edition) (http.Handler, error) { return NewGateway(d) },
	},
	{
		Name: "eu-rules", Kind: "eu_rules", Path: "/eu-rules", On: TLS, Anchor: signerKey, Rules: true, make: makeRuleService,
	},
	{
		Name: "germany-rules", Kind: "germany_rules", Path: "/germany-rules", On: TLS, Anchor: signerKey, Rules: true, make: makeRuleService,
	},
	{
		Name: "austria-rules", Kind: "austria_rules", Path: "/austria-rules", On: TLS, Anchor: signerCertificate, Rules: true,
		Dated: true, Life: 48 * time.Hour,
		make: func(d *Domain, e edition) (http.Handler, error) {
			rules, rulesSignature, err := AustriaRules(d, e.signed, e.expires)
			if err != nil {
				return nil, err
			}
			sets, setsSignature, err := AustriaSets(d, e.signed, e.expires)
			return documents{
				"/rules":        newDocument("application/octet-stream", rules, e),
				"/rulessig":     newDocument("application/octet-stream", rulesSignature, e),
				"/valuesets":    newDocument("application/octet-stream", sets, e),
				"/valuesetssig": newDocument("application/octet-stream", setsSignature, e),
			}, err
		},
	},
	{
		Name: "switzerland-rules", Kind: "switzerland_rules", Path: "/switzerland-rules/trust/v2/verificationRules", On: TLS,
		Anchor: func(d *Domain) []byte { return d.CSCA.PEM() }, Signer: SwissSigner, Token: SwissToken, Rules: true,
		make: func(d *Domain, e edition) (http.Handler, error) {
			rules, err := SwitzerlandRules(d)
			return withToken(SwissToken, documents{
				"/trust/v2/verificationRules": newDocument("application/json+jws", rules, e),
			}), err
		},
	},
}

func makeRuleService(d *Domain, _ edition) (http.Handler, error) { return NewRuleService(d) }

func signerKey(d *Domain) []byte         { return d.Signer.PublicPEM() }
func signerCertificate(d *Domain) []byte { return d.Signer.PEM() }

func makeWHO(d *Domain, e edition) (http.Handler, error) {
	list, err := WHO(d, e.signed)
	return documents{"/v2/trustlist/DCC/-/DSC/did.json": newDocument("application/json", list, e)}, err
}

// makePH4H has the signers of ICVPs.
func makePH4H(d *Domain, e edition) (http.Handler, error) {
	signers := *d
	signers.DSCs = d.PH4H
	list, err := WHOAt(&signers, WHOPH4H, e.signed)
	return documents{"/v2/trustlist/PH4H/-/DSC/did.json": newDocument("application/json", list, e)}, err
}

// makeWHORef has the four levels of the published tree: the root, its domain, the country, the list.
func makeWHORef(d *Domain, e edition) (http.Handler, error) {
	country := whoParticipant(d.Country)
	ids := []string{WHORefRoot, WHORefRoot + ":DCC", WHORefRoot + ":DCC:" + country}
	leaf := "did:web:tng-cdn.who.int:v2:trustlist:DCC:" + country + ":DSC"
	all := documents{}
	for i, id := range ids {
		target := leaf
		if i+1 < len(ids) {
			target = ids[i+1]
		}
		text, err := WHORefAt(d, id, e.signed, target)
		if err != nil {
			return nil, err
		}
		path := "/v2/trustlist-ref" + []string{"", "/DCC", "/DCC/" + country}[i] + "/did.json"
		all[path] = newDocument("application/json", text, e)
	}
	text, err := WHOAt(d, leaf, e.signed)
	all["/v2/trustlist/DCC/"+country+"/DSC/did.json"] = newDocument("application/json", text, e)
	return all, err
}

// service is a handler whose keys come and go while it runs.
type service interface {
	http.Handler
	Add(*x509.Certificate)
	Withdraw(kid []byte)
}

// documents are files by their path. They answer conditional requests (RFC 9110 §13).
type documents map[string]document

type document struct {
	contentType string
	body        []byte
	tag         string
	modified    time.Time
}

func newDocument(contentType string, body []byte, e edition) document {
	sum := sha256.Sum256(body)
	return document{contentType, body, fmt.Sprintf(`"%x"`, sum[:16]), e.signed}
}

func (d documents) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	one, ok := d[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", one.contentType)
	w.Header().Set("ETag", one.tag)
	http.ServeContent(w, r, "", one.modified, bytes.NewReader(one.body))
}
