package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"gatescan/cmd/gatelab/lists"
)

const (
	publisherDir  = "lists" // of a lab: credentials, for their owner only
	unfinishedDir = "lists.new"
	anchorsDir    = "anchors" // of a lab: what gates have to trust
)

// publisher is a lab that publishes lists.
type publisher struct {
	dir    string // of the lab, absolute
	domain *lists.Domain
	tls    *lists.TLSKeys
}

// credentials are the files of publisherDir.
func (p *publisher) credentials() map[string]*lists.Credential {
	return map[string]*lists.Credential{
		"signer.pem": &p.domain.Signer, "anchor.pem": &p.domain.Anchor, "upload.pem": &p.domain.Uploader,
		"tls-ca.pem": &p.tls.CA, "tls-server.pem": &p.tls.Server, "tls-client.pem": &p.tls.Client,
	}
}

// publisher reads what the lab in dir signs and serves lists with, and makes it if there is nothing yet.
func (l *lab) publisher(dir string) (*publisher, error) {
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	p := &publisher{dir: absolute}
	switch _, err = root.Stat(publisherDir); {
	case errors.Is(err, fs.ErrNotExist):
		err = p.make(l.country, root)
	case err == nil:
		err = p.read(root)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, publisherDir), err)
	}
	p.domain.Country = l.country
	p.domain.CSCA = lists.Credential{Cert: l.csca.cert, Key: l.csca.key}
	for _, dsc := range l.dscs {
		p.domain.DSCs = append(p.domain.DSCs, dsc.cert)
	}
	if l.ph4h != nil {
		p.domain.PH4H = []*x509.Certificate{l.ph4h.cert}
	}
	return p, p.domain.WithRules()
}

// make makes all credentials. The directory gets its name last, so that half of one is not taken for it.
func (p *publisher) make(country string, root *os.Root) (err error) {
	if p.domain, err = lists.NewDomain(country, 0); err != nil {
		return err
	}
	if p.tls, err = lists.NewTLSKeys(country); err != nil {
		return err
	}
	if err := root.RemoveAll(unfinishedDir); err != nil {
		return err
	}
	if err := root.Mkdir(unfinishedDir, 0o700); err != nil {
		return err
	}
	w := labWriter{root: root}
	for name, c := range p.credentials() {
		der, err := x509.MarshalPKCS8PrivateKey(c.Key)
		if err != nil {
			return err
		}
		both := append(c.PEM(), pem.EncodeToMemory(&pem.Block{Type: pemPrivateKey, Bytes: der})...)
		if err := w.file(path.Join(unfinishedDir, name), both, 0o600); err != nil {
			return err
		}
	}
	return root.Rename(unfinishedDir, publisherDir)
}

func (p *publisher) read(root *os.Root) error {
	p.domain, p.tls = &lists.Domain{}, &lists.TLSKeys{}
	for name, c := range p.credentials() {
		data, err := readLabFile(root, path.Join(publisherDir, name))
		if err == nil {
			*c, err = parseCredential(data)
		}
		if err != nil {
			return fmt.Errorf("%s: %w; remove the directory to have all keys made anew", name, err)
		}
	}
	return nil
}

// parseCredential reads a certificate and its key.
func parseCredential(data []byte) (c lists.Credential, err error) {
	certificate, rest := pem.Decode(data)
	if certificate == nil || certificate.Type != pemCertificate {
		return c, fmt.Errorf("does not begin with a PEM block %q", pemCertificate)
	}
	if c.Cert, err = x509.ParseCertificate(certificate.Bytes); err != nil {
		return c, err
	}
	private, _ := pem.Decode(rest)
	if private == nil || private.Type != pemPrivateKey {
		return c, fmt.Errorf("no PEM block %q after the certificate", pemPrivateKey)
	}
	key, err := x509.ParsePKCS8PrivateKey(private.Bytes)
	if err != nil {
		return c, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok || !es256.fits(signer) {
		return c, errors.New("not a P-256 key")
	}
	if public, ok := signer.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(c.Cert.PublicKey) {
		return c, errors.New("not the key of its certificate")
	}
	c.Key = signer
	return c, nil
}

// writeAnchors writes what gates have to trust. It is derived, and so replaced if it differs.
func (p *publisher) writeAnchors(offers []lists.Offer) error {
	files := map[string][]byte{
		"csca.pem": p.domain.CSCA.PEM(), "tls-ca.pem": p.tls.CA.PEM(), "tls-client.pem": p.tls.Client.PEM(),
	}
	for _, o := range offers {
		if o.Anchor != nil {
			files[o.Name+".pem"] = o.Anchor(p.domain)
		}
		if o.Token != "" {
			files[o.Name+".token"] = []byte(o.Token + "\n")
		}
	}
	dir := filepath.Join(p.dir, anchorsDir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, data := range files {
		if err := replaceFile(filepath.Join(dir, name), data); err != nil {
			return err
		}
	}
	return nil
}

// replaceFile writes a file that somebody may be reading, unless it says so already.
func replaceFile(name string, data []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, data) {
		return nil
	}
	if err := os.WriteFile(name+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}
