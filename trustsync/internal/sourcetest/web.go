package sourcetest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// WebNow is the time in tests of the client, far from the real one so that nothing works by accident.
var WebNow = time.Date(2031, time.June, 15, 12, 0, 0, 0, time.UTC)

// WebIdentity is a certificate with its key and, above it, its chain up to but without the root.
type WebIdentity struct {
	Cert  *x509.Certificate
	key   crypto.Signer
	chain [][]byte
}

func (i WebIdentity) TLS() tls.Certificate {
	return tls.Certificate{Certificate: append([][]byte{i.Cert.Raw}, i.chain...), PrivateKey: i.key}
}

func (i WebIdentity) PEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.Cert.Raw})
}

func (i WebIdentity) Pin() [32]byte { return sha256.Sum256(i.Cert.RawSubjectPublicKeyInfo) }

// WebCert makes a certificate under parent, self-signed if that is nil. hosts are names or addresses; without any it is an
// authority.
func WebCert(t testing.TB, parent *WebIdentity, from, until time.Time, hosts ...string) WebIdentity {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 100))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "test " + serial.Text(36)}, NotBefore: from, NotAfter: until,
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	if len(hosts) == 0 {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	}
	for _, host := range hosts {
		if ip := net.ParseIP(host); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, host)
		}
	}
	issuer, signer := template, crypto.Signer(key)
	var chain [][]byte
	if parent != nil {
		issuer, signer = parent.Cert, parent.key
		if parent.Cert.Issuer.String() != parent.Cert.Subject.String() {
			chain = append([][]byte{parent.Cert.Raw}, parent.chain...)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return WebIdentity{cert, key, chain}
}

// WebRoot is an authority that is valid for long around WebNow.
func WebRoot(t testing.TB) WebIdentity {
	return WebCert(t, nil, WebNow.AddDate(-20, 0, 0), WebNow.AddDate(20, 0, 0))
}

// WebServer serves TLS as that identity until the test ends.
func WebServer(t testing.TB, id WebIdentity, h http.Handler, change ...func(*tls.Config)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = Silence
	s.TLS = &tls.Config{Certificates: []tls.Certificate{id.TLS()}, Time: func() time.Time { return WebNow }}
	for _, f := range change {
		f(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// WebPlain serves without TLS until the test ends.
func WebPlain(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	s.Config.ErrorLog = Silence
	t.Cleanup(s.Close)
	return s
}

// WebRaw answers each connection with what serve does, whether that is HTTP or not.
func WebRaw(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return l.Addr().String()
}

var Silence = log.New(io.Discard, "", 0)
