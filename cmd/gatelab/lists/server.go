package lists

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	renewal     = time.Hour // a list is signed anew when it is older than that
	maxAtOnce   = 512       // requests that are answered at the same time; more get 503
	maxControl  = 4 << 10   // bytes of a POST
	rivalDSCs   = 2         // that a list of another signer holds
	yesterday   = -24 * time.Hour
	longAgo     = -60 * 24 * time.Hour
	farAhead    = 5 * 365 * 24 * time.Hour
	headTimeout = time.Minute // a loaded machine shakes hands slowly
	idleTimeout = 30 * time.Second
)

// Server offers every kind of trust source of a domain, each as its publisher does, with faults on demand: below /~FAULT/ for
// one request, or switched for a whole source by Switch. GET /~/ says which there are. Its methods may be called from any
// goroutine; make it with NewServer.
type Server struct {
	domain *Domain
	rival  *Domain // signs what should not be believed
	log    func(Served)

	addresses map[Listener]string
	servers   []*http.Server
	closing   context.Context
	close     context.CancelFunc
	slots     chan struct{} // one for each request that may be answered
	running   sync.WaitGroup

	mu        sync.Mutex // guards the rest
	sources   []*source
	withdrawn map[string]bool // kids, and identifiers of rules
	signed    time.Time       // of what is given out now
}

// source is an offer with its state.
type source struct {
	Offer
	editions map[string]http.Handler // by the fault that asks for them, "" for the plain one
	fault    Fault                   // that is switched on
}

// Served is a request that was answered, or, if it is to be answered for long or for ever, one that begins to be.
type Served struct {
	Listener     Listener
	Method, Path string
	Source       string // empty if there is none of that name
	Fault        Fault
	Status       int // 0 if there is none yet, or was none
	Bytes        int64
}

// NewServer serves a domain on a host, which is one of loopback. With a port other than 0 the listeners have that one and those
// that follow. What is served is told to log, which may be nil and is called from many goroutines.
func NewServer(d *Domain, keys *TLSKeys, address string, log func(Served)) (*Server, error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %q: write it as 127.0.0.1:0 (%w)", address, err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	switch ip := net.ParseIP(host); {
	case err != nil || int(port)+len(Listeners) > 1<<16:
		return nil, fmt.Errorf("address %q: port %s leaves no room for %d listeners", address, text, len(Listeners))
	case host != "localhost" && (ip == nil || !ip.IsLoopback()):
		return nil, fmt.Errorf("address %q: a lab is served on loopback only, such as 127.0.0.1:0", address)
	}
	if log == nil {
		log = func(Served) {}
	}
	s := &Server{
		domain: d, log: log, addresses: map[Listener]string{}, slots: make(chan struct{}, maxAtOnce),
		withdrawn: map[string]bool{}, signed: time.Now().UTC().Truncate(time.Second),
	}
	if s.rival, err = NewDomain(d.Country, rivalDSCs); err != nil {
		return nil, err
	}
	for _, o := range offers {
		if o.Domain == "PH4H" && len(d.PH4H) == 0 {
			continue
		}
		s.sources = append(s.sources, &source{Offer: o, editions: map[string]http.Handler{}})
	}
	s.closing, s.close = context.WithCancel(context.Background())
	for i, l := range Listeners {
		at := net.JoinHostPort(host, "0")
		if port > 0 {
			at = net.JoinHostPort(host, strconv.Itoa(int(port)+i))
		}
		if err := s.listen(l, keys, at); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

// listen opens one listener and answers there.
func (s *Server) listen(l Listener, keys *TLSKeys, at string) error {
	config, err := keys.config(l)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	s.addresses[l] = listener.Addr().String()
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler:   http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.answer(l, w, r) }),
		TLSConfig: config, Protocols: &protocols, ReadHeaderTimeout: headTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return s.closing },
		ErrorLog:    log.New(io.Discard, "", 0), // a gate that refuses a certificate is no fault of ours
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				s.running.Add(1)
			case http.StateClosed:
				s.running.Done()
			}
		},
	}
	s.servers = append(s.servers, server)
	s.running.Go(func() {
		if config == nil {
			_ = server.Serve(listener) // ends by Close
		} else {
			_ = server.ServeTLS(listener, "", "")
		}
	})
	return nil
}

// Close ends every listener, connection and answer, and waits for them.
func (s *Server) Close() error {
	s.close()
	var failed []error
	for _, server := range s.servers {
		failed = append(failed, server.Close())
	}
	s.running.Wait()
	return errors.Join(failed...)
}

// URL is where a path is found on a listener.
func (s *Server) URL(l Listener, path string) string {
	if l == Plain {
		return "http://" + s.addresses[l] + path
	}
	return "https://" + s.addresses[l] + path
}

