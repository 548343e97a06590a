package trustsync

import (
	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

// What a source is and gives.
type (
	Source   = source.Source
	Moment   = source.Moment
	Holding  = source.Holding
	Signer   = source.Signer
	ValueSet = source.ValueSet
	SPKIHash = source.SPKIHash
	Traits   = source.Traits
	Age      = source.Age
	Report   = source.Report
	Skipped  = source.Skipped
)

// What the age of a holding is counted from.
const (
	AgeObserved = source.AgeObserved
	AgeSigned   = source.AgeSigned
	AgeNone     = source.AgeNone
)

// Errors of a source. They say what happened to an answer as a whole.
var (
	ErrNotAuthentic = source.ErrNotAuthentic
	ErrMalformed    = source.ErrMalformed
	ErrTooLarge     = source.ErrTooLarge
	ErrRollback     = source.ErrRollback
	ErrFuture       = source.ErrFuture
	ErrExpired      = source.ErrExpired
	ErrImplausible  = source.ErrImplausible
)

// DSCs returns the DSCs of signers.
func DSCs(signers []Signer) []verify.DSC { return source.DSCs(signers) }

// ParseCertificate reads one DSC from the DER of its certificate, of at most 64 KiB.
func ParseCertificate(der []byte) (verify.DSC, error) { return pki.ParseCertificate(der) }

// Transport says how the URLs of a source are reached.
type Transport = fetch.Transport

// DefaultTimeout is the deadline of a request to one mirror, from the dial to the last byte of the body.
const DefaultTimeout = fetch.DefaultTimeout

// StatusError says that a server answered with another status than it should.
type StatusError = fetch.StatusError

// What a Syncer keeps its trust data in.
type (
	Store      = store.Store
	Generation = store.Generation
	Stored     = store.Stored
	Fault      = store.Fault
)

// OpenStore opens the store in a directory; see store.Open.
func OpenStore(dir string) (*Store, error) { return store.Open(dir) }

// SourceConfig is what an operator says about one source.
type SourceConfig = sources.Config

// ReadDirectory reads all certificates of a directory, or of a single file if path is one. What cannot be used is in the report. It is an
// error if path itself cannot be read, or holds more than 100,000 files or certificates. A file may have 1 MiB.
func ReadDirectory(path string) ([]Signer, Report, error) { return directory.Read(path) }
