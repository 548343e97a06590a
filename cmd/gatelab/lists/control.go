package lists

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"text/tabwriter"
)

// sourceStatus is a source as GET /~/ tells it.
type sourceStatus struct {
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	URL   string   `json:"url"`
	Fault string   `json:"fault"` // that is switched on; empty for none
	Can   []string `json:"can"`   // names of faults
}

// serverStatus is what GET /~/ tells.
type serverStatus struct {
	Sources   []sourceStatus `json:"sources"`
	Faults    []FaultKind    `json:"faults"`
	DSCs      []string       `json:"dscs"`      // kids, in hexadecimal digits
	Rules     []string       `json:"rules"`     // identifiers
	Withdrawn []string       `json:"withdrawn"` // of these two
}

func (s *Server) status() serverStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := serverStatus{Faults: FaultKinds(), DSCs: []string{}, Rules: []string{}, Withdrawn: []string{}}
	for _, one := range s.sources {
		status := sourceStatus{Name: one.Name, Kind: one.Kind, URL: s.URL(one.On, one.Path), Fault: one.fault.String()}
		for i := range faultKinds {
			if (Fault{kind: &faultKinds[i]}).suits(one.Offer) == nil {
				status.Can = append(status.Can, faultKinds[i].Name)
			}
		}
		st.Sources = append(st.Sources, status)
	}
	for _, dsc := range s.signers() {
		kid := string(Credential{Cert: dsc}.KID())
		st.DSCs = append(st.DSCs, hex.EncodeToString([]byte(kid)))
		if s.withdrawn[kid] {
			st.Withdrawn = append(st.Withdrawn, hex.EncodeToString([]byte(kid)))
		}
	}
	for _, rule := range s.domain.Rules {
		st.Rules = append(st.Rules, rule.Identifier)
		if s.withdrawn[rule.Identifier] {
			st.Withdrawn = append(st.Withdrawn, rule.Identifier)
		}
	}
	return st
}

// control answers what is asked below /~/: GET tells what there is, as text, or as JSON if that is accepted; POST SOURCE with fault=FAULT switches;
// POST withdraw and restore with kid=HEX or rule=IDENTIFIER.
func (s *Server) control(w http.ResponseWriter, r *http.Request, what string) {
	switch {
	case r.Method == http.MethodGet && what == "":
		if strings.Contains(r.Header.Get("Accept"), "application/json") {
			w.Header().Set("Content-Type", "application/json")
			e := json.NewEncoder(w)
			e.SetIndent("", "  ")
			_ = e.Encode(s.status()) // fails only if nobody listens
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		s.status().write(w)
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, POST")
		http.Error(w, "GET /~/, or POST /~/SOURCE, /~/withdraw or /~/restore", http.StatusMethodNotAllowed)
	default:
		r.Body = http.MaxBytesReader(w, r.Body, maxControl)
		if err := s.change(r, what); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	}
}

func (s *Server) change(r *http.Request, what string) error {
	if err := r.ParseForm(); err != nil {
		return err
	}
	switch what {
	case "withdraw", "restore":
		if r.Form.Has("rule") {
			return s.WithdrawRule(r.Form.Get("rule"), what == "withdraw")
		}
		kid, err := hex.DecodeString(r.Form.Get("kid"))
		if err != nil || len(kid) != 8 {
			return fmt.Errorf("kid %.40q: write its 16 hexadecimal digits, as in kid=0123456789abcdef", r.Form.Get("kid"))
		}
		return s.Withdraw(kid, what == "withdraw")
	}
	if !r.Form.Has("fault") {
		return fmt.Errorf("say which fault, as in fault=flip, or fault= for none")
	}
	f, err := ParseFault(r.Form.Get("fault"))
	if err != nil {
		return err
	}
	return s.Switch(what, f)
}

// write tells it to people.
func (st serverStatus) write(w http.ResponseWriter) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "SOURCE\tKIND\tFAULT\tURL")
	for _, one := range st.Sources {
		fault := one.Fault
		if fault == "" {
			fault = "-"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", one.Name, one.Kind, fault, one.URL)
	}
	fmt.Fprintln(t, "\nDSC\tWITHDRAWN")
	for _, kid := range st.DSCs {
		fmt.Fprintf(t, "%s\t%v\n", kid, slices.Contains(st.Withdrawn, kid))
	}
	fmt.Fprintln(t, "\nRULE\tWITHDRAWN")
	for _, rule := range st.Rules {
		fmt.Fprintf(t, "%s\t%v\n", rule, slices.Contains(st.Withdrawn, rule))
	}
	fmt.Fprintln(t, "\nFAULT\tWHAT")
	for _, f := range st.Faults {
		name := f.Name
		if f.Argument != "" {
			name += "=" + f.Argument
		}
		fmt.Fprintf(t, "%s\t%s\n", name, f.Says)
	}
	fmt.Fprint(t, `
One request with a fault:      GET /~FAULT/PATH
A whole source with a fault:   POST /~/SOURCE with fault=FAULT, and back with fault=
Withdraw a DSC everywhere:     POST /~/withdraw with kid=HEX, and back: POST /~/restore
Withdraw a rule everywhere:    POST /~/withdraw with rule=IDENTIFIER, and back: POST /~/restore
`)
	_ = t.Flush()
}
