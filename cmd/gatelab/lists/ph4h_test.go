package lists

import (
	"encoding/base64"
	"strings"
	"testing"
)

// The signers of ICVPs stand in the list of their own domain and in no other; they can be withdrawn.
func TestPH4H(t *testing.T) {
	b := serve(t)
	signer := Credential{Cert: b.domain.PH4H[0]}
	id := `#` + base64.StdEncoding.EncodeToString(signer.KID()) + `"`
	list := func(path string) string {
		t.Helper()
		_, body := b.get(path)
		return string(body)
	}
	const ph4h, dcc = "/who-ph4h/v2/trustlist/PH4H/-/DSC/did.json", "/who/v2/trustlist/DCC/-/DSC/did.json"
	if got := list(ph4h); strings.Count(got, id) != 1 || !strings.Contains(got, `"domain":{"code":"#PH4H"}`) || strings.Contains(got, "#DCC") {
		t.Errorf("the list of PH4H: %s", got)
	}
	for path := range published {
		if path != ph4h && strings.Contains(list(path), base64.StdEncoding.EncodeToString(signer.KID())) {
			t.Errorf("the signer of ICVPs is at %s", path)
		}
	}
	if got := list(dcc); strings.Count(got, `"domain":{"code":"#DCC"}`) != 3 {
		t.Errorf("the list of DCC: %s", got)
	}
	if err := b.Withdraw(signer.KID(), true); err != nil {
		t.Fatal(err)
	}
	if got := list(ph4h); strings.Contains(got, id) {
		t.Errorf("the list after it was withdrawn: %s", got)
	}
	if err := b.Withdraw(signer.KID(), false); err != nil {
		t.Fatal(err)
	}
	if got := list(ph4h); !strings.Contains(got, id) {
		t.Errorf("the list after it was put back: %s", got)
	}
}

// A domain without signers of ICVPs offers no list of them.
func TestNoPH4H(t *testing.T) {
	d, err := NewDomain("XX", 1)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := NewTLSKeys("XX")
	if err != nil {
		t.Fatal(err)
	}
	s, err := NewServer(d, keys, "127.0.0.1:0", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, o := range s.Offers() {
		if o.Name == "who-ph4h" {
			t.Error("offered")
		}
	}
}
