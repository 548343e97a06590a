package trustsync

import (
	"bytes"

	"gatescan/trustsync/internal/source"
)

// parseKeyList reads [{"kid","publicKey"}], as the United Kingdom and Norway publish it: keys in base64 of their DER, without country, usage,
// validity or signature. It is a form for files that somebody vouches for, not for a source.
func parseKeyList(payload []byte) ([]source.Signer, source.Report, error) {
	e, w := newEntries(), walkJSON(payload)
	err := w.array(func() error {
		if err := e.more(); err != nil {
			return err
		}
		var entry struct {
			KID string `json:"kid"`
			Key string `json:"publicKey"`
		}
		wrong, err := w.value(&entry)
		if err != nil {
			return err
		}
		if wrong == nil {
			wrong = e.addKey(entry.Key, entry.KID, "", 0)
		}
		if wrong != nil {
			e.skip(named(entry.KID, ""), wrong)
		}
		return nil
	})
	if err == nil {
		err = w.end()
	}
	if err != nil {
		return nil, source.Report{}, malformedList(err)
	}
	signers, report := e.done()
	return signers, report, nil
}

// looksLikeKeyList says whether data is an array whose first element has a public key.
func looksLikeKeyList(data []byte) bool {
	head := bytes.TrimLeft(data, jsonSpace)
	if !bytes.HasPrefix(head, []byte("[")) {
		return false
	}
	w, found := walkJSON(head), false
	if w.delimiter('[') != nil || !w.More() {
		return false
	}
	err := w.object(func(key string) error {
		found = found || key == "publicKey"
		return w.skip()
	})
	return err == nil && found
}