// Offers are the sources that the domain can fill.
func (s *Server) Offers() (all []Offer) {
	for _, one := range s.sources {
		all = append(all, one.Offer)
	}
	return all
}

// signers are all DSCs of the domain, those of ICVPs last.
func (s *Server) signers() []*x509.Certificate { return slices.Concat(s.domain.DSCs, s.domain.PH4H) }

// listed are those of some DSCs that are not withdrawn.
func (s *Server) listed(dscs []*x509.Certificate) (some []*x509.Certificate) {
	for _, dsc := range dscs {
		if !s.withdrawn[string(Credential{Cert: dsc}.KID())] {
			some = append(some, dsc)
		}
	}
	return some
}

// Rival is the domain whose keys no gate should ever trust: it signs what the fault wrong-signature gives out.
func (s *Server) Rival() *Domain { return s.rival }

// Switch switches a fault of a whole source on, for all that is asked for without a fault of its own. The zero Fault
// switches it off.
func (s *Server) Switch(name string, f Fault) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	one, err := s.sourceLocked(name)
	if err != nil {
		return err
	}
	if err := f.suits(one.Offer); err != nil {
		return err
	}
	one.fault = f
	return nil
}

func (s *Server) sourceLocked(name string) (*source, error) {
	for _, one := range s.sources {
		if one.Name == name {
			return one, nil
		}
	}
	var names []string
	for _, one := range s.sources {
		names = append(names, one.Name)
	}
	return nil, fmt.Errorf("no source %q; there are %s", name, strings.Join(names, ", "))
}

// Withdraw takes a DSC out of every source, or puts it back in.
func (s *Server) Withdraw(kid []byte, withdrawn bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.signers(), func(c *x509.Certificate) bool { return string(Credential{Cert: c}.KID()) == string(kid) })
	if at < 0 {
		return fmt.Errorf("no DSC of this lab has the kid %x", kid)
	}
	if s.withdrawn[string(kid)] == withdrawn {
		return nil
	}
	s.withdrawn[string(kid)] = withdrawn
	for _, one := range s.sources {
		live, ok := one.editions[""].(service)
		switch {
		case !ok || at >= len(s.domain.DSCs): // what runs has none but those of DCCs
		case withdrawn:
			live.Withdraw(kid)
		default:
			live.Add(s.domain.DSCs[at])
		}
	}
	s.signLocked()
	return nil
}

// WithdrawRule takes a rule out of every source, or puts it back in.
func (s *Server) WithdrawRule(identifier string, withdrawn bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !slices.ContainsFunc(s.domain.Rules, func(r Rule) bool { return r.Identifier == identifier }) {
		return fmt.Errorf("no rule of this lab is called %.60q", identifier)
	}
	if s.withdrawn[identifier] != withdrawn {
		s.withdrawn[identifier] = withdrawn
		s.signLocked()
	}
	return nil
}

// ChangeRules has the domain's rules and value sets changed, and all sources follow.
func (s *Server) ChangeRules(change func(*Domain)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := *s.domain
	change(&now)
	s.domain = &now
	s.signLocked()
}

// signLocked has every list signed anew, later than before. What runs goes on.
func (s *Server) signLocked() {
	now := time.Now().UTC().Truncate(time.Second)
	if !now.After(s.signed) {
		now = s.signed.Add(time.Second)
	}
	s.signed = now
	for _, one := range s.sources {
		for fault, h := range one.editions {
			if _, ok := h.(service); !ok {
				delete(one.editions, fault)
			}
		}
	}
}

// edition is the handler of a source that a fault asks for.
func (s *Server) edition(one *source, fault string) (http.Handler, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.signed) > renewal {
		s.signLocked()
	}
	if h := one.editions[fault]; h != nil {
		return h, nil
	}
	now := *s.domain
	now.DSCs, now.PH4H = s.listed(now.DSCs), s.listed(now.PH4H)
	now.Rules = slices.DeleteFunc(slices.Clone(now.Rules), func(r Rule) bool { return s.withdrawn[r.Identifier] })
	d, e := &now, edition{s.signed, s.signed.Add(one.Life)}
	switch fault {
	case faultWrongSignature:
		d = s.rival
	case faultEmpty:
		now.DSCs, now.PH4H, now.Rules, now.ValueSets = nil, nil, nil, nil
	case faultOlder:
		d, e.signed = s.domain, e.signed.Add(yesterday)
	case faultStale:
		d, e.signed = s.domain, e.signed.Add(longAgo)
	case faultFuture:
		e.signed, e.expires = e.signed.Add(farAhead), e.expires.Add(farAhead)
	case faultExpired:
		e.signed, e.expires = e.signed.Add(-2*one.Life), e.expires.Add(-2*one.Life)
	}
	h, err := one.make(d, e)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", one.Name, err)
	}
	one.editions[fault] = h
	return h, nil
}
