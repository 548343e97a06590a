package austria

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// austriaCBOR reads what the publisher's library writes, of indefinite length. A document that is nested deeper or
// longer than these lists is refused before anything is allocated for it.
var austriaCBOR = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthAllowed,
		MaxNestedLevels:  8,
		MaxArrayElements: source.MaxCertificates,
		MaxMapPairs:      64,
		TagsMd:           cbor.TagsForbidden,
	}.DecMode()
	if err != nil {
		panic(err) // the options are constant
	}
	return mode
}()

// austriaSigned is what the signature says of the list.
type austriaSigned struct {
	from, until time.Time
	hash        [sha256.Size]byte // of the list
}

// openAustriaSignature reads a COSE_Sign1 over a CWT {5: nbf, 4: exp, 2: SHA-256 of the document} of that form. The kid in its header must be that of an
// anchor that is a certificate, which then must have signed it; an anchor that is a bare key has none, so it is tried
// whatever the kid. Dates of anchors are not judged: they are pinned.
func openAustriaSignature(data []byte, form austriaForm, a pki.Anchors) (austriaSigned, error) {
	if len(data) > maxAustriaSignature {
		return austriaSigned{}, fmt.Errorf("%w: signature of %d bytes", source.ErrTooLarge, len(data))
	}
	var message cose.Sign1Message
	if err := message.UnmarshalCBOR(data); err != nil {
		return austriaSigned{}, fmt.Errorf("%w: signature: %w", source.ErrMalformed, err)
	}
	if err := verifyAustria(&message, a); err != nil {
		return austriaSigned{}, fmt.Errorf("%w: %w", source.ErrNotAuthentic, err)
	}
	if version, ok := message.Headers.Protected[form.label].(int64); !ok || version != form.version {
		return austriaSigned{}, fmt.Errorf("%w: not the signature of %s, or of another version than %d", source.ErrNotAuthentic, form.document, form.version)
	}
	var claims struct {
		From    *int64 `cbor:"5,keyasint"`
		Until   *int64 `cbor:"4,keyasint"`
		Subject []byte `cbor:"2,keyasint"`
	}
	if err := austriaCBOR.Unmarshal(message.Payload, &claims); err != nil {
		return austriaSigned{}, fmt.Errorf("%w: claims: %w", source.ErrMalformed, err)
	}
	last := source.EndOfTime.Unix()
	if claims.From == nil || claims.Until == nil || *claims.From < 0 || *claims.Until < 0 || *claims.From > last || *claims.Until > last {
		return austriaSigned{}, fmt.Errorf("%w: claims: no times", source.ErrMalformed)
	}
	if len(claims.Subject) != sha256.Size {
		return austriaSigned{}, fmt.Errorf("%w: claims: no SHA-256 of a list", source.ErrMalformed)
	}
	return austriaSigned{
		from: time.Unix(*claims.From, 0).UTC(), until: time.Unix(*claims.Until, 0).UTC(), hash: [sha256.Size]byte(claims.Subject),
	}, nil
}

// verifyAustria tries the anchors that the kid leaves.
func verifyAustria(message *cose.Sign1Message, a pki.Anchors) error {
	kid, _ := message.Headers.Protected[cose.HeaderLabelKeyID].([]byte)
	var try []crypto.PublicKey
	for _, key := range a.Keys {
		if cert := a.CertificateOf(key); cert != nil {
			if own := pki.KIDOf(cert.Raw); !bytes.Equal(kid, own[:]) {
				continue
			}
		}
		try = append(try, key)
	}
	if len(try) == 0 {
		return fmt.Errorf("the signer's kid is %.20x, which is none of an anchor", kid)
	}
	for _, key := range try {
		algorithm, err := coseAlgorithm(key)
		if err != nil {
			return err
		}
		verifier, err := cose.NewVerifier(algorithm, key)
		if err != nil {
			return err
		}
		if message.Verify(nil, verifier) == nil {
			return nil
		}
	}
	return errors.New("the signature is not by an anchor")
}

// coseAlgorithm is the algorithm that a key decides; the message must say the same, which go-cose checks.
func coseAlgorithm(key crypto.PublicKey) (cose.Algorithm, error) {
	if err := pki.CheckSignerKey(key); err != nil {
		return 0, err
	}
	switch k := key.(type) {
	case *rsa.PublicKey:
		return cose.AlgorithmPS256, nil
	case *ecdsa.PublicKey:
		if pki.IsP256(k) {
			return cose.AlgorithmES256, nil
		}
	}
	return 0, errors.New("neither P-256 nor RSA")
}

// Read reads {"c":[{"i": kid, "c": DER}]} in CBOR.
func Read(listed []byte) ([]source.Signer, source.Report, error) {
	if len(listed) > source.MaxListSize {
		return nil, source.Report{}, fmt.Errorf("%w: %d bytes", source.ErrTooLarge, len(listed))
	}
	var outer struct {
		Certificates *[]cbor.RawMessage `cbor:"c"`
	}
	if err := austriaCBOR.Unmarshal(listed, &outer); err != nil {
		var many *cbor.MaxArrayElementsError
		if errors.As(err, &many) {
			return nil, source.Report{}, fmt.Errorf("%w: %w", source.ErrTooLarge, err)
		}
		return nil, source.Report{}, fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	if outer.Certificates == nil {
		return nil, source.Report{}, fmt.Errorf("%w: no certificates", source.ErrMalformed)
	}
	e := list.NewEntries()
	for _, raw := range *outer.Certificates {
		if err := e.More(); err != nil {
			return nil, source.Report{}, err
		}
		var entry struct {
			KID         []byte `cbor:"i"`
			Certificate []byte `cbor:"c"`
		}
		err := austriaCBOR.Unmarshal(raw, &entry)
		name := fmt.Sprintf("(kid %.16s)", hex.EncodeToString(entry.KID[:min(len(entry.KID), 8)]))
		if err != nil {
			e.Skip(name, errors.New("not an entry of kid and certificate"))
			continue
		}
		signer, err := list.Certificate(entry.Certificate, entry.KID, "")
		if err != nil {
			e.Skip(name, err)
			continue
		}
		e.Add(entry.Certificate, signer)
	}
	signers, report := e.Done()
	return signers, report, nil
}

// LooksLike says whether data begins like this list: a map with an array under "c".
func LooksLike(data []byte) bool {
	if len(data) < 4 || data[0] != 0xa1 && data[0] != 0xbf || data[1] != 0x61 || data[2] != 'c' {
		return false
	}
	return data[3]>>5 == 4
}
