package trustsync

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
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// webNow is the time in tests of the client, far from the real one so that nothing works by accident.
var webNow = time.Date(2031, time.June, 15, 12, 0, 0, 0, time.UTC)

// webIdentity is a certificate with its key and, above it, its chain up to but without the root.
type webIdentity struct {
	cert  *x509.Certificate
	key   crypto.Signer
	chain [][]byte
}

func (i webIdentity) tls() tls.Certificate {
	return tls.Certificate{Certificate: append([][]byte{i.cert.Raw}, i.chain...), PrivateKey: i.key}
}

func (i webIdentity) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Raw})
}

func (i webIdentity) pin() [32]byte { return sha256.Sum256(i.cert.RawSubjectPublicKeyInfo) }

// webCert makes a certificate under parent, self-signed if that is nil. hosts are names or addresses; without any it is an
// authority.
func webCert(t testing.TB, parent *webIdentity, from, until time.Time, hosts ...string) webIdentity {
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
		issuer, signer = parent.cert, parent.key
		if parent.cert.Issuer.String() != parent.cert.Subject.String() {
			chain = append([][]byte{parent.cert.Raw}, parent.chain...)
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
	return webIdentity{cert, key, chain}
}

// webRoot is an authority that is valid for long around webNow.
func webRoot(t testing.TB) webIdentity {
	return webCert(t, nil, webNow.AddDate(-20, 0, 0), webNow.AddDate(20, 0, 0))
}

// webServer serves TLS as that identity until the test ends.
func webServer(t testing.TB, id webIdentity, h http.Handler, change ...func(*tls.Config)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = webSilence
	s.TLS = &tls.Config{Certificates: []tls.Certificate{id.tls()}, Time: func() time.Time { return webNow }}
	for _, f := range change {
		f(s.TLS)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// webPlain serves without TLS until the test ends.
func webPlain(t testing.TB, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	s.Config.ErrorLog = webSilence
	t.Cleanup(s.Close)
	return s
}

// webRaw answers each connection with what serve does, whether that is HTTP or not.
func webRaw(t testing.TB, serve func(net.Conn)) string {
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
