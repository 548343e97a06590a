package status

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxRequests is how many are worked on at once.
const maxRequests = 8

// guard lets a request through to the mux only if it is one that may be answered, and makes every answer harmless.
func (s *Server) guard(mux *http.ServeMux) http.Handler {
	var slots slots
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.harmless(w.Header())
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("status: internal error", "path", clip(r.URL.Path), "panic", p)
				panic(http.ErrAbortHandler) // an answer that may be half written must not look whole
			}
		}()
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			refuse(w, r, http.StatusMethodNotAllowed, &mistake{"nothing can be changed here", "use GET"})
			return
		case r.ContentLength != 0:
			refuse(w, r, http.StatusRequestEntityTooLarge, &mistake{"the request has a body", "send none"})
			return
		case !s.config.Load().serves(r.Host):
			refuse(w, r, http.StatusMisdirectedRequest, &mistake{
				"this is not the name of this device",
				"ask for localhost or its IP address, or name the host in the configuration",
			})
			return
		}
		handler, pattern := mux.Handler(r)
		c := s.config.Load()
		client := c.client(r)
		scope := s.authorised(w, r, client, pattern)
		if scope == noScope {
			return
		}
		if !slots.take(client) {
			w.Header().Set("Retry-After", "1")
			refuse(w, r, http.StatusServiceUnavailable, &mistake{"too many requests at once", "ask again in a second"})
			return
		}
		defer slots.give(client)
		if pattern == "" {
			refuse(w, r, http.StatusNotFound, &mistake{"there is nothing here", "see /, /api/v1/state, /api/v1/counters, /counters.csv, /metrics, /livez and /readyz"})
			return
		}
		handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), scopeKey{}, scope)))
	})
}

// harmless sets what keeps a browser from doing more with an answer than showing it.
func (s *Server) harmless(h http.Header) {
	h.Set("Content-Security-Policy", s.page.policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// serves says whether a request for this host is meant for us. Behind loopback there may be no token, and a stranger's
// page in a browser of this device may have its own name resolved to 127.0.0.1 (DNS rebinding). A socket cannot be asked
// by a browser, and elsewhere there is a token, which a browser gives to no other name.
func (c *Config) serves(host string) bool {
	if c.socket() != "" || !c.loopback() || host == "" { // only HTTP/1.0, which no browser speaks, goes without
		return true
	}
	name := host
	if split, _, err := net.SplitHostPort(host); err == nil {
		name = split
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	return isLoopback(name) || slices.ContainsFunc(c.Hosts, func(own string) bool { return strings.EqualFold(own, name) })
}

type scopeKey struct{}

// scopeOf is what the token of a request lets it read.
func scopeOf(r *http.Request) Scope {
	scope, _ := r.Context().Value(scopeKey{}).(Scope)
	return scope
}

// authorised returns what a request may read. If that does not include what the pattern serves, it answers the request and
// returns noScope.
func (s *Server) authorised(w http.ResponseWriter, r *http.Request, client netip.Addr, pattern string) Scope {
	c := s.config.Load()
	if len(c.Tokens) == 0 {
		return All
	}
	given := credentials(r)
	if given == "" {
		unauthorised(w, r, &mistake{"a token is needed", "send Authorization: Bearer TOKEN, or give the token as password"})
		return noScope
	}
	scope := c.Tokens.scope(given)
	if scope != noScope {
		recognised(r)
	}
	now := time.Now()
	switch {
	case scope == Venue && pattern == metricsPath:
		refuse(w, r, http.StatusForbidden, &mistake{"this token is not for the metrics", "use one without the word " + venueWord + " before it"})
		return noScope
	case scope != noScope:
		return scope
	}
	if wait := s.failures.wait(client, now); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait/time.Second)+1))
		refuse(w, r, http.StatusTooManyRequests, &mistake{"too many wrong tokens", "look into the token file; the right token is served at any time"})
		return noScope
	}
	if s.failures.add(client, now) {
		s.log.Warn("status: many wrong tokens", "from", client.String())
	}
	unauthorised(w, r, &mistake{"this token is not known", "look into the token file; what is in force is that of the daemon's last start or reload"})
	return noScope
}

func unauthorised(w http.ResponseWriter, r *http.Request, m *mistake) {
	w.Header().Add("WWW-Authenticate", `Bearer realm="gatescan"`)
	w.Header().Add("WWW-Authenticate", `Basic realm="gatescan", charset="UTF-8"`) // for a browser: any user, the token as password
	refuse(w, r, http.StatusUnauthorized, m)
}

// credentials is the token of a request, empty for none.
func credentials(r *http.Request) string {
	if _, password, is := r.BasicAuth(); is {
		return password
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// failure is the JSON of a request that was not answered.
type failure struct {
	Error string `json:"error"`
	Hint  string `json:"hint,omitempty"`
}

// refuse says why a request is not answered: in JSON below /api/, in words elsewhere. Its connection ends.
func refuse(w http.ResponseWriter, r *http.Request, code int, err error) {
	w.Header().Set("Connection", "close")
	dismissed(r)
	f := failure{Error: err.Error()}
	if m := (*mistake)(nil); errors.As(err, &m) {
		f = failure{m.what, m.hint}
	}
	if strings.HasPrefix(r.URL.Path, "/api/") {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(f)
		return
	}
	http.Error(w, err.Error(), code)
}
