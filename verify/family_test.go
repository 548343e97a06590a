package verify

import (
	"bytes"
	"strings"
	"testing"
)

// boardingPass is the first leg of an invented boarding pass, and more behind it.
const boardingPass = "M1MUSTERMANN/ERIKA MRSEABC123 FRAJFKLH 0400 326J001A0025 14D>6180"

// binaryTicket is the head of a rail ticket, and bytes that no text has.
var binaryTicket = "#UT01008000001" + string([]byte{0x30, 0x2c, 0x02, 0x14, 0x9f, 0, 0x0b, 0xff, 0x78, 0x9c})

// transitTicket has the tags of a VDV-KA ticket around zeros.
var transitTicket = "\x9e\x81\x80" + strings.Repeat("\x00", 128) + "\x9a\x05VDV" + "\x10\x14"

func TestFamilyOf(t *testing.T) {
	run := func(n int) string { return strings.Repeat("A", n) }
	for _, tc := range []struct {
		name, text string
		want       Family
	}{
		{"boarding pass", boardingPass, BoardingPass},
		{"boarding pass, no more than one leg", boardingPass[:60], BoardingPass},
		{"boarding pass of two legs", "M2" + boardingPass[2:58] + "39" + strings.Repeat("0", 57) + "DEF456 JFKBOSLH 0401 326Y012B0026 100", BoardingPass},
		{"boarding pass cut in its first leg", boardingPass[:58], UnknownFamily}, // shorter than a piece of a pass
		{"boarding pass with a day that is none", boardingPass[:44] + "3X6" + boardingPass[47:], NoFamily},
		{"boarding pass without airports", boardingPass[:30] + "1RAJFK" + boardingPass[36:], NoFamily},
		{"rail ticket", binaryTicket, RailTicket},
		{"rail ticket, version 2", "#UT02" + binaryTicket[5:], RailTicket},
		{"rail ticket in UPER, U1", "\x81\x55\x62\x00\xff", RailTicket},
		{"rail ticket in UPER, U2 without a second signature", "\x01\x55\x65\x9c\x00", RailTicket},
		{"UPER, U3", "\x81\x55\x66\x00\xff", NoFamily},
		{"transit ticket", transitTicket, TransitTicket},
		{"transit ticket, cut", transitTicket[:100], NoFamily},
		{"web address", "https://example.org/t?id=1", WebAddress},
		{"web address in capitals", "HTTP://EXAMPLE.ORG/" + run(80), WebAddress},
		{"web address without a scheme", "www.example.org", WebAddress},
		{"SMART Health Card", "shc:/" + strings.Repeat("5676290952432060", 30), SmartHealth},
		{"SMART Health Card of three", "shc:/1/3/567629", SmartHealth},
		{"SMART health link", "shlink:/eyJ1cmwiOiJodHRwcyJ9", HealthLink},
		{"verifiable health link", "vhlink:/eyJ1cmwiOiJodHRwcyJ9", HealthLink},
		{"VDS-NC", `{"data":{"hdr":{"is":"UTO","t":"icao.vacc","v":1},"msg":{}},"sig":{"alg":"ES256","cer":"` + run(400) + `","sigvl":"x"}}`, VisibleSeal},
		{"certificate light", "LT1:6BFOXN" + run(200), LightPass},
		{"Austria", "AT1:NCF" + run(200), NationalPass},
		{"Netherlands", "NL2:" + run(200), NationalPass},
		{"New Zealand", "NZCP:/1/2KCEVIQEIVVWK6", NationalPass},
		{"DIVOC", "PK\x03\x04\x0a\x00\x00\x00certificate.json", NationalPass},
		{"mobile driving licence", "mdoc:owBjMS4wAYIB", WalletRequest},
		{"EUDI wallet", "eudi-openid4vp://example.org?client_id=x", WalletRequest},
		{"network", "WIFI:T:WPA;S:guests;P:example;;", PhoneAction},
		{"contact", "BEGIN:VCARD", PhoneAction},
		{"JSON", `{"ticket":1}`, UnknownFamily},
		{"product", "4006381333931", UnknownFamily},
		{"ticket number", "TICKET-0042", UnknownFamily},
		{"a word", "Привет, Grüße", UnknownFamily},
		{"59 characters of Base45", run(59), UnknownFamily},
		{"60 characters of Base45", run(60), NoFamily},
		{"60 characters of Base45 amid others", "id=" + run(60) + ";", NoFamily},
		{"twice 59 characters of Base45", run(59) + "_" + run(59), UnknownFamily},

		{"nothing", "", NoFamily},
		{"blanks", "   ", NoFamily},
		{"pass", "HC1:NCFOXN", NoFamily},
		{"pass of another version", "HC2:NCFOXN", NoFamily},
		{"pass in small letters", "hc1:ncfoxn", NoFamily},
		{"prefix of a pass, cut", "HC1", NoFamily},
		{"one letter of it", "h", NoFamily},
		{"like a prefix", "HCP:x", NoFamily}, // a version that may come
		{"not like a prefix", "HCl + H2O", UnknownFamily},
		{"NUL behind", "TICKET\x00", NoFamily},
		{"DEL", "TICKET\x7f", NoFamily},
		{"tab", "a\tb", NoFamily},
		{"not UTF-8", "Gr\xfc\xdfe", NoFamily},
		{"eighth bits", "\xd4\xc9\xc3\xcb\xc5\xd4", NoFamily},
		{"a rail ticket's middle", binaryTicket[14:], NoFamily},
	} {
		if got := FamilyOf([]byte(tc.text)); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestFamiliesHaveWords(t *testing.T) {
	words := map[string]bool{}
	for f := range Family(NumFamilies) {
		if word := f.String(); (word == "") != (f == NoFamily) || words[word] || strings.Trim(word, "abcdefghijklmnopqrstuvwxyz_") != "" && word != "vds_nc" {
			t.Errorf("family %d has the word %q", f, word)
		} else {
			words[word] = true
		}
	}
	if Family(200).String() != "" {
		t.Error("what is no family has a word")
	}
}

// A module that loses the beginning or the end of a pass must not turn it into another code: the holder is to hold it
// closer. A piece of fewer characters than tornRun can be anything.
func TestTornPassIsNoOtherCode(t *testing.T) {
	pieces, step := 0, 1
	if testing.Short() {
		step = 11
	}
	for _, name := range []string{"dgc-testdata.jsonl", "quality-assurance.jsonl"} {
		for _, p := range readPasses(t, name) {
			text := []byte(p.Text)
			if !bytes.HasPrefix(text, []byte(prefix)) || len(text) < 300 {
				continue
			}
			for cut := 0; cut <= len(text)-tornRun; cut += step {
				pieces++
				if f := FamilyOf(text[cut:]); f != NoFamily {
					t.Fatalf("%s from %d is %q", p.ID, cut, f)
				}
				if f := FamilyOf(text[cut : cut+tornRun]); f != NoFamily {
					t.Fatalf("%s, %d characters from %d are %q", p.ID, tornRun, cut, f)
				}
			}
			for end := range len(prefix) + 1 {
				if f := FamilyOf(text[:end]); f != NoFamily {
					t.Fatalf("%s until %d is %q", p.ID, end, f)
				}
			}
			if f := FamilyOf(bytes.ToLower(text)); f != NoFamily {
				t.Fatalf("%s in small letters is %q", p.ID, f)
			}
		}
	}
	if pieces < 100_000/step {
		t.Errorf("%d pieces", pieces)
	}
	t.Logf("%d pieces", pieces)
}

// Only a text that nothing else is known of becomes another code.
func TestWholeChangesOnlyNotHCERT(t *testing.T) {
	address := []byte("https://example.org/")
	for r := range Reason(NumReasons) {
		v := Refused(r)
		got := v.Whole(address)
		if want := r == NotHCERT; (got != v) != want || (got.Reason() == OtherCode) != (want || r == OtherCode) {
			t.Errorf("%v becomes %v, %q", r, got.Reason(), got.Family())
		}
	}
	if f := Refused(NotHCERT).Whole(address).Family(); f != WebAddress {
		t.Errorf("family %q", f)
	}
	if got := Refused(NotHCERT).Whole([]byte("\x00")); got.Reason() != NotHCERT {
		t.Errorf("noise became %v", got.Reason())
	}
}
