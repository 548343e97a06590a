package main

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// hcertPrefix is the context identifier of version 1 (eHN HCERT specification, 4.2.2).
const hcertPrefix = "HC1:"

// Keys inside the health certificate claim (WHO smart-trust, hcert_spec 3.2.7.1).
const (
	keyDCC  = 1
	keyICVP = -6
)

// claims are what the lab says about a pass, beside its payload.
type claims struct {
	issuer   string // claim 1; left out when empty
	issuedAt time.Time
	expires  time.Time // both are cut to whole seconds

	icvp    bool // the payload is an ICVP, and the lab's signer of ICVPs signs
	forLife bool // claim 4 is left out, as ICVPs have it
}

// cwt is the payload of the COSE message (RFC 8392, and eHN HCERT specification, 3.3).
type cwt struct {
	Issuer   string                  `cbor:"1,keyasint,omitempty"`
	Expires  *int64                  `cbor:"4,keyasint,omitempty"`
	IssuedAt int64                   `cbor:"6,keyasint"`
	HCERT    map[int]cbor.RawMessage `cbor:"-260,keyasint"`
}

// mint makes the QR text of one pass: payload, a JSON text, under the claims and signed with the lab's first DSC of
// the algorithm. An ICVP is signed by the lab's PH4H signer if it has one of the algorithm. The payload is not judged, so
// that bad passes can be made too.
func (l *lab) mint(payload []byte, alg algorithm, c claims) (string, error) {
	signer, err := l.dsc(alg)
	key := keyDCC
	if c.icvp {
		key = keyICVP
		if l.ph4h != nil && l.ph4h.alg == alg {
			signer, err = l.ph4h, nil
		}
	}
	if err != nil {
		return "", err
	}
	document, err := payloadCBOR(payload)
	if err != nil {
		return "", err
	}
	content := cwt{Issuer: c.issuer, IssuedAt: c.issuedAt.Unix(), HCERT: map[int]cbor.RawMessage{key: document}}
	if !c.forLife {
		expires := c.expires.Unix()
		content.Expires = &expires
	}
	signed, err := cbor.Marshal(content)
	if err != nil {
		return "", fmt.Errorf("encoding the claims: %w", err)
	}
	message, err := signer.sign1(signed)
	if err != nil {
		return "", fmt.Errorf("signing with %s: %w", alg, err)
	}
	return hcertPrefix + encodeBase45(deflate(message)), nil
}

// sign1 wraps payload in a tagged COSE_Sign1 (RFC 9052 section 4.2) with alg and kid in the protected header.
func (c *credential) sign1(payload []byte) ([]byte, error) {
	alg := cose.AlgorithmES256
	if c.alg == ps256 {
		alg = cose.AlgorithmPS256
	}
	signer, err := cose.NewSigner(alg, c.key)
	if err != nil {
		return nil, err
	}
	message := cose.NewSign1Message()
	message.Headers.Protected.SetAlgorithm(alg)
	message.Headers.Protected[cose.HeaderLabelKeyID] = c.kid()
	message.Payload = payload
	if err := message.Sign(rand.Reader, nil, signer); err != nil {
		return nil, err
	}
	return message.MarshalCBOR()
}

// deflate compresses at the highest level (zlib header 78 da), as most issuers do.
func deflate(data []byte) []byte {
	var b bytes.Buffer
	// Neither the level nor a write into memory can be at fault.
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}
