package verify

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// Family is what kind of code a text is that was read well and is no HCERT. It says nothing of what is in it.
type Family uint8

const (
	NoFamily      Family = iota // perhaps a piece of a pass, or noise
	UnknownFamily               // printable throughout, and no piece of a pass
	BoardingPass                // IATA Resolution 792, bar coded boarding pass
	RailTicket                  // UIC 918.3 (#UT), and its UPER successors U1 and U2
	TransitTicket               // VDV-KA, Germany's local transport
	WebAddress                  // http and https
	SmartHealth                 // SMART Health Card, shc:/
	HealthLink                  // SMART or verifiable health link: content stands on a server
	VisibleSeal                 // ICAO VDS-NC
	LightPass                   // Switzerland's certificate light, LT1:
	NationalPass                // domestic schemes of Austria, the Netherlands, New Zealand, DIVOC
	WalletRequest               // mobile documents: the code only begins a conversation
	PhoneAction                 // what a phone is to do: join a network, add a contact, call, pay

	numFamilies
)

// NumFamilies is the number of families, NoFamily included.
const NumFamilies = int(numFamilies)

var familyText = [numFamilies]string{
	UnknownFamily: "unknown", BoardingPass: "boarding_pass", RailTicket: "rail_ticket", TransitTicket: "transit_ticket",
	WebAddress: "web_address", SmartHealth: "smart_health_card", HealthLink: "health_link", VisibleSeal: "vds_nc",
	LightPass: "light_pass", NationalPass: "national_pass", WalletRequest: "wallet_request", PhoneAction: "phone_action",
}

// String is the word for f in metrics and JSON; empty for NoFamily.
func (f Family) String() string {
	if f >= numFamilies {
		return ""
	}
	return familyText[f]
}

// familyPrefixes are beginnings by which codes are known, in capitals; case does not count.
var familyPrefixes = [...]struct {
	prefix string
	family Family
}{
	{"#UT0", RailTicket},
	{"HTTP://", WebAddress},
	{"HTTPS://", WebAddress},
	{"WWW.", WebAddress},
	{"SHC:/", SmartHealth},
	{"SHLINK:/", HealthLink},
	{"VHLINK:/", HealthLink},
	{"LT1:", LightPass},
	{"AT1:", NationalPass},
	{"NL1:", NationalPass},
	{"NL2:", NationalPass},
	{"NZCP:/", NationalPass},
	{"PK\x03\x04", NationalPass}, // DIVOC: a ZIP archive
	{"MDOC:", WalletRequest},
	{"OPENID4VP://", WalletRequest},
	{"EUDI-OPENID4VP://", WalletRequest},
	{"HAIP://", WalletRequest},
	{"WIFI:", PhoneAction},
	{"BEGIN:V", PhoneAction}, // vCard, vCalendar
	{"MECARD:", PhoneAction},
	{"TEL:", PhoneAction},
	{"MAILTO:", PhoneAction},
	{"SMSTO:", PhoneAction},
	{"GEO:", PhoneAction},
}

// tornRun is how many characters of Base45 in a row may be a piece of a pass.
const tornRun = 60

// FamilyOf says which family a text belongs to that came whole, terminator and all. It is NoFamily for a text that is
// an HCERT, whatever its version, or may be a piece of one; and for one that holds anything that cannot be printed,
// unless a family is known by it. It allocates nothing.
func FamilyOf(text []byte) Family {
	if beginsHCERT(text) {
		return NoFamily
	}
	for i := range familyPrefixes {
		if hasPrefixFold(text, familyPrefixes[i].prefix) {
			return familyPrefixes[i].family
		}
	}
	switch {
	case isBoardingPass(text):
		return BoardingPass
	case isUPERTicket(text):
		return RailTicket
	case isTransitTicket(text):
		return TransitTicket
	case isVisibleSeal(text):
		return VisibleSeal
	case len(trimSpaces(text)) == 0 || !isPrintable(text) || hasBase45Run(text):
		return NoFamily
	}
	return UnknownFamily
}

