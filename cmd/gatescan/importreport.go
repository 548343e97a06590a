package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// importReport says what an import did, or would do.
type importReport struct {
	Archive   string    `json:"archive"`
	SHA256    string    `json:"sha256"`
	Config    string    `json:"config"`
	Name      string    `json:"name"` // of the gate
	Made      time.Time `json:"made"`
	Version   string    `json:"version"` // of the program that made it
	DryRun    bool      `json:"dry_run"`
	Wrote     []string  `json:"wrote"` // these are below the directory of the configuration
	Replaced  []string  `json:"replaced"`
	Unchanged []string  `json:"unchanged"`
	Removed   []string  `json:"removed"`
	Kept      string    `json:"kept,omitempty"` // directory of what was replaced and removed
	Present   []string  `json:"present"`        // files that the archive does not bring, and that are here
	ByHand    []byHand  `json:"by_hand"`
	Warnings  []string  `json:"warnings"`
}

// add lists a file by what stands in its place.
func (r *importReport) add(below string, found presence) {
	switch found {
	case absent:
		r.Wrote = append(r.Wrote, below)
	case same:
		r.Unchanged = append(r.Unchanged, below)
	case different:
		r.Replaced = append(r.Replaced, below)
	}
}

func (r *importReport) print(stdout, stderr io.Writer) error {
	for _, w := range r.Warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: of %s, sha256 %s\n", r.Archive, r.Made.UTC().Format(time.RFC3339), r.SHA256)
	if r.Name != "" {
		fmt.Fprintf(&b, "gate: %s\n", r.Name)
	}
	for _, list := range []struct {
		what  string
		names []string
	}{{"new", r.Wrote}, {"replaced", r.Replaced}, {"unchanged", r.Unchanged}, {"removed", r.Removed}, {"not from the archive", r.Present}} {
		for _, name := range list.names {
			fmt.Fprintf(&b, "  %s: %s\n", list.what, name)
		}
	}
	for _, h := range r.ByHand {
		fmt.Fprintf(&b, "by hand: %s %s\n", h.Path, h.Do)
	}
	if r.Kept != "" {
		fmt.Fprintf(&b, "what was there before is in %s\n", r.Kept)
	}
	if r.DryRun {
		fmt.Fprintf(&b, "%s: would be good; nothing was changed\n", r.Config)
	} else {
		fmt.Fprintf(&b, "%s: good; now restart the daemon\n", r.Config)
	}
	_, err := io.WriteString(stdout, b.String())
	return err
}

// byHand is a file that an import cannot bring.
type byHand struct {
	Path string `json:"path"`
	Do   string `json:"do"`
}

// explain adds to an error what is to be done by hand first.
func (im *importer) explain(err error) error {
	if errors.Is(err, unix.EROFS) {
		return fmt.Errorf("%w; mount %s for writing first", err, im.dir)
	}
	var wrong *configError
	if !errors.As(err, &wrong) || len(im.report.ByHand) == 0 {
		return err
	}
	var b strings.Builder
	b.WriteString("\nfirst, by hand:")
	for _, h := range im.report.ByHand {
		fmt.Fprintf(&b, "\n  %s %s", h.Path, h.Do)
	}
	return fmt.Errorf("%w%s", err, b.String())
}

// shellWord is a word that a shell reads as it is: what an archive says must not become an order.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// someOf joins the first of many.
func someOf(words []string) string {
	const most = 5
	if len(words) <= most {
		return strings.Join(words, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
}
