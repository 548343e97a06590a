package trustsync

import (
	"gatescan/trustsync/internal/source"
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
