package lists

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// Netherlands is the Dutch list: a payload with bare keys, and a detached CMS over it.
func Netherlands(d *Domain, signed time.Time) ([]byte, error) {
	type key struct {
		SubjectPK string   `json:"subjectPk"`
		Country   string   `json:"ian"`
		Part      string   `json:"san"`
		Usage     []string `json:"keyUsage"`
	}
	keys := map[string][]key{}
	for _, dsc := range d.DSCs {
		sum := sha256.Sum256(dsc.Raw)
		kid := base64.StdEncoding.EncodeToString(sum[:8])
		keys[kid] = append(keys[kid], key{
			base64.StdEncoding.EncodeToString(dsc.RawSubjectPublicKeyInfo), d.Country, "", usageLetters(dsc.UnknownExtKeyUsage),
		})
	}
	text, err := plainJSON(map[string]any{"cl_keys": []any{}, "nl_keys": map[string]any{}, "eu_keys": keys})
	if err != nil {
		return nil, err
	}
	return SignNetherlands(d.Signer, text, CMS{BER: true, Time: signed})
}

// SignNetherlands signs any payload as the Dutch lists are signed.
func SignNetherlands(signer Credential, payload []byte, how CMS) ([]byte, error) {
	signature, err := how.Sign(signer, payload)
	if err != nil {
		return nil, err
	}
	return plainJSON(map[string]string{
		"payload":   base64.StdEncoding.EncodeToString(payload),
		"signature": base64.StdEncoding.EncodeToString(signature),
	})
}

// usageLetters are the letters for the DCC's extended key usages, in either of their arcs; never null.
func usageLetters[OID interface{ String() string }](oids []OID) []string {
	letters := []string{}
	for _, oid := range oids {
		switch oid.String() {
		case "1.3.6.1.4.1.1847.2021.1.1", "1.3.6.1.4.1.0.1847.2021.1.1":
			letters = append(letters, "t")
		case "1.3.6.1.4.1.1847.2021.1.2", "1.3.6.1.4.1.0.1847.2021.1.2":
			letters = append(letters, "v")
		case "1.3.6.1.4.1.1847.2021.1.3", "1.3.6.1.4.1.0.1847.2021.1.3":
			letters = append(letters, "r")
		}
	}
	return letters
}
