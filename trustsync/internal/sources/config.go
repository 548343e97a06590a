// Package sources holds what an operator says about a source; each folder below it is the sources of one publisher. A folder must never know
// the Syncer, the store, or another folder: what two of them need is in fetch, list, pki or source.
package sources

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/verify"
)

// Config is what an operator says about one source.
type Config struct {
	Name string // unique among the sources
	Kind string // a word of Kinds

	Path    string   // of a directory or a file, for kinds directory and rules_directory
	URLs    []string // mirrors of one another, in the order in which they are tried
	Anchors []byte   // PEM: the public keys or certificates that what is fetched must be signed by
	CSCAs   []byte   // PEM: the authorities that DSCs must chain to, for sources that do not bring their own

	// The common name that the signer must have, for kinds netherlands, eu_archive and switzerland_rules under an authority; empty for any.
	SignerName string

	Interval time.Duration // between attempts; DefaultInterval if zero
	MaxAge   time.Duration // how old a holding may become; DefaultMaxAge if zero; never too old if negative

	fetch.Transport // how the URLs are reached

	Domain, Usage string        // of the WHO network, by default DCC and DSC
	Participants  []string      // ISO 3166-1 alpha-3 of the WHO network; empty for all that are real
	Domains       verify.Domain // for which the certificates of a directory vouch; zero for DCCs
	Environment   string        // of the WHO network: production (or empty), uat or dev
	Lab           bool          // also participants of the WHO network that exist for tests
	Countries     []string      // ISO 3166-1 alpha-2, whose acceptance rules are wanted of kinds eu_rules and germany_rules; empty for all
}

// Identity hashes what decides what is authentic, or wanted. It leaves out what may change while that stays: mirrors,
// times, how they are reached. Where nothing is signed, the place itself is what is trusted.
func (c *Config) Identity() (id [sha256.Size]byte) {
	h := sha256.New()
	part := func(b []byte) {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(b)))
		h.Write(length[:])
		h.Write(b)
	}
	for _, s := range []string{c.Kind, c.Path, c.SignerName, c.Domain, c.Usage, strings.Join(c.Participants, ",")} {
		part([]byte(s))
	}
	part(c.Anchors)
	part(c.CSCAs)
	if len(c.Countries) > 0 { // of the former kinds none has any, and their identity stays
		part([]byte(strings.Join(c.Countries, ",")))
	}
	if c.Domains != 0 {
		part([]byte("domains " + c.Domains.String()))
	}
	if c.Environment != "" {
		part([]byte("environment " + c.Environment))
	}
	if len(c.Anchors) == 0 {
		part([]byte(strings.Join(c.URLs, "\n")))
		part(c.CA)
	}
	h.Sum(id[:0])
	return id
}
