package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
)

// labFile is the index of a lab. It is written last: a directory without it is no lab.
const labFile = "lab.json"

// maxLabFile bounds each file of a lab that is read, in bytes; real ones stay under 4 KiB.
const maxLabFile = 1 << 20

// The blocks of a PEM file (RFC 7468 sections 5 and 10).
const (
	pemCertificate = "CERTIFICATE"
	pemPrivateKey  = "PRIVATE KEY"
)

// A lab is a trust domain: one country, its CSCA and the DSCs under it, with all their keys.
type lab struct {
	country string
	csca    credential
	dscs    []credential
	ph4h    *credential // signs ICVPs; nil if the lab was made without
}

// labIndex is the content of lab.json. Paths are relative to it, with slashes.
type labIndex struct {
	Country string     `json:"country"`
	CSCA    labEntry   `json:"csca"`
	DSC     []labEntry `json:"dsc"`
	PH4H    *labEntry  `json:"ph4h,omitempty"`
}

type labEntry struct {
	Alg         algorithm `json:"alg"`
	Certificate string    `json:"certificate"`
	Key         string    `json:"key"`
}

// dsc returns the first DSC of the algorithm.
func (l *lab) dsc(alg algorithm) (*credential, error) {
	for i := range l.dscs {
		if l.dscs[i].alg == alg {
			return &l.dscs[i], nil
		}
	}
	return nil, fmt.Errorf("the lab has no DSC for %s", alg)
}

// openLab reads the lab in dir, whole: an index that names a missing, foreign or mismatched file is an error.
func openLab(dir string) (*lab, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, notLab(dir, err)
	}
	defer root.Close()
	data, err := readLabFile(root, labFile)
	if err != nil {
		return nil, notLab(dir, err)
	}
	var index labIndex
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&index); err != nil {
		return nil, fmt.Errorf("%s: %w", path.Join(dir, labFile), err)
	}
	l := &lab{country: index.Country}
	if l.csca, err = index.CSCA.read(root); err != nil {
		return nil, fmt.Errorf("lab %s: CSCA: %w", dir, err)
	}
	for i, entry := range index.DSC {
		dsc, err := entry.read(root)
		if err != nil {
			return nil, fmt.Errorf("lab %s: DSC %d: %w", dir, i+1, err)
		}
		l.dscs = append(l.dscs, dsc)
	}
	if index.PH4H != nil {
		signer, err := index.PH4H.read(root)
		if err != nil {
			return nil, fmt.Errorf("lab %s: PH4H: %w", dir, err)
		}
		l.ph4h = &signer
	}
	return l, nil
}

func notLab(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not a lab; make one with 'gatelab init DIR' (%w)", dir, err)
	}
	return fmt.Errorf("opening lab %s: %w", dir, err)
}

// read loads one certificate with its key and refuses a pair that does not belong together.
func (e labEntry) read(root *os.Root) (credential, error) {
	der, err := readPEM(root, e.Certificate, pemCertificate)
	if err != nil {
		return credential{}, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return credential{}, fmt.Errorf("%s: %w", e.Certificate, err)
	}
	der, err = readPEM(root, e.Key, pemPrivateKey)
	if err != nil {
		return credential{}, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return credential{}, fmt.Errorf("%s: %w", e.Key, err)
	}
	key, ok := parsed.(crypto.Signer)
	if !ok || !e.Alg.fits(key) {
		return credential{}, fmt.Errorf("%s: not a key for %q", e.Key, e.Alg)
	}
	if public, ok := key.Public().(interface{ Equal(crypto.PublicKey) bool }); !ok || !public.Equal(cert.PublicKey) {
		return credential{}, fmt.Errorf("%s is not the key of %s", e.Key, e.Certificate)
	}
	return credential{e.Alg, cert, key}, nil
}

// fits says whether key signs with the algorithm.
func (a algorithm) fits(key crypto.Signer) bool {
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		return a == es256 && k.Curve == elliptic.P256()
	case *rsa.PrivateKey:
		return a == ps256
	}
	return false
}

func readPEM(root *os.Root, name, kind string) ([]byte, error) {
	data, err := readLabFile(root, name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(data)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: does not begin with a PEM block %q", name, kind)
	}
	return block.Bytes, nil
}

func readLabFile(root *os.Root, name string) ([]byte, error) {
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxLabFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxLabFile {
		return nil, fmt.Errorf("%s: larger than %d bytes, so not part of a lab", name, maxLabFile)
	}
	return data, nil
}
