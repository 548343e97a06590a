package directory

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gatescan/trustsync/internal/files"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
)

const KindRules = "rules_directory"

// rulesDirectory is the source of a directory of rules and value sets, or of one file of them: see ReadRules.
type rulesDirectory struct{ path string }

func NewRules(c sources.Config) (source.Source, error) {
	if c.Path == "" {
		return nil, errors.New("a directory of rules needs its path")
	}
	return rulesDirectory{c.Path}, nil
}

// Traits implements Source.
func (d rulesDirectory) Traits() source.Traits {
	return source.Traits{
		Kind: KindRules, Signs: "nothing; whoever may write there is trusted", Age: source.AgeNone,
		Absence: "this directory no longer has it", Rules: true,
	}
}

// Fetch implements Source.
func (d rulesDirectory) Fetch(_ context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	rules, sets, report, err := ReadRules(d.path)
	if err != nil {
		return nil, source.Report{}, err
	}
	h := &source.Holding{Rules: rules, ValueSets: sets}
	if now.Last.SameRules(h) {
		return nil, report, source.ErrUnchanged
	}
	return h, report, nil
}

// ReadRules reads the rules and value sets of a directory, or of a single file if path is one: JSON of the form
// {"rules":[rule],"valueSets":{id:[code]}}, an array of rules, one rule, or one value set as the EU publishes it. Of a directory
// the files whose names end in .json are read, in the order of their names; the others are named in the report, and
// subdirectories are not entered.
//
// A file that cannot be read, or that holds something that is not a rule, is an error: a rule that is left out lets somebody
// in. So are more than 10,000 rules, 1,000 value sets or 16 MiB in all.
func ReadRules(path string) ([][]byte, []source.ValueSet, source.Report, error) {
	fail := func(err error) ([][]byte, []source.ValueSet, source.Report, error) {
		return nil, nil, source.Report{}, fmt.Errorf("rules: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fail(err)
	}
	dir, names := filepath.Dir(path), []string{filepath.Base(path)}
	if info.IsDir() {
		dir = path
		if names, err = files.Names(path); err != nil {
			return fail(err)
		}
	}
	r := list.NewRules()
	for _, name := range names {
		if info.IsDir() && !strings.HasSuffix(name, ".json") {
			r.Report.Skipped = append(r.Report.Skipped, source.Skipped{Name: name, Err: errors.New("its name does not end in .json")})
			continue
		}
		file := filepath.Join(dir, name)
		data, err := files.Read(file, source.MaxRuleBytes)
		if err == nil && len(data) > source.MaxRuleBytes {
			err = fmt.Errorf("%w: more than %d MiB", source.ErrTooLarge, source.MaxRuleBytes>>20)
		}
		if err == nil {
			err = r.Document(data)
		}
		if err != nil {
			return fail(fmt.Errorf("%s: %w", file, err))
		}
	}
	return r.Rules, r.ValueSets, r.Report, nil
}
