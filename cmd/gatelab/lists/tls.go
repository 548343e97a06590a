package lists

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"time"
)

// Listener is one way to reach a Server.
type Listener string

// Listeners of a Server. The plain one is of use only for what is signed itself.
const (
	Plain       Listener = "http"
	TLS         Listener = "tls"
	MutualTLS   Listener = "mtls"         // wants the lab's client certificate
	ExpiredTLS  Listener = "tls-expired"  // its certificate ended yesterday
	MisnamedTLS Listener = "tls-misnamed" // its certificate is that of another host
)

// Listeners are all of them, in the order of their ports where these are given.
var Listeners = []Listener{Plain, TLS, MutualTLS, ExpiredTLS, MisnamedTLS}

// misnamed is the host that the certificate of MisnamedTLS names.
const misnamed = "elsewhere.gatelab.example"

// TLSKeys is what a Server and a gate show each other, all under one authority.
type TLSKeys struct {
	CA     Credential
	Server Credential // for loopback
	Client Credential // of the gate, for MutualTLS
}

// NewTLSKeys makes an authority, and a server and a client under it.
func NewTLSKeys(country string) (*TLSKeys, error) {
	ca, err := newCredential(country, "TLS CA", true, nil)
	if err != nil {
		return nil, err
	}
	k := &TLSKeys{CA: ca}
	if k.Server, err = k.server(notAfter, loopback...); err != nil {
		return nil, err
	}
	k.Client, err = k.issue(x509.ExtKeyUsageClientAuth, "gate", notAfter)
	return k, err
}

var loopback = []string{"localhost", "127.0.0.1", "::1"}

func (k *TLSKeys) server(until time.Time, hosts ...string) (Credential, error) {
	return k.issue(x509.ExtKeyUsageServerAuth, "server", until, hosts...)
}

// issue makes a certificate for one use, on hosts.
func (k *TLSKeys) issue(use x509.ExtKeyUsage, role string, until time.Time, hosts ...string) (Credential, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Credential{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return Credential{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "gatelab TLS " + role + " (lab, not for production)"},
		NotBefore:    notBefore,
		NotAfter:     until,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{use},
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, k.CA.Cert, key.Public(), k.CA.Key)
	if err != nil {
		return Credential{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return Credential{cert, key}, err
}

// Certificate is the credential as crypto/tls has it.
func (c Credential) Certificate() tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{c.Cert.Raw}, PrivateKey: c.Key, Leaf: c.Cert}
}

// config is what a listener shows and wants; nil for the plain one.
func (k *TLSKeys) config(l Listener) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	shown, err := k.Server, error(nil)
	switch l {
	case Plain:
		return nil, nil
	case TLS:
	case MutualTLS:
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		c.ClientCAs.AddCert(k.CA.Cert)
	case ExpiredTLS:
		shown, err = k.server(time.Now().AddDate(0, 0, -1), loopback...)
	case MisnamedTLS:
		shown, err = k.server(notAfter, misnamed)
	default:
		err = fmt.Errorf("no listener %q", l)
	}
	c.Certificates = []tls.Certificate{shown.Certificate()}
	return c, err
}
