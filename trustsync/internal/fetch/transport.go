package fetch

import (
	"crypto/tls"
	"time"
)

// Transport says how the URLs of a source are reached. The zero Transport trusts the system's authorities and asks
// directly, or through the proxy that the environment names.
type Transport struct {
	CA          []byte            // PEM: authorities to trust instead of the system's
	Pins        [][32]byte        // SHA-256 of the SPKI of certificates, of which one must be in the verified chain; empty for no pins
	Certificate *tls.Certificate  // that we show (mutual TLS); nil for none
	Proxy       string            // URL; empty for what the environment says
	Header      map[string]string // sent with every request
	Timeout     time.Duration     // of one whole request; DefaultTimeout if zero
}
