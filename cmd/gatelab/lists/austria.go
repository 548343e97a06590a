package lists

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// Austria is the Austrian list (hcert-kotlin, TrustListV2): the documents trustlist and trustlistsig. Maps and arrays of the list are of
// indefinite length, as the publisher's library writes them.
func Austria(d *Domain, from, until time.Time) (list, signature []byte, err error) {
	list = []byte{0xbf, 0x61, 'c', 0x9f}
	for _, dsc := range d.DSCs {
		sum := sha256.Sum256(dsc.Raw)
		kid, err := cbor.Marshal(sum[:8])
		if err != nil {
			return nil, nil, err
		}
		der, err := cbor.Marshal(dsc.Raw)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, 0xbf, 0x61, 'i')
		list = append(list, kid...)
		list = append(list, 0x61, 'c')
		list = append(list, der...)
		list = append(list, 0xff)
	}
	list = append(list, 0xff, 0xff)
	signature, err = SignAustria(d.Signer, list, from, until)
	return list, signature, err
}

// SignAustria makes the signature of any list.
func SignAustria(signer Credential, list []byte, from, until time.Time) ([]byte, error) {
	const version, listVersion = 42, 2
	return SignAustriaAs(signer, cose.ProtectedHeader{
		cose.HeaderLabelAlgorithm: cose.AlgorithmES256,
		cose.HeaderLabelKeyID:     signer.KID(),
		int64(version):            int64(listVersion),
	}, list, from, until)
}

// SignAustriaAs makes the signature under any header, for what is signed beside lists.
func SignAustriaAs(signer Credential, header cose.ProtectedHeader, list []byte, from, until time.Time) ([]byte, error) {
	hash := sha256.Sum256(list)
	claims, err := cbor.Marshal(map[int]any{5: from.Unix(), 4: until.Unix(), 2: hash[:]})
	if err != nil {
		return nil, err
	}
	maker, err := cose.NewSigner(cose.AlgorithmES256, signer.Key)
	if err != nil {
		return nil, err
	}
	message := cose.Sign1Message{Headers: cose.Headers{Protected: header}, Payload: claims}
	if err := message.Sign(rand.Reader, nil, maker); err != nil {
		return nil, err
	}
	return message.MarshalCBOR()
}
