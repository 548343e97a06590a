package trustsync

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"gatescan/verify"
)

// Source is one place that vouches for signers. It is asked by one goroutine at a time.
type Source interface {
	// Fetch asks what the place vouches for now. Everything it returns is authentic as far as the place can prove
	// that (Traits); the holding it returns is its own, what it got in now is not changed.
	//
	// errUnchanged says that the place still vouches for what it did last; Fetch then returns no holding. Any other
	// error means that nothing can be said, and what it gave last stays in force. What could not be used of an otherwise
	// good answer stands in the report.
	Fetch(ctx context.Context, now Moment) (*Holding, Report, error)
	// Traits says what is known about places of this kind.
	Traits() Traits
}

// Moment is what a source may know of the world when it is asked.
type Moment struct {
	Time     time.Time             // the later of wall clock and floor
	Synced   bool                  // the wall clock is known to be right
	Last     *Holding              // what the source gave last, nil if nothing; not to be changed
	Progress func(done, total int) // of a long fetch; total is 0 if it is not known. May be nil
	Date     func(time.Time)       // told what a server says that the time is, which proves nothing. May be nil
}

// progress tells how far a long fetch has come.
func (m Moment) progress(done, total int) {
	if m.Progress != nil {
		m.Progress(done, total)
	}
}

// date passes on what a server says that the time is (RFC 9110 §6.6.1).
func (m Moment) date(header http.Header) {
	if date, err := http.ParseTime(header.Get("Date")); err == nil && m.Date != nil {
		m.Date(date)
	}
}

// Holding is all that one source vouches for at one moment. It is immutable once returned.
type Holding struct {
	Signers   []Signer
	Withdrawn []verify.KID // withdrawn expressly: nobody may vouch for these any more

	Rules     [][]byte   // in JSON, each byte for byte as it was authenticated; a source of rules holds no keys
	ValueSets []ValueSet // that they refer to

	Signed  time.Time // when it was signed, zero if nothing that is signed says so
	Expires time.Time // its signed end, zero if it has none
	Cursor  []byte    // what the source wants to be reminded of (an ETag, a resume token); at most maxCursor bytes
}

// empty says whether a holding vouches for nothing.
func (h *Holding) empty() bool {
	return len(h.Signers) == 0 && len(h.Rules) == 0 && len(h.ValueSets) == 0
}

// serves says whether a holding has what a source of this kind gives.
func (h *Holding) serves(t Traits) bool {
	if t.Rules {
		return len(h.Rules) > 0 || len(h.ValueSets) > 0
	}
	return len(h.Signers) > 0
}

// maxListSize bounds an answer of a source, in bytes. The largest published so far, all participants of the WHO network, has 2 MB.
const maxListSize = 64 << 20

// maxCursor bounds what a source may want to be reminded of, in bytes.
const maxCursor = 4096

// Signer is a DSC, with its SubjectPublicKeyInfo in DER by which it is stored and barred.
type Signer struct {
	verify.DSC
	SPKI []byte
	Lab  bool // its certificate says that it is a lab's
}

// Traits is what is known about a kind of source; package documentation has the table.
type Traits struct {
	Kind     string // the word in the configuration
	Signs    string // what is signed, and by whom
	Age      Age    // what its age is counted from
	Rollback bool   // an older list can be told from a newer one
	Absence  string // what it means that a key, or a rule, is gone
	Rules    bool   // it gives rules and value sets and no keys; otherwise keys and no rules
}

// Age is what the age of a holding is counted from.
type Age uint8

const (
	AgeObserved Age = iota // the time when the source last said it: a replay looks fresh
	AgeSigned              // the time in what is signed: a replay does not renew it
	AgeNone                // it does not age: somebody put it there by hand
)

// Errors of a source. They say what happened to an answer as a whole.
var (
	errUnchanged = errors.New("unchanged since the last time")

	// ErrNotAuthentic says that an answer is not signed by whom it should be, or was changed.
	ErrNotAuthentic = errors.New("not authentic")
	// ErrMalformed says that an answer cannot be read, or is cut short.
	ErrMalformed = errors.New("malformed")
	// ErrTooLarge says that an answer exceeds a bound.
	ErrTooLarge = errors.New("too large")
	// ErrRollback says that an answer is older than one that was accepted before.
	ErrRollback = errors.New("older than what was accepted before")
	// ErrFuture says that an answer was signed later than can be.
	ErrFuture = errors.New("signed in the future")
	// ErrExpired says that the signed end of an answer has passed.
	ErrExpired = errors.New("expired")
	// ErrImplausible says that an answer is authentic as far as one can tell, and yet cannot be meant.
	ErrImplausible = errors.New("implausible")
)

// Report is what a source found.
type Report struct {
	Loaded     int       // signers, or rules, that can be used
	Duplicates int       // certificates, or rules, that were there once more
	Skipped    []Skipped // what cannot be used
}

// Skipped is a file, or a certificate or rule in it, that cannot be used.
type Skipped struct {
	Name string // of the file, as the file system has it, or of the entry, as the list has it: it may hold any byte
	Err  error
}

// SourceConfig is what an operator says about one source.
type SourceConfig struct {
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

	Transport // how the URLs are reached

	Domain, Usage string   // of the WHO network, by default DCC and DSC
	Participants  []string // ISO 3166-1 alpha-3 of the WHO network; empty for all that are real
	Lab           bool     // also participants of the WHO network that exist for tests
	Countries     []string // ISO 3166-1 alpha-2, whose acceptance rules are wanted of kinds eu_rules and germany_rules; empty for all
}

// kinds has what makes a source of each kind.
var kinds = map[string]func(SourceConfig) (Source, error){
	kindDirectory:   newDirectory,
	kindWHO:         newWHO,
	kindGermany:     newGermany,
	kindSweden:      newSweden,
	kindAustria:     newAustria,
	kindNetherlands: newNetherlands,
	"eu":            newEU,
	"italy":         newItaly,
	kindEUArchive:   newEUArchive,
	kindGateway:     newGateway,

	kindEURules:          newEURules,
	kindGermanyRules:     newGermanyRules,
	kindAustriaRules:     newAustriaRules,
	kindSwitzerlandRules: newSwitzerlandRules,
	kindRulesDirectory:   newRulesDirectory,
}

// Kinds are the words for the kinds of sources.
func Kinds() []string { return sortedNames(kinds) }

// NewSource makes a source of what an operator says. The error says what to do.
func NewSource(c SourceConfig) (Named, error) {
	make := kinds[c.Kind]
	if make == nil {
		return Named{}, fmt.Errorf("%q is no kind of source; there are %s", c.Kind, strings.Join(Kinds(), ", "))
	}
	source, err := make(c)
	if err != nil {
		return Named{}, err
	}
	return Named{Name: c.Name, Source: source, Interval: c.Interval, MaxAge: c.MaxAge, Identity: c.identity()}, nil
}

// identity hashes what decides what is authentic, or wanted. It leaves out what may change while that stays: mirrors,
// times, how they are reached. Where nothing is signed, the place itself is what is trusted.
func (c *SourceConfig) identity() (id [sha256.Size]byte) {
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
	if len(c.Anchors) == 0 {
		part([]byte(strings.Join(c.URLs, "\n")))
		part(c.CA)
	}
	h.Sum(id[:0])
	return id
}
