package lists

import (
	"crypto"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
)

// RuleService plays the business rule service that the EU made for its member states (dgca-businessrule-service): /rules, /rules/{CC},
// /rules/{CC}/{hash}, /valuesets, /valuesets/{hash} and /countrylist. All but /rules/{CC} are signed by the domain's signer. It is
// an http.Handler that does not change.
type RuleService struct {
	signer Credential
	bodies map[string][]byte // by path
	signed map[string]bool   // that have an X-SIGNATURE
}

type ruleItem struct {
	Identifier string `json:"identifier"`
	Version    string `json:"version"`
	Country    string `json:"country"`
	Hash       string `json:"hash"`
}

type setItem struct {
	ID   string `json:"id"`
	Hash string `json:"hash"`
}

// NewRuleService has the rules and value sets of a domain. Greece is listed as EL.
func NewRuleService(d *Domain) (*RuleService, error) {
	s := &RuleService{signer: d.Signer, bodies: map[string][]byte{}, signed: map[string]bool{}}
	all, byCountry, countries := []ruleItem{}, map[string][]ruleItem{}, []string{}
	for _, rule := range d.Rules {
		country := rule.Country
		if country == "GR" {
			country = "EL"
		}
		one := ruleItem{rule.Identifier, rule.Version, country, bodyHash(rule.JSON)}
		all = append(all, one)
		if byCountry[country] == nil {
			countries = append(countries, country)
		}
		byCountry[country] = append(byCountry[country], one)
		s.add("/rules/"+country+"/"+one.Hash, rule.JSON, true)
	}
	slices.SortFunc(all, func(a, b ruleItem) int { return strings.Compare(a.Identifier, b.Identifier) })
	slices.Sort(countries)
	sets := []setItem{}
	for _, set := range d.ValueSets {
		one := setItem{set.ID, bodyHash(set.JSON)}
		sets = append(sets, one)
		s.add("/valuesets/"+one.Hash, set.JSON, true)
	}
	for path, list := range map[string]any{"/rules": all, "/valuesets": sets, "/countrylist": countries} {
		text, err := plainJSON(list)
		if err != nil {
			return nil, err
		}
		s.add(path, text, true)
	}
	for country, list := range byCountry {
		text, err := plainJSON(list)
		if err != nil {
			return nil, err
		}
		s.add("/rules/"+country, text, false)
	}
	return s, nil
}

func bodyHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

func (s *RuleService) add(path string, body []byte, signed bool) {
	s.bodies[path], s.signed[path] = body, signed
}

// Body is what is answered on a path.
func (s *RuleService) Body(path string) []byte { return s.bodies[path] }

// SetBody has anything answered on a path, signed.
func (s *RuleService) SetBody(path string, body []byte) { s.add(path, body, true) }

// Unsign leaves the X-SIGNATURE of a path out.
func (s *RuleService) Unsign(path string) { s.signed[path] = false }

// ServeHTTP answers as the service does.
func (s *RuleService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, ok := s.bodies[r.URL.Path]
	switch {
	case !ok:
		http.NotFound(w, r)
		return
	case r.Method != http.MethodGet:
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	if s.signed[r.URL.Path] {
		signature, err := SignRules(s.signer, body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("X-SIGNATURE", signature)
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // a gate that hangs up has its reasons
}

// SignRules is the X-SIGNATURE of a body: ECDSA in DER, in base64, over the hexadecimal digits of its SHA-256, which are hashed again.
func SignRules(signer Credential, body []byte) (string, error) {
	digest := sha256.Sum256([]byte(bodyHash(body)))
	signature, err := signer.Key.Sign(rand.Reader, digest[:], crypto.SHA256)
	return base64.StdEncoding.EncodeToString(signature), err
}
