package lists

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"math/big"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// Sweden is the Swedish list (DSC Trust List 1.0.0), a compact JWS.
func Sweden(d *Domain, issued, expires time.Time) ([]byte, error) {
	type jwk struct {
		Type  string   `json:"kty"`
		Hash  string   `json:"x5t#S256"`
		Curve string   `json:"crv,omitempty"`
		KID   string   `json:"kid"`
		X5C   []string `json:"x5c"`
		X     string   `json:"x,omitempty"`
		Y     string   `json:"y,omitempty"`
		N     string   `json:"n,omitempty"`
		E     string   `json:"e,omitempty"`
	}
	keys, eku := []jwk{}, map[string][]string{}
	for _, dsc := range d.DSCs {
		sum := sha256.Sum256(dsc.Raw)
		kid := base64.StdEncoding.EncodeToString(sum[:8])
		one := jwk{
			Hash: base64.RawURLEncoding.EncodeToString(sum[:]), KID: kid,
			X5C: []string{base64.StdEncoding.EncodeToString(dsc.Raw)},
		}
		switch key := dsc.PublicKey.(type) {
		case *ecdsa.PublicKey:
			point, err := key.Bytes()
			if err != nil {
				return nil, err
			}
			one.Type, one.Curve = "EC", "P-256"
			one.X, one.Y = base64.RawURLEncoding.EncodeToString(point[1:33]), base64.RawURLEncoding.EncodeToString(point[33:])
		case *rsa.PublicKey:
			one.Type, one.N = "RSA", base64.RawURLEncoding.EncodeToString(key.N.Bytes())
			one.E = base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())
		default:
			return nil, fmt.Errorf("no JWK for a %T", key)
		}
		keys = append(keys, one)
		for _, oid := range dsc.UnknownExtKeyUsage {
			eku[kid] = append(eku[kid], oid.String())
		}
	}
	text, err := plainJSON(map[string]any{
		"iss": "https://gatelab.example/trust-service", "id": issued.UTC().Format("20060102150405"), "aud": []string{"dgc-validators"},
		"iat": issued.Unix(), "exp": expires.Unix(),
		"dsc_trust_list": map[string]any{d.Country: map[string]any{"eku": eku, "keys": keys}},
	})
	if err != nil {
		return nil, err
	}
	return SignSweden(d.Signer, nil, text)
}

// SignSweden signs any JSON as the Swedish list is signed. The signer's certificate and others come along.
func SignSweden(signer Credential, others []*x509.Certificate, text []byte) ([]byte, error) {
	chain := append([]*x509.Certificate{signer.Cert}, others...)
	return compactJWS(jose.SigningKey{Algorithm: jose.ES256, Key: signer.Key}, "JOSE", chain, text)
}
