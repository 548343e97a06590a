package who

import (
	"bytes"
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/source"
)

func TestOpenDIDShapes(t *testing.T) {
	raw, a := whoBuilt(t, 2)
	ref, err := lists.WHORef(mustDomain(t), whoSigned, "did:web:a", "did:web:b")
	if err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`"kid":"([^"]+)"`).FindAllSubmatch(raw, 2)
	if len(first) != 2 {
		t.Fatal("no kid")
	}
	kid1, kid2 := string(first[0][1]), string(first[1][1])
	tests := []struct {
		name     string
		from, to string // in raw, where from occurs first
		want     string // in the error
		last     bool   // where it occurs last
	}{
		{"unknown member of the document", `"id":`, `"created":"x","id":`, `"created"`, false},
		{"alsoKnownAs", `"id":`, `"alsoKnownAs":["did:web:x"],"id":`, `"alsoKnownAs"`, false},
		{"unknown member of a key", `"type":"JsonWebKey2020"`, `"expires":"x","type":"JsonWebKey2020"`, `"expires"`, false},
		{"unknown member of a JWK", `"kty":`, `"d":"x","kty":`, `"d"`, false},
		{"unknown member of a domain", `"domain":{`, `"domain":{"text":"x",`, `"text"`, false},
		{"unknown member of a participant", `"participant":{`, `"participant":{"text":"x",`, `"text"`, false},
		{"unknown member of a key usage", `"keyusage":{`, `"keyusage":{"text":"x",`, `"text"`, false},
		{"unknown member of the proof", `"proof":{`, `"proof":{"expires":"x",`, `"expires"`, false},
		{"other case of a member", `"id":`, `"ID":`, `"ID"`, false},
		{"id twice", `"id":`, `"id":"did:web:x","id":`, "twice", false},
		{"proof twice", `"proof":{`, `"proof":{},"proof":{`, "proof", false},
		{"kid twice", `"kid":`, `"kid":"x","kid":`, "twice", false},
		{"code twice", `"domain":{`, `"domain":{"code":"#DCC",`, "twice", false},
		{"jws twice", `"jws":`, `"jws":"x","jws":`, "twice", false},
		{"escaped name of a member that is there", `"id":`, `"\u0069d":"did:web:x","id":`, "twice", false},
		{"two keys of one id", kid2, kid1, "twice", false},
		{"key with the document's id", `DSC#` + kid1, `DSC`, "twice", false},
		{"not UTF-8", `"nonce":"`, "\"nonce\":\"\xff", "plain ASCII", false},
		{"umlaut", `"nonce":"`, `"nonce":"ä`, "plain ASCII", false},
		{"escaped line end", `"nonce":"`, `"nonce":"\n`, "plain ASCII", false},
		{"escaped quotation mark", `"nonce":"`, `"nonce":"\"`, "plain ASCII", false},
		{"escaped backslash", `"nonce":"`, `"nonce":"\\`, "plain ASCII", false},
		{"half a surrogate", `"nonce":"`, `"nonce":"\ud800`, "plain ASCII", false},
		{"number for a kid", `"kid":"` + kid1 + `"`, `"kid":1`, "string", false},
		{"huge number", `"kid":"` + kid1 + `"`, `"kid":1e999999999`, "", false},
		{"null for a nonce", `"nonce":"`, `"nonce":null,"x":"`, "string", false},
		{"nested JWK", `"kty":"EC"`, `"kty":{"a":"EC"}`, "string", false},
		{"x5c of numbers", `"x5c":["`, `"x5c":[1,"`, "string", false},
		{"x5c of many", `"x5c":["`, `"x5c":["` + strings.Repeat(`","`, 20), "certificates", false},
		{"x5c as a string", `"x5c":[`, `"x5c":"x","y":[`, "x5c", false},
		{"bracket in an identifier", `"controller":"did:web:`, `"controller":"did:web:>`, "identifier", false},
		{"space in an identifier", `"controller":"did:web:`, `"controller":"did:web: `, "identifier", false},
		{"other kind of identifier", `"controller":"did:web:`, `"controller":"did:key:`, "identifier", false},
		{"fragment of the document", `DSC","controller"`, `DSC#x","controller"`, "identifier", false},
		{"code that is not relative", `"code":"#DCC"`, `"code":"DCC"`, "code", false},
		{"empty code", `"code":"#DCC"`, `"code":"#"`, "code", false},
		{"code with a bracket", `"code":"#DCC"`, `"code":"#D>C"`, "code", false},
		{"code as a string", `"domain":{"code":"#DCC"}`, `"domain":"#DCC"`, "domain", false},
		{
			"contexts in another order", `"https://w3id.org/security/suites/jws-2020/v1","https://smart.who.int/trust/tng-context/v1.jsonld"`,
			`"https://smart.who.int/trust/tng-context/v1.jsonld","https://w3id.org/security/suites/jws-2020/v1"`, "contexts", false,
		},
		{"one context more", `v1.jsonld"]`, `v1.jsonld","https://x"]`, "contexts", false},
		{"version 1's contexts", `,"https://smart.who.int/trust/tng-context/v1.jsonld"]`, `]`, "version 1", false},
		{"type of a key", `"type":"JsonWebKey2020"`, `"type":"JsonWebKey2021"`, "JsonWebKey2021", false},
		{"types of a key", `"type":"JsonWebKey2020"`, `"type":["JsonWebKey2020"]`, "type", false},
		{"type of the proof", `"type":"JsonWebSignature2020"`, `"type":"DataIntegrityProof"`, "DataIntegrityProof", false},
		{"purpose", `"assertionMethod"`, `"authentication"`, "authentication", false},
		{"time without zone", `02:00:00Z`, `02:00:00`, "time", false},
		{"time in another zone", `02:00:00Z`, `02:00:00+01:00`, "time", false},
		{"header of version 1", didHeader, "eyJiNjQiOmZhbHNlLCJjcml0IjpbImI2NCJdLCJhbGciOiJFQyJ9", "header", false},
		{"header none", didHeader, "eyJhbGciOiJub25lIn0", "header", false},
		{"payload in the jws", didHeader + "..", didHeader + ".e30.", "jws", false},
		{"padded jws", `"}}`, `="}}`, "jws", true},
		{"no jws", `"jws":`, `"nonce2":`, "nonce2", false},
		{"members missing", `"nonce":`, `"created":`, "twice", false},
		{"data after it", `"}}`, `"}}{}`, "trailing", true},
		{"cut", `"}}`, `"}`, "", true},
		{"an array", `{"@context"`, `[{"@context"`, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			at := bytes.Index(raw, []byte(tt.from))
			if tt.last {
				at = bytes.LastIndex(raw, []byte(tt.from))
			}
			if at < 0 {
				t.Fatalf("there is no %q", tt.from)
			}
			changed := slices.Concat(raw[:at], []byte(tt.to), raw[at+len(tt.from):])
			if bytes.Equal(changed, raw) {
				t.Fatal("nothing was changed")
			}
			d, err := openDID(changed, a)
			if d != nil || !errors.Is(err, source.ErrMalformed) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want ErrMalformed with %q", err, tt.want)
			}
		})
	}
	for _, missing := range []string{"@context", "id", "controller", "verificationMethod", "proof"} {
		t.Run("without "+missing, func(t *testing.T) {
			changed := bytes.Replace(ref, []byte(`"`+missing+`":`), []byte(`"x":`), 1)
			if _, err := openDID(changed, a); !errors.Is(err, source.ErrMalformed) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func mustDomain(t testing.TB) *lists.Domain {
	d, _ := whoDomain(t, 0)
	return d
}

// What JSON allows to be written in several ways is signed in one.
func TestOpenDIDRewritten(t *testing.T) {
	raw, a := whoBuilt(t, 2)
	keys := regexp.MustCompile(`"verificationMethod":\[(\{.*?\}\}),(\{.*?\}\})\]`)
	tests := map[string][]byte{
		"space":            bytes.ReplaceAll(raw, []byte(`,"`), []byte(" ,\n\t\"")),
		"escaped letter":   bytes.Replace(raw, []byte(`"nonce":"`), []byte(`"\u006eonce":"`), 1),
		"escaped solidus":  bytes.Replace(raw, []byte(`https://www.w3.org/`), []byte(`https:\/\/www.w3.org\/`), 1),
		"order of keys":    keys.ReplaceAll(raw, []byte(`"verificationMethod":[$2,$1]`)),
		"order of members": regexp.MustCompile(`("kty":"EC"),("kid":"[^"]+")`).ReplaceAll(raw, []byte(`$2,$1`)),
	}
	for name, changed := range tests {
		if bytes.Equal(changed, raw) {
			t.Errorf("%s: nothing was changed", name)
		}
		if _, err := openDID(changed, a); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
