package main

import (
	"encoding/asn1"
	"fmt"
	"io"
	"slices"
	"strings"
)

const initUsage = `NAME
    gatelab init - make a trust domain to mint passes in

SYNOPSIS
    gatelab init [-country CC] [-usage LETTERS] [-rsa-bits N] [-icvp] DIR

DESCRIPTION
    Makes a CSCA and two DSCs under it, one for ES256 and one for PS256, all valid from
    2020-01-01 to 2040-01-01. DIR must be empty or not exist; nothing is ever overwritten.

    DIR/dsc      the certificates a gate has to trust, and nothing else
    DIR/csca     the certificate that vouches for them
    DIR/keys     the private keys, unencrypted
    DIR/lab.json which key belongs to which certificate; written last

OPTIONS
    -country CC       country of the lab, two capital letters (default XX, which is nobody's)
    -usage LETTERS    restrict both DSCs to vaccination (v), test (t), recovery (r) entries,
                      or several of them (default: not restricted)
    -rsa-bits N       size of the PS256 key: 2048, 3072 or 4096 (default 2048)
    -icvp             make a third DSC, for ES256, of WHO's domain PH4H: it signs what
                      'gatelab mint -icvp' mints, and 'gatelab serve' lists it apart
`

// samplePayload is a vaccination entry of an invented person, for the command line that init suggests.
const samplePayload = `{"ver":"1.3.0","nam":{"fn":"Lab","fnt":"LAB","gn":"Ada","gnt":"ADA"},"dob":"1980-01-01",` +
	`"v":[{"tg":"840539006","vp":"1119349007","mp":"EU/1/20/1528","ma":"ORG-100030215","dn":2,"sd":2,` +
	`"dt":"2021-06-01","co":"XX","is":"gatelab","ci":"URN:UVCI:01:XX:LAB#0"}]}`

func runInit(args []string, _ io.Reader, stdout, _ io.Writer) error {
	fs := newFlags("init")
	country := fs.String("country", "XX", "")
	usage := fs.String("usage", "", "")
	rsaBits := fs.Int("rsa-bits", 2048, "")
	icvp := fs.Bool("icvp", false, "")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() != 1 || fs.Arg(0) == "" {
		return usageError("name one directory to make the lab in")
	}
	dir := fs.Arg(0)
	if !isCountry(*country) {
		return usageError(fmt.Sprintf("-country %q is not two capital letters such as XX", *country))
	}
	if !slices.Contains([]int{2048, 3072, 4096}, *rsaBits) {
		return usageError(fmt.Sprintf("-rsa-bits %d is none of 2048, 3072, 4096", *rsaBits))
	}
	oids, err := usageOIDs(*usage)
	if err != nil {
		return err
	}

	l, err := newLab(*country, *rsaBits, oids)
	if err != nil {
		return err
	}
	if *icvp {
		if err := l.addPH4H(oids); err != nil {
			return err
		}
	}
	if err := l.write(dir); err != nil {
		return err
	}
	_, err = io.WriteString(stdout, l.describe(dir))
	return err
}

// isCountry accepts the form of an ISO 3166-1 alpha-2 code, assigned or not.
func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// usageOIDs turns letters of v, t, r into key usages, each once.
func usageOIDs(letters string) ([]asn1.ObjectIdentifier, error) {
	var oids []asn1.ObjectIdentifier
	for _, letter := range letters {
		oid, ok := dccUsage[letter]
		if !ok {
			return nil, usageError(fmt.Sprintf("-usage %q: %q is none of v, t, r", letters, letter))
		}
		if !slices.ContainsFunc(oids, oid.Equal) {
			oids = append(oids, oid)
		}
	}
	return oids, nil
}

// newLab makes all keys and certificates of a lab in memory.
func newLab(country string, rsaBits int, usages []asn1.ObjectIdentifier) (*lab, error) {
	l := &lab{country: country}
	var err error
	if l.csca, err = newCSCA(country); err != nil {
		return nil, fmt.Errorf("making the CSCA: %w", err)
	}
	for _, alg := range []algorithm{es256, ps256} {
		dsc, err := newDSC(l.csca, country, alg, rsaBits, usages)
		if err != nil {
			return nil, fmt.Errorf("making the DSC for %s: %w", alg, err)
		}
		l.dscs = append(l.dscs, dsc)
	}
	return l, nil
}

// addPH4H makes the signer of ICVPs. Those of PH4H have the DCC's key usages, for there is none of their own.
func (l *lab) addPH4H(usages []asn1.ObjectIdentifier) error {
	signer, err := newDSC(l.csca, l.country, es256, 0, usages)
	if err != nil {
		return fmt.Errorf("making the PH4H signer: %w", err)
	}
	l.ph4h = &signer
	return nil
}

// describe says what was made in dir and what to try next.
func (l *lab) describe(dir string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Made a lab for %s in %s\n", l.country, dir)
	for _, dsc := range l.dscs {
		fmt.Fprintf(&b, "    DSC %s  kid %x\n", dsc.alg, dsc.kid())
	}
	if l.ph4h != nil {
		fmt.Fprintf(&b, "    PH4H %s  kid %x\n", l.ph4h.alg, l.ph4h.kid())
	}
	fmt.Fprintf(&b, "A gate has to trust %s/dsc. Mint a first pass:\n    echo '%s' | gatelab mint -lab %[1]s\n", dir, samplePayload)
	return b.String()
}
