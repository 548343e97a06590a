package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tourStop is one thing that is shown to the gate, and what should become of it.
type tourStop struct {
	title string
	sent  []byte // as the barcode module sends it
	want  string // the reason
}

// demoPayload is the payload of a pass of nobody.
func demoPayload(group, entry string) []byte {
	return fmt.Appendf(nil, `{"ver":"1.3.0","nam":{"fn":"Muster","fnt":"MUSTER","gn":"Erika","gnt":"ERIKA"},"dob":"1964-08-12","%s":[%s]}`, group, entry)
}

var (
	demoVaccination = demoPayload("v", `{"tg":"840539006","vp":"1119349007","mp":"EU/1/20/1528","ma":"ORG-100030215","dn":2,"sd":2,"dt":"2021-06-01","co":"XX","is":"gatelab","ci":"URN:UVCI:01:XX:LAB1#0"}`)
	demoTest        = demoPayload("t", `{"tg":"840539006","tt":"LP6464-4","sc":"2021-06-01T12:00:00Z","tr":"260415000","co":"XX","is":"gatelab","ci":"URN:UVCI:01:XX:LAB2#0"}`)
)

// demoCards are yellow cards of nobody against yellow fever: one in the form of WHO's model whose dose was given long ago, and one as
// PH4H issues it, of day nine. A day that begins during the tour makes no tenth of it.
func demoCards(now time.Time) (valid, early []byte) {
	const product = "YellowFeverProductd8a09f80301dc05e124f99ffe7711fc0"
	day := func(days int) string { return now.UTC().Add(5*time.Minute).AddDate(0, 0, -days).Format(time.DateOnly) }
	valid = fmt.Appendf(nil, `{"n":"Erika Muster","dob":"1964-08-12","s":"female","nt":"XXA","vx":{"vp":%q,"dv":%q,"is":"XXX","bo":"LAB1"},"v":"1.0.0"}`, product, day(400))
	early = fmt.Appendf(nil, `{"n":"Erika Muster","dob":"1964-08-12","s":"female","v":{"vp":%q,"dt":%q,"bo":"LAB2"}}`, product, day(9))
	return valid, early
}

// tour mints the passes, draws them, and lists what is shown.
func (d *demo) tour() (stops []tourStop, err error) {
	now := time.Now()
	valid := claims{issuer: "XX", issuedAt: now.Add(-time.Hour), expires: now.AddDate(1, 0, 0)}
	expired := claims{issuer: "XX", issuedAt: now.AddDate(-1, 0, 0), expires: now.Add(-time.Minute)}
	forLife := claims{issuer: "XXX", issuedAt: now.Add(-time.Hour), icvp: true, forLife: true}
	card, early := demoCards(now)
	stranger, err := newLab("XX", 2048, nil)
	if err != nil {
		return nil, err
	}
	// A forger has the kid, which is public, but not the key.
	mine, theirs := d.lab.dscs[0], stranger.dscs[0]
	forger := &lab{country: "XX", dscs: []credential{{mine.alg, mine.cert, theirs.key}}}

	var texts []string
	for _, m := range []struct {
		name    string
		lab     *lab
		payload []byte
		alg     algorithm
		claims  claims
	}{
		{"es256", d.lab, demoVaccination, es256, valid},
		{"ps256", d.lab, demoTest, ps256, valid},
		{"another", d.lab, demoTest, es256, valid},
		{"expired", d.lab, demoVaccination, es256, expired},
		{"forged", forger, demoVaccination, es256, valid},
		{"stranger", stranger, demoVaccination, es256, valid},
		{"card", d.lab, card, es256, forLife},
		{"card-day-9", d.lab, early, es256, forLife},
		{"published", nil, nil, "", claims{}},
	} {
		text := strings.TrimSpace(publishedPass)
		if m.lab != nil {
			if text, err = m.lab.mint(m.payload, m.alg, m.claims); err != nil {
				return nil, err
			}
		}
		if err := d.draw(m.name, text); err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	es, ps, another, old, forged, strange := texts[0], texts[1], texts[2], texts[3], texts[4], texts[5]
	yellow, tooEarly, published := texts[6], texts[7], texts[8]
	half := another[:len(hcertPrefix)+len(another)/6*3] // whole Base45 triples, so that it is the end that is missing
	noise := bytes.Repeat([]byte{0xa7, 0x13, 0xfe, 0x80, 0x00, 0x5b}, 20)
	return []tourStop{
		{"A good pass, signed with ES256", []byte(es + "\r"), "accepted"},
		{"A good pass, signed with PS256", []byte(ps + "\r\n"), "accepted"},
		{"The first pass again, handed back over the arm", []byte(es + "\r"), "repeated"},
		{"A pass that has expired", []byte(old + "\r"), "expired"},
		{"A forged pass: the right kid, the wrong key", []byte(forged + "\r"), "bad_signature"},
		{"A pass of an issuer whom nobody here trusts", []byte(strange + "\r"), "unknown_kid"},
		{"A yellow card of WHO: vaccinated against yellow fever, valid for life", []byte(yellow + "\r"), "accepted"},
		{"A yellow card of day nine: valid from the tenth day", []byte(tooEarly + "\r"), "icvp_too_early"},
		{"A genuine published test pass; it expired in 2023", []byte(published + "\r"), "expired"},
		{"Not a pass: a web address", []byte("https://example.org/ticket/42\r"), "other_code"},
		{"Garbage on the line", append(noise, '\r'), "not_hcert"},
		{"Half a pass: the holder was too quick", []byte(half), "bad_deflate"},
		{"Two passes glued together", []byte(another + es + "\r"), "bad_base45"},
		{"A good pass behind all that; one shown at the same moment is dropped", []byte(another + "\r" + ps + "\r"), "accepted"},
	}, nil
}

// draw writes the QR picture of a pass.
func (d *demo) draw(name, text string) error {
	dir := filepath.Join(d.dir, "qr")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	picture, _, err := encodeQR(text)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, name+".png"))
	if err != nil {
		return err
	}
	if err := writePNG(f, picture); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
