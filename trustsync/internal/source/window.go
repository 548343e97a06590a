package source

import (
	"fmt"
	"time"
)

// ConfirmInterval bounds how often the store is written for no other reason than that a source said the same again.
const ConfirmInterval = 6 * time.Hour

// MaxSkew is how much a publisher's clock may be ahead of ours, once ours is known to be right.
const MaxSkew = 5 * time.Minute

// CheckWindow judges the signed times of a list, of which zero is none. What is older than what a mirror gave last
// is refused here too, so that the next mirror is asked.
func CheckWindow(now Moment, signed, expires time.Time, leeway time.Duration) error {
	switch {
	case !expires.IsZero() && now.Time.After(expires.Add(leeway)):
		return fmt.Errorf("%w at %s", ErrExpired, expires.UTC().Format(time.RFC3339))
	case now.Synced && signed.Sub(now.Time) > MaxSkew:
		return fmt.Errorf("%w, at %s", ErrFuture, signed.UTC().Format(time.RFC3339))
	case now.Last != nil && !signed.IsZero() && signed.Before(now.Last.Signed):
		return fmt.Errorf("%w, which was signed at %s, this one at %s", ErrRollback,
			now.Last.Signed.UTC().Format(time.RFC3339), signed.UTC().Format(time.RFC3339))
	}
	return nil
}
