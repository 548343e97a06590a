package trustsync

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"gatescan/trustsync/internal/files"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/store"
	"gatescan/verify"
)

// Loaded is trust that somebody names by a path, who thereby vouches for it.
type Loaded struct {
	Trust  *verify.Trust
	Report Report
	Form   string // of what was found: "certificates", "store", or a kind of source
	Faults []Fault
}

// Load reads a directory of certificates, a store that a daemon wrote, or one file: certificates, a generation, or a
// trust list in a form that some source has. At is the moment for which the age of a store counts; the zero time leaves
// age aside.
//
// What cannot be used is named in the report. The error is about all of it, as with Read.
func Load(path string, at time.Time) (Loaded, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Loaded{}, err
	}
	if info.IsDir() && store.Is(path) {
		g, faults, err := store.Read(path)
		if err != nil {
			return Loaded{}, err
		}
		l := loadGeneration(g, at)
		l.Faults = faults
		return l, nil
	}
	if !info.IsDir() {
		data, err := files.Read(path, source.MaxListSize)
		if err == nil && len(data) > source.MaxListSize {
			err = fmt.Errorf("%w: more than %d MiB", ErrTooLarge, source.MaxListSize>>20)
		}
		if err != nil {
			return Loaded{}, fmt.Errorf("%s: %w", path, err)
		}
		if store.LooksLikeGeneration(data) {
			g, err := store.Decode(data)
			if err != nil {
				return Loaded{}, fmt.Errorf("%s: %w", path, err)
			}
			return loadGeneration(g, at), nil
		}
		forms := append(slices.Clone(kinds), kind{name: "key list", looks: list.LooksLikeKeyList, parse: list.ParseKeyList})
		for _, form := range forms {
			if form.looks == nil || !form.looks(data) {
				continue
			}
			signers, report, err := form.parse(data)
			if err != nil {
				return Loaded{}, fmt.Errorf("%s: a list of kind %s: %w", path, form.name, err)
			}
			return Loaded{Trust: verify.NewTrust(DSCs(signers)), Report: report, Form: form.name}, nil
		}
	}
	signers, report, err := ReadDirectory(path)
	if err != nil {
		return Loaded{}, err
	}
	return Loaded{Trust: verify.NewTrust(DSCs(signers)), Report: report, Form: "certificates"}, nil
}

// loadGeneration is what a daemon with these sources would judge by. An empty store is no trust at all.
func loadGeneration(g *Generation, at time.Time) Loaded {
	l := Loaded{Form: "store"}
	if g == nil {
		return l
	}
	s := &Syncer{kept: map[string]*kept{}}
	for _, name := range sortedNames(g.Sources) {
		stored := g.Sources[name]
		if len(stored.Holding.Signers) == 0 { // rules have no part in what is authentic
			continue
		}
		source := Named{Name: name, Source: storedSource{stored}}
		if at.IsZero() {
			source.MaxAge, stored.Holding.Expires = -1, time.Time{}
		}
		s.config.Sources = append(s.config.Sources, source)
		s.kept[name] = &kept{Stored: stored, has: true}
		l.Report.Loaded += len(stored.Holding.Signers)
	}
	s.publishLocked()
	l.Trust = s.Current()
	return l
}

// storedSource stands for a source whose configuration is not at hand.
type storedSource struct{ Stored }

func (storedSource) Fetch(context.Context, Moment) (*Holding, Report, error) {
	return nil, Report{}, source.ErrUnchanged
}

func (s storedSource) Traits() Traits {
	t := Traits{Kind: s.Kind, Age: AgeObserved}
	switch {
	case s.Kind == directory.Kind:
		t.Age = AgeNone
	case !s.Holding.Signed.IsZero():
		t.Age = AgeSigned
	}
	return t
}
