package fetch

import (
	"context"
	"errors"
	"strings"

	"gatescan/trustsync/internal/source"
)

// FirstMirror asks mirrors in turn until one answers, with a holding or with ErrUnchanged. The error is what each of them did.
func FirstMirror[M any](ctx context.Context, mirrors []M, ask func(M) (*source.Holding, source.Report, error)) (*source.Holding, source.Report, error) {
	var failed mirrorErrors
	for _, m := range mirrors {
		holding, report, err := ask(m)
		if err == nil || errors.Is(err, source.ErrUnchanged) {
			return holding, report, err
		}
		failed = append(failed, err)
		if ctx.Err() != nil {
			break
		}
	}
	return nil, source.Report{}, failed
}

// mirrorErrors says what each mirror did. It is any of their errors.
type mirrorErrors []error

func (e mirrorErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (e mirrorErrors) Unwrap() []error { return e }
