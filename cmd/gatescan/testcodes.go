package main

import (
	"embed"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"io"
	"strings"
	"time"

	"gatescan/cmd/gatescan/gate"
	"gatescan/trustsync"
	"gatescan/verify"
)

// selftestFiles are the codes of the self-test and the certificates that they are judged by; see selftest/README.md.
//
//go:embed selftest/*.txt selftest/*.png selftest/*.pem
var selftestFiles embed.FS

// testCode is a code that a technician shows to the reader.
type testCode struct {
	name string
	want verify.Reason
	says string
	icvp bool // only for gates that admit yellow cards
}

var testCodes = []testCode{
	{name: "good", want: verify.Accepted, says: "a good pass"},
	{name: "expired", want: verify.Expired, says: "a pass that has run out"},
	{name: "forged", want: verify.BadSignature, says: "a pass with a false signature"},
	{name: "card", want: verify.Accepted, says: "a good yellow card, for gates that admit those", icvp: true},
}

// testMoment is when the good code is good and the expired one is not. The clock of a gate that is being commissioned may
// be anything.
var testMoment = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func selftestFile(name string) []byte {
	data, err := selftestFiles.ReadFile("selftest/" + name)
	if err != nil {
		panic(err) // they are in the program
	}
	return data
}

// text is what a reader sends of the code.
func (c testCode) text() []byte {
	return []byte(strings.TrimSpace(string(selftestFile(c.name + ".txt"))))
}

// testTrust trusts the self-test's certificates and nothing else, each for its own documents.
func testTrust() *verify.Trust {
	var dscs []verify.DSC
	for name, domain := range map[string]verify.Domain{"dsc.pem": verify.DomainDCC, "card-dsc.pem": verify.DomainICVP} {
		block, _ := pem.Decode(selftestFile(name))
		dsc, err := trustsync.ParseCertificate(block.Bytes)
		if err != nil {
			panic(err) // a test reads it
		}
		dsc.Domain = domain
		dscs = append(dscs, dsc)
	}
	return verify.NewTrust(dscs)
}

// testExam is the exam of the self-test.
func testExam() gate.Exam {
	e := gate.Exam{Trust: testTrust(), At: testMoment}
	for _, c := range testCodes {
		e.Codes = append(e.Codes, gate.ExamCode{Name: c.name, Text: c.text()})
	}
	return e
}

// writeTestCodes writes a page with the pictures of all codes, to print or to show on a phone.
func writeTestCodes(w io.Writer) error {
	var b strings.Builder
	b.WriteString(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>gatescan self-test: codes</title>
<style>
body { font: 16px/1.4 sans-serif; margin: 2em auto; max-width: 30em; padding: 0 1em; color: #000; background: #fff }
figure { margin: 2em 0 4em; text-align: center; break-inside: avoid }
img { width: 60mm; image-rendering: pixelated }
</style></head><body>
<h1>Codes for the self-test</h1>
<p>Show each to the barcode module when gatescan selftest asks for it. They open no gate: no trust data has their
certificates, whose private keys were thrown away.</p>
`)
	for _, c := range testCodes {
		picture := base64.StdEncoding.EncodeToString(selftestFile(c.name + ".png"))
		fmt.Fprintf(&b, "<figure><img alt=\"QR code: %s\" src=\"data:image/png;base64,%s\"><figcaption><b>%s</b>: %s</figcaption></figure>\n", c.says, picture, c.name, c.says)
	}
	b.WriteString("</body></html>\n")
	_, err := io.WriteString(w, b.String())
	return err
}
