package list

import (
	"bytes"

	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
)

// ParseKeyList reads [{"kid","publicKey"}], as the United Kingdom and Norway publish it: keys in base64 of their DER, without country, usage,
// validity or signature. It is a form for files that somebody vouches for, not for a source.
func ParseKeyList(payload []byte) ([]source.Signer, source.Report, error) {
	e, w := NewEntries(), WalkJSON(payload)
	err := w.Array(func() error {
		if err := e.More(); err != nil {
			return err
		}
		var entry struct {
			KID string `json:"kid"`
			Key string `json:"publicKey"`
		}
		wrong, err := w.Value(&entry)
		if err != nil {
			return err
		}
		if wrong == nil {
			wrong = e.AddKey(entry.Key, entry.KID, "", 0)
		}
		if wrong != nil {
			e.Skip(Name(entry.KID, ""), wrong)
		}
		return nil
	})
	if err == nil {
		err = w.End()
	}
	if err != nil {
		return nil, source.Report{}, Malformed(err)
	}
	signers, report := e.Done()
	return signers, report, nil
}

// LooksLikeKeyList says whether data is an array whose first element has a public key.
func LooksLikeKeyList(data []byte) bool {
	head := bytes.TrimLeft(data, pki.JSONSpace)
	if !bytes.HasPrefix(head, []byte("[")) {
		return false
	}
	w, found := WalkJSON(head), false
	if w.Delimiter('[') != nil || !w.More() {
		return false
	}
	err := w.Object(func(key string) error {
		found = found || key == "publicKey"
		return w.Skip()
	})
	return err == nil && found
}
