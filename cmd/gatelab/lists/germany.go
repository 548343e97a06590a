package lists

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"time"
)

// Germany is the German list (certification-apis, dsc-update): a line with a signature, then JSON, then a line end that is not
// signed.
func Germany(d *Domain) ([]byte, error) {
	type certificate struct {
		Type       string `json:"certificateType"`
		Country    string `json:"country"`
		KID        string `json:"kid"`
		RawData    string `json:"rawData"`
		Signature  string `json:"signature"`
		Thumbprint string `json:"thumbprint"`
		Timestamp  string `json:"timestamp"`
	}
	list := struct {
		Certificates []certificate `json:"certificates"`
	}{[]certificate{}}
	uploaded := notBefore.AddDate(1, 0, 0)
	for _, dsc := range d.DSCs {
		signature, err := CMS{BER: true, Time: uploaded}.Sign(d.Uploader, dsc.Raw)
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(dsc.Raw)
		list.Certificates = append(list.Certificates, certificate{
			Type:       "DSC",
			Country:    d.Country,
			KID:        base64.StdEncoding.EncodeToString(sum[:8]),
			RawData:    base64.StdEncoding.EncodeToString(dsc.Raw),
			Signature:  base64.StdEncoding.EncodeToString(signature),
			Thumbprint: hex.EncodeToString(sum[:]),
			Timestamp:  uploaded.Format(time.RFC3339),
		})
	}
	text, err := plainJSON(list)
	if err != nil {
		return nil, err
	}
	return SignGermany(d, text)
}

// SignGermany signs any JSON as the German list is signed: ECDSA, r and s side by side.
func SignGermany(d *Domain, text []byte) ([]byte, error) {
	key, ok := d.Signer.Key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("the German list is signed with ECDSA")
	}
	hash := sha256.Sum256(text)
	r, s, err := ecdsa.Sign(rand.Reader, key, hash[:])
	if err != nil {
		return nil, err
	}
	signature := append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	line := base64.StdEncoding.EncodeToString(signature)
	return append(append([]byte(line+"\n"), text...), '\n'), nil
}

// plainJSON is JSON with <, > and & as they are.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
