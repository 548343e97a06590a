package lists

import (
	"time"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// Labels of the protected header by which the Austrian publisher tells its documents apart (hcert-kotlin, CoseHeaderKeys).
const (
	AustriaRulesLabel = int64(-65537)
	AustriaSetsLabel  = int64(-65538)
)

// AustriaRules are the Austrian rules, the documents rules and rulessig, in maps and arrays of indefinite length.
func AustriaRules(d *Domain, from, until time.Time) (document, signature []byte, err error) {
	var pairs [][2]string
	for _, rule := range d.Rules {
		pairs = append(pairs, [2]string{rule.Identifier, string(rule.JSON)})
	}
	return signAustriaPairs(d, AustriaRulesLabel, "r", "i", "r", pairs, from, until)
}

// AustriaSets are the Austrian value sets, the documents valuesets and valuesetssig.
func AustriaSets(d *Domain, from, until time.Time) (document, signature []byte, err error) {
	var pairs [][2]string
	for _, set := range d.ValueSets {
		pairs = append(pairs, [2]string{set.ID, string(set.JSON)})
	}
	return signAustriaPairs(d, AustriaSetsLabel, "v", "n", "v", pairs, from, until)
}

func signAustriaPairs(d *Domain, label int64, list, first, second string, pairs [][2]string, from, until time.Time) (document, signature []byte, err error) {
	if document, err = AustriaPairs(list, first, second, pairs); err != nil {
		return nil, nil, err
	}
	signature, err = SignAustriaAs(d.Signer, cose.ProtectedHeader{
		cose.HeaderLabelAlgorithm: cose.AlgorithmES256, cose.HeaderLabelKeyID: d.Signer.KID(), label: int64(1),
	}, document, from, until)
	return document, signature, err
}

// AustriaPairs is {list:[{first: text, second: text}]}.
func AustriaPairs(list, first, second string, pairs [][2]string) ([]byte, error) {
	b := []byte{0xbf, 0x61, list[0], 0x9f}
	for _, pair := range pairs {
		b = append(b, 0xbf)
		for i, name := range []string{first, second} {
			text, err := cbor.Marshal(pair[i])
			if err != nil {
				return nil, err
			}
			b = append(append(b, 0x61, name[0]), text...)
		}
		b = append(b, 0xff)
	}
	return append(b, 0xff, 0xff), nil
}
