package lists

import (
	"crypto/x509"
	"encoding/base64"

	"github.com/go-jose/go-jose/v4"
)

// compactJWS signs a text (RFC 7515 §7.1). The header has the certificates of the signer and of others above it.
func compactJWS(key jose.SigningKey, typ jose.ContentType, chain []*x509.Certificate, text []byte) ([]byte, error) {
	var x5c []string
	for _, cert := range chain {
		x5c = append(x5c, base64.StdEncoding.EncodeToString(cert.Raw))
	}
	o := (&jose.SignerOptions{}).WithHeader("x5c", x5c)
	if typ != "" {
		o = o.WithType(typ)
	}
	maker, err := jose.NewSigner(key, o)
	if err != nil {
		return nil, err
	}
	signed, err := maker.Sign(text)
	if err != nil {
		return nil, err
	}
	compact, err := signed.CompactSerialize()
	return []byte(compact), err
}