// beginsHCERT says whether a text begins with the context identifier of an HCERT, in capitals or not, or is a piece of it.
func beginsHCERT(text []byte) bool {
	n := min(len(text), len(prefix))
	if n < len(prefix) {
		return hasPrefixFold(text, prefix[:n])
	}
	return hasPrefixFold(text, prefix[:2]) && isVersion(capital(text[2])) && text[3] == ':'
}

// hasPrefixFold says whether text begins with a prefix in capitals, written in capitals or not.
func hasPrefixFold(text []byte, prefix string) bool {
	if len(text) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		if capital(text[i]) != prefix[i] {
			return false
		}
	}
	return true
}

// isPrintable says whether a text is UTF-8 and all of it can be printed.
func isPrintable(text []byte) bool {
	for len(text) > 0 {
		r, n := utf8.DecodeRune(text)
		if r == utf8.RuneError && n == 1 || !unicode.IsPrint(r) {
			return false
		}
		text = text[n:]
	}
	return true
}

// hasBase45Run says whether as many characters of Base45 stand in a row as a piece of a pass may have.
func hasBase45Run(text []byte) bool {
	run := 0
	for _, c := range text {
		if base45Value[c] == notBase45 {
			run = 0
		} else if run++; run == tornRun {
			return true
		}
	}
	return false
}

// isBoardingPass recognises the mandatory items of the first leg (IATA Resolution 792): M, number of legs, name (20),
// electronic ticket, booking (7), from (3), to (3), carrier (3), flight (5), day of the year (3), class, seat (4),
// check-in number (5), passenger status, and in hexadecimal the size of what follows. All of it may be Base45, so that
// the places of letters and digits must tell it from a piece of a pass.
func isBoardingPass(text []byte) bool {
	const size = 60
	return len(text) >= size && text[0] == 'M' && '1' <= text[1] && text[1] <= '9' &&
		all(text[2:22], isNameLetter) && all(text[23:30], isAlphanumericOrSpace) &&
		all(text[30:36], isLetter) && all(text[36:39], isAlphanumericOrSpace) && all(text[39:44], isAlphanumericOrSpace) &&
		all(text[44:47], isDigit) && all(text[48:57], isAlphanumericOrSpace) && all(text[58:size], isHexDigit)
}

// all says whether a test holds for each byte.
func all(text []byte, test func(byte) bool) bool {
	for _, c := range text {
		if !test(c) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool    { return '0' <= c && c <= '9' }
func isLetter(c byte) bool   { c = capital(c); return 'A' <= c && c <= 'Z' }
func isHexDigit(c byte) bool { return isDigit(c) || 'A' <= capital(c) && capital(c) <= 'F' }

func isAlphanumericOrSpace(c byte) bool { return isLetter(c) || isDigit(c) || c == ' ' }

func isNameLetter(c byte) bool {
	return isLetter(c) || c == ' ' || c == '/' || c == '-' || c == '.' || c == '\''
}

// isUPERTicket recognises the header of a dynamic barcode of UIC (IRS 90918-9) in unaligned PER: a bit for what is
// optional, the length 2, and "U1" or "U2" in characters of seven bits.
func isUPERTicket(text []byte) bool {
	return len(text) > 3 && text[0]&^0x80 == 0x01 && text[1] == 0x55 && (text[2]&^1 == 0x62 || text[2]&^1 == 0x64)
}

// isTransitTicket recognises the signature of a VDV-KA ticket: tag 9E of 128 bytes, and its remainder under tag 9A.
func isTransitTicket(text []byte) bool {
	const signature = 3 + 128
	return len(text) > signature && text[0] == 0x9e && text[1] == 0x81 && text[2] == 0x80 && text[signature] == 0x9a
}

// isVisibleSeal recognises a VDS-NC: a JSON object with a header of a type of ICAO's, and a signature.
func isVisibleSeal(text []byte) bool {
	return len(text) > 0 && text[0] == '{' && bytes.Contains(text, []byte(`"hdr"`)) && bytes.Contains(text, []byte(`"sig"`)) &&
		bytes.Contains(text, []byte(`"icao.`))
}
