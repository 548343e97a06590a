package trustsync

import (
	"crypto/sha256"
	"io"
	"strings"
	"unicode"
)

// maxNamed is how many skipped certificates or rules the log names at once.
const maxNamed = 100

// said is what the log said last of a source, so that it is not said again.
type said struct{ outcome, skipped [sha256.Size]byte }

// say logs how an attempt went, unless the one before went just so.
func (s *Syncer) say(k *kept, report Report, err error) {
	log, what := s.log.With("source", k.state.Name), "certificate"
	if k.rules {
		what = "rule"
	}
	list := sha256.New()
	for _, skipped := range report.Skipped {
		io.WriteString(list, skipped.Name+"\x00"+skipped.Err.Error()+"\x00")
	}
	skipped := [sha256.Size]byte(list.Sum(nil))
	if !k.state.Unchanged && skipped != k.said.skipped && (err == nil || len(report.Skipped) > 0) { // a source that failed says nothing of them
		k.said.skipped = skipped
		for _, one := range report.Skipped[:min(len(report.Skipped), maxNamed)] {
			log.Warn(what+" skipped", "name", printable(one.Name), "reason", one.Err)
		}
		if more := len(report.Skipped) - maxNamed; more > 0 {
			log.Warn("more "+what+"s skipped", "count", more)
		}
	}

	text := ""
	if err != nil {
		text = err.Error()
	}
	outcome := sha256.Sum256(append(k.said.skipped[:], text...))
	if outcome == k.said.outcome && (err != nil || k.state.Added+k.state.Removed+k.state.Changed == 0 || k.state.Unchanged) {
		return
	}
	k.said.outcome = outcome
	switch {
	case err == nil:
		if k.rules {
			log = log.With("changed", k.state.Changed)
		}
		log.Info("trust data loaded", "loaded", report.Loaded, "added", k.state.Added, "removed", k.state.Removed,
			"skipped", len(report.Skipped), "duplicates", report.Duplicates)
	case k.has:
		log.Warn("trust data not refreshed, the last good ones stay in force", "err", err)
	default:
		log.Error("no trust data from this source", "err", err)
	}
}

// printable is a name as a file system or a stranger gave it, without what would confuse a log or a screen.
func printable(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '\uFFFD'
		}
		return r
	}, name)
}
