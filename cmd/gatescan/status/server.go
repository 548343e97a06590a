package status

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// Limits of requests.
const (
	maxHeader     = 4 << 10 // net/http lets 4 KiB more pass
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 30 * time.Second
	idleTimeout   = time.Minute
	closeTimeout  = time.Second // that answers in progress have once the daemon ends
	maxRetry      = 30 * time.Second
)

// Server answers over HTTP. Its methods may be called from any goroutine.
type Server struct {
	log      *slog.Logger
	config   atomic.Pointer[Config] // never nil
	desk     desk
	metrics  *metrics
	page     *page
	failures failures
	handler  http.Handler
	listener atomic.Pointer[net.Listener] // nil while it does not listen
}

// New returns a server that does not listen yet. It fails only for a configuration that does not validate.
func New(c Config, daemon Daemon, log *slog.Logger) (*Server, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	s := &Server{log: log, desk: desk{daemon: daemon, counting: make(chan struct{}, maxCounting)}, page: newPage()}
	s.config.Store(&c)
	s.metrics = newMetrics(s)
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", s.servePage)
	mux.HandleFunc("/api/v1/state", s.serveState)
	mux.HandleFunc("/api/v1/counters", s.serveCounters)
	mux.HandleFunc("/counters.csv", s.serveCSV)
	mux.Handle(metricsPath, s.metrics.handler)
	mux.HandleFunc("/livez", s.livez)
	mux.HandleFunc("/readyz", s.readyz)
	s.handler = s.guard(mux)
	return s, nil
}

// Configure puts a configuration into force: tokens, certificate, names, zone and what is hidden. The address and its
// socket's group stay; so does whether it is HTTPS.
func (s *Server) Configure(c Config) error {
	was := s.config.Load()
	c.Address, c.Group = was.Address, was.Group
	if (c.Certificate == nil) != (was.Certificate == nil) {
		s.log.Warn("status: HTTPS is switched on or off only by a restart")
		c.Certificate = was.Certificate
	}
	if err := c.Validate(); err != nil {
		return err
	}
	s.config.Store(&c)
	return nil
}

// Observe notes how long a frame took from the reader to the relay or the lamp. It does not allocate.
func (s *Server) Observe(took time.Duration) { s.metrics.observe(took) }

// Addr is where it listens, nil while it does not.
func (s *Server) Addr() net.Addr {
	listener := s.listener.Load()
	if listener == nil {
		return nil
	}
	return (*listener).Addr()
}

// Run answers requests until ctx ends. An address that cannot be had, because its network is not up yet, say, is tried
// again: the gate does not wait for it.
func (s *Server) Run(ctx context.Context) {
	if s.config.Load().Address == "" {
		return
	}
	for wait := time.Second; ; wait = min(2*wait, maxRetry) {
		err := s.serve(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.Error("status: not listening", "address", s.config.Load().Address, "err", err, "again_in", wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// serve answers until ctx ends or the listener fails.
func (s *Server) serve(ctx context.Context) error {
	c := s.config.Load()
	opened, err := listen(ctx, c)
	if err != nil {
		return err
	}
	opened.proxied = func(address netip.Addr) bool { return s.config.Load().proxied(address) }
	bare := net.Listener(opened)
	s.listener.Store(&bare)
	defer s.listener.Store(nil)
	listener := bare
	s.log.Info("status: listening", "address", listener.Addr().String(), "tls", c.Certificate != nil, "tokens", len(c.Tokens))
	if c.Certificate != nil {
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion:     tls.VersionTLS12,
			NextProtos:     []string{"http/1.1"},
			GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.config.Load().Certificate, nil },
		})
	}
	// HTTP/2 would bring many requests on one connection, which nothing here counts and nobody here needs.
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	server := &http.Server{
		Handler: s.handler, Protocols: protocols, MaxHeaderBytes: maxHeader, DisableGeneralOptionsHandler: true,
		ConnState: occupied, ConnContext: withPlace,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		// What strangers do wrong does not fill the journal.
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		closing, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		if server.Shutdown(closing) != nil {
			_ = server.Close()
		}
	})
	err = server.Serve(listener)
	if !stop() {
		<-ended
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, server.Close())
	}
	return nil
}

// snapshot is how it stands with the daemon.
func (s *Server) snapshot(ctx context.Context) (*Snapshot, error) {
	snapshot, err := s.desk.snapshot(ctx)
	if err != nil {
		return nil, err
	}
	snapshot.complete(s.config.Load().Name, s.desk.daemon.Stalled())
	return &snapshot, nil
}
