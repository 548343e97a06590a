package lists

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// SwissToken is what a gate must show to get the Swiss rules.
const SwissToken = "gatelab-token"

// SwissSigner is the common name of who signs the Swiss rules.
const SwissSigner = "gatelab content (lab, not for production)"

// swissKey is the only RSA key of a lab that publishes. It takes long to make, and whoever has the CSCA may give another one a certificate.
var swissKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// swissLife is for how long an app may use the Swiss rules once it has got them.
const swissLife = 48 * time.Hour

// SwitzerlandRules are the Swiss rules (CovidCertificate-App-Verifier-Service, VerificationRulesControllerV2): a compact JWS by a
// certificate under the domain's CSCA, which a gate must pin. Names of members begin with small letters. It does not say when it
// was signed.
func SwitzerlandRules(d *Domain) ([]byte, error) {
	rules := []json.RawMessage{}
	for _, rule := range d.Rules {
		text, err := smallLetters(rule.JSON)
		if err != nil {
			return nil, err
		}
		rules = append(rules, text)
	}
	sets := map[string][]string{}
	for _, set := range d.ValueSets {
		var one struct {
			Values map[string]json.RawMessage `json:"valueSetValues"`
		}
		if err := json.Unmarshal(set.JSON, &one); err != nil {
			return nil, err
		}
		sets[set.ID] = []string{}
		for code := range one.Values {
			sets[set.ID] = append(sets[set.ID], code)
		}
	}
	text, err := plainJSON(map[string]any{
		"rules": rules, "valueSets": sets, "validDuration": swissLife.Milliseconds(), "displayRules": []any{},
		"modeRules": map[string]any{"activeModes": []any{}},
	})
	if err != nil {
		return nil, err
	}
	return SignSwitzerland(d, text)
}

// smallLetters is a rule whose members begin with small letters, for the engine as Switzerland writes it.
func smallLetters(object []byte) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(object, &members); err != nil {
		return nil, err
	}
	small := map[string]json.RawMessage{}
	for name, value := range members {
		small[strings.ToLower(name[:1])+name[1:]] = value
	}
	small["engine"] = json.RawMessage(`"CertLogic"`)
	return plainJSON(small)
}

// SignSwitzerland signs any JSON as the Swiss rules are signed.
func SignSwitzerland(d *Domain, text []byte) ([]byte, error) {
	key, err := swissKey()
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{Country: []string{d.Country}, CommonName: SwissSigner},
		NotBefore: notBefore, NotAfter: notAfter, KeyUsage: x509.KeyUsageDigitalSignature,
	}, d.CSCA.Cert, key.Public(), d.CSCA.Key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	return compactJWS(jose.SigningKey{Algorithm: jose.RS256, Key: key}, "", []*x509.Certificate{cert}, text)
}

// withToken lets nobody through who does not show the token.
func withToken(token string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, fmt.Sprintf("a bearer token is needed; the one of the lab is %s", token), http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}
