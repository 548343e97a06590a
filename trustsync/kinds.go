package trustsync

import (
	"fmt"
	"slices"
	"strings"

	"gatescan/trustsync/internal/sources/austria"
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/internal/sources/eu"
	"gatescan/trustsync/internal/sources/gateway"
	"gatescan/trustsync/internal/sources/germany"
	"gatescan/trustsync/internal/sources/netherlands"
	"gatescan/trustsync/internal/sources/sweden"
	"gatescan/trustsync/internal/sources/switzerland"
	"gatescan/trustsync/internal/sources/who"
)

// kind is a kind of source.
type kind struct {
	name string
	open func(SourceConfig) (Source, error)

	// A file may have the form of its list, too. looks says whether one has; parse reads it without checking its signature, for there is no
	// anchor to check it by. Both are nil for a kind that has no such form.
	looks func(file []byte) bool
	parse func(file []byte) ([]Signer, Report, error)
}

// kinds is the table of kinds. A new country is a folder under internal/sources and a line here. Files are tried in this order.
var kinds = []kind{
	{who.Kind, who.New, who.LooksLike, who.Read},
	{germany.Kind, germany.New, germany.LooksLike, germany.Read},
	{sweden.Kind, sweden.New, sweden.LooksLike, sweden.Read},
	{netherlands.Kind, netherlands.New, netherlands.LooksLike, netherlands.Read},
	{austria.Kind, austria.New, austria.LooksLike, austria.Read},
	{eu.KindArchive, eu.NewArchive, eu.LooksLikeArchive, eu.ReadArchive},
	{eu.Kind, eu.New, nil, nil},
	{eu.KindItaly, eu.NewItaly, nil, nil},
	{gateway.Kind, gateway.New, nil, nil},
	{directory.Kind, directory.New, nil, nil},

	{eu.KindRules, eu.NewRules, nil, nil},
	{eu.KindGermanyRules, eu.NewGermanyRules, nil, nil},
	{austria.KindRules, austria.NewRules, nil, nil},
	{switzerland.KindRules, switzerland.NewRules, nil, nil},
	{directory.KindRules, directory.NewRules, nil, nil},
}

// Kinds returns the words for the kinds of sources, sorted.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	slices.Sort(names)
	return names
}

// NewSource makes a source from its configuration. The error says what to do.
func NewSource(c SourceConfig) (Named, error) {
	at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == c.Kind })
	if at < 0 {
		return Named{}, fmt.Errorf("%q is no kind of source; there are %s", c.Kind, strings.Join(Kinds(), ", "))
	}
	made, err := kinds[at].open(c)
	if err != nil {
		return Named{}, err
	}
	return Named{Name: c.Name, Source: made, Interval: c.Interval, MaxAge: c.MaxAge, Identity: c.Identity()}, nil
}
