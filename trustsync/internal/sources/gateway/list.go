package gateway

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// gatewayEntry is an entry of a trust list as the gateway has it (dgc-gateway, TrustListDto).
type gatewayEntry struct {
	KID        string  `json:"kid"`
	Country    string  `json:"country"`
	Type       string  `json:"certificateType"`
	Thumbprint string  `json:"thumbprint"` // SHA-256 of the DER, in hexadecimal digits
	Signature  string  `json:"signature"`  // CMS in base64, over the DER
	RawData    *string `json:"rawData"`    // DER in base64; null if the entry was deleted

	wrong error // it is of another shape
}

// readGatewayPage reads an array of entries, not more than were asked for. An entry of another shape is there, and says so.
func readGatewayPage(body []byte) ([]gatewayEntry, error) {
	var entries []gatewayEntry
	w := list.WalkJSON(body)
	err := w.Array(func() error {
		if len(entries) == gatewayPage {
			return fmt.Errorf("more than the %d entries of a page", gatewayPage)
		}
		var entry gatewayEntry
		wrong, err := w.Value(&entry)
		entry.wrong = wrong
		entries = append(entries, entry)
		return err
	})
	if err == nil {
		err = w.End()
	}
	if err != nil {
		return nil, list.Malformed(err)
	}
	return entries, nil
}

// gatewayTrust is who may sign what, by country (the gateway's trust model, and dgc-lib's evaluation of it but for its mistake of
// letting in a DSC whose upload has a wrong signature, if only the certificate in it is known).
//
// What the trust anchor signs is a certificate without its country and type, so the country is that in the certificate, and a CSCA must
// be an authority. Of dates none is judged: the anchor and the uploaders count as pinned, for CSCAs see authorities.
type gatewayTrust struct {
	anchors   pki.Anchors
	cscas     map[string]pki.Authorities
	uploaders map[string]pki.Anchors
}

// gatewayForm: five genuine uploads of 832 sign the certificate itself, without attributes. That cannot be mistaken for signed attributes,
// as a certificate begins otherwise.
var gatewayForm = pki.CMSForm{Bare: true}

// accept takes a CSCA or an uploader that the trust anchor signed.
func (t *gatewayTrust) accept(kind string, entry gatewayEntry) error {
	der, country, err := entry.certificate(kind)
	if err != nil {
		return err
	}
	if err := entry.signedBy(t.anchors, der); err != nil {
		return err
	}
	switch own, err := pki.SubjectCountry(der); {
	case err != nil:
		return err
	case own != country:
		return fmt.Errorf("a certificate of country %q", own)
	}
	if kind == gatewayUpload {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		u := t.uploaders[country]
		u.Certificates = append(u.Certificates, cert)
		t.uploaders[country] = u
		return nil
	}
	if t.cscas[country] == nil {
		t.cscas[country] = pki.Authorities{}
	}
	return t.cscas[country].Add(der)
}

// signer takes a DSC that an uploader of its country signed, and a CSCA of its country.
func (t *gatewayTrust) signer(entry gatewayEntry) (der []byte, signer source.Signer, err error) {
	der, country, err := entry.certificate(gatewayDSC)
	if err != nil {
		return nil, source.Signer{}, err
	}
	kid := pki.KIDOf(der)
	if signer, err = list.Certificate(der, kid[:], country); err != nil {
		return nil, source.Signer{}, err
	}
	if signer.Country != country {
		return nil, source.Signer{}, fmt.Errorf("a certificate of country %q", signer.Country)
	}
	if err := entry.signedBy(t.uploaders[country], der); err != nil {
		return nil, source.Signer{}, fmt.Errorf("not uploaded by its country: %w", err)
	}
	if err := t.cscas[country].Verify(der); err != nil {
		return nil, source.Signer{}, err
	}
	return der, signer, nil
}

// certificate returns the DER and the country of an entry of that type, if what the entry says of it is right.
func (e gatewayEntry) certificate(kind string) (der []byte, country string, err error) {
	country = pki.CountryCode(e.Country)
	switch {
	case e.wrong != nil:
		return nil, "", e.wrong
	case e.Type != kind:
		return nil, "", fmt.Errorf("a %.20q, not a %s", e.Type, kind)
	case country == "":
		return nil, "", fmt.Errorf("country %.20q", e.Country)
	case e.RawData == nil:
		return nil, "", errors.New("no certificate")
	case len(*e.RawData) > pki.MaxCertificateText:
		return nil, "", fmt.Errorf("%w: certificate of %d characters", source.ErrTooLarge, len(*e.RawData))
	}
	if der, err = base64.StdEncoding.DecodeString(*e.RawData); err != nil {
		return nil, "", fmt.Errorf("certificate: %w", err)
	}
	if sum := sha256.Sum256(der); !strings.EqualFold(e.Thumbprint, hex.EncodeToString(sum[:])) {
		return nil, "", errors.New("not the certificate of its thumbprint")
	}
	kid, err := list.DecodeKID(e.KID)
	if err != nil {
		return nil, "", err
	}
	if own := pki.KIDOf(der); kid != own {
		return nil, "", fmt.Errorf("its certificate has the kid %v", own)
	}
	return der, country, nil
}

// signedBy says whether one of the anchors signed der for this entry.
func (e gatewayEntry) signedBy(a pki.Anchors, der []byte) error {
	if len(e.Signature) > 2*pki.MaxCMSSize {
		return fmt.Errorf("%w: signature of %d characters", source.ErrTooLarge, len(e.Signature))
	}
	blob, err := base64.StdEncoding.DecodeString(e.Signature)
	if err != nil {
		return fmt.Errorf("signature: %w", err)
	}
	_, _, err = pki.VerifyCMS(blob, der, a, time.Time{}, gatewayForm) // the time is for chains only
	return err
}

// deletion says whether an entry of a delta is one that was deleted, and of which kid.
func (e gatewayEntry) deletion() (kid verify.KID, deleted bool, err error) {
	switch {
	case e.wrong != nil:
		return kid, false, e.wrong
	case e.Type != gatewayDSC:
		return kid, false, fmt.Errorf("a %.20q, not a %s", e.Type, gatewayDSC)
	case e.RawData != nil:
		return kid, false, nil
	}
	if kid, err = list.DecodeKID(e.KID); err != nil {
		return kid, false, err
	}
	sum, err := hex.DecodeString(e.Thumbprint)
	if err != nil || len(sum) != sha256.Size || kid != verify.KID(sum[:len(kid)]) {
		return kid, false, fmt.Errorf("thumbprint %.70q of another certificate than that of the kid", e.Thumbprint)
	}
	return kid, true, nil
}

// skipEntry reports an entry that cannot be used.
func skipEntry(e *list.Entries, kind string, entry gatewayEntry, err error) {
	e.SkipNamed(kind+" "+list.Name(entry.KID, entry.Country), err)
}
