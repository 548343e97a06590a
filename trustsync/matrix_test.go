package trustsync

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"

	"gatescan/trustsync/internal/sources/directory"
)

// outcome is what becomes of what a source gives out.
type outcome string

// Outcomes. From an empty start a fault is refused, after a good list that one is kept; both with an error in the state.
const (
	refused   outcome = "refused"
	keptOld   outcome = "kept old"
	unchanged outcome = "unchanged" // taken for the same as before, of which the age says the rest
	stale     outcome = "stale"     // in force, and too old by what is signed
	gone      outcome = "gone"
	barred    outcome = "barred"
	accepted  outcome = "accepted" // a good list is to be; of a fault it means that it cannot be detected
	without   outcome = "-"        // the form has no such thing
)

// matrixColumns are the faults, each at several places, and in which situations they are tried.
var matrixColumns = []struct {
	name   string
	faults []string
	first  outcome  // from an empty start, if not refused where it is keptOld after a good list; without for not tried
	says   []string // any of which the error must say; nil for any error
}{
	{"key gone", nil, without, nil}, // and stays so for all that follow
	{"good", []string{"good", "skew=-240h"}, accepted, nil},
	{"bit flip", []string{"flip=0", "flip=1", "flip=40", "flip=200", "flip=700", "flip", "flip=2000000000"}, "", nil},
	{"rollback", []string{"older"}, without, []string{"older than what was accepted before"}},
	{"replay 60d", []string{"stale"}, stale, []string{"older than what was accepted before"}},
	{"freeze", nil, without, nil},
	{"truncated", []string{"cut=0", "cut=1", "cut=20", "cut=200", "cut", "torn=0", "torn=1", "torn=200", "torn", "torn=2000000000"}, "", nil},
	{"endless", []string{"endless"}, "", []string{"too large", "no answer within"}},
	{"slow", []string{"slow", "hang"}, "", []string{"no answer within"}},
	{"wrong key", []string{"wrong-signature"}, "", []string{"not authentic", "not one usable certificate"}},
	{"future", []string{"future"}, "", []string{"signed in the future"}},
	{"expired", []string{"expired"}, "", []string{"expired at"}},
	{"empty", []string{"empty"}, "", []string{"not one certificate", "lists not one key", "not one DSC", "not one rule"}},
	{"status", []string{"500", "404", "redirect", "downgrade", "gzip"}, "", []string{"status 500", "status 404", "redirected", "encoded as"}},
	{"304", []string{"304"}, "", []string{"status 304"}},
	{"impostor", nil, refused, []string{"certificate"}},
}

// trustMatrix is what is expected. The columns are those above; the words say more than the table in the documentation of the
// package, and must not say less. A kind that the lab serves and that has no row fails.
var trustMatrix = []struct {
	source string
	cscas  bool // held against them
	bare   bool // no key is pinned, though the source signs
	cells  [16]outcome
}{
	// key gone, good, bit flip, rollback, replay 60d, freeze, truncated, endless, slow, wrong key, future, expired, empty, status, 304, impostor
	{"who", false, false, [...]outcome{gone, accepted, keptOld, keptOld, keptOld, stale, keptOld, keptOld, keptOld, keptOld, keptOld, without, keptOld, keptOld, unchanged, refused}},
	{"who-ref", false, false, [...]outcome{gone, accepted, keptOld, keptOld, keptOld, stale, keptOld, keptOld, keptOld, keptOld, keptOld, without, keptOld, keptOld, keptOld, refused}},
	{"eu", false, false, [...]outcome{barred, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, accepted, without, without, keptOld, keptOld, keptOld, refused}},
	{"eu", true, false, [...]outcome{barred, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, keptOld, without, without, keptOld, keptOld, keptOld, refused}},
	{"italy", false, false, [...]outcome{gone, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, accepted, without, without, keptOld, keptOld, keptOld, refused}},
	{"italy", true, false, [...]outcome{gone, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, keptOld, without, without, keptOld, keptOld, keptOld, refused}},
	{"germany", false, false, [...]outcome{gone, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, keptOld, without, without, keptOld, keptOld, unchanged, refused}},
	{"sweden", false, false, [...]outcome{gone, accepted, keptOld, keptOld, keptOld, stale, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, unchanged, refused}},
	{"austria", false, false, [...]outcome{gone, accepted, keptOld, keptOld, keptOld, stale, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, refused}},
	{"netherlands", false, false, [...]outcome{gone, accepted, keptOld, keptOld, keptOld, stale, keptOld, keptOld, keptOld, keptOld, keptOld, without, keptOld, keptOld, unchanged, refused}},
	{"eu-archive", false, false, [...]outcome{gone, accepted, keptOld, keptOld, keptOld, stale, keptOld, keptOld, keptOld, keptOld, keptOld, without, keptOld, keptOld, unchanged, refused}},
	{"gateway", false, false, [...]outcome{barred, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, keptOld, without, without, keptOld, keptOld, keptOld, refused}},
	{"eu-rules", false, false, [...]outcome{gone, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, keptOld, without, without, keptOld, keptOld, keptOld, refused}},
	{"eu-rules", false, true, [...]outcome{gone, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, accepted, without, without, keptOld, keptOld, keptOld, refused}},
	{"germany-rules", false, false, [...]outcome{gone, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, keptOld, without, without, keptOld, keptOld, keptOld, refused}},
	{"austria-rules", false, false, [...]outcome{gone, accepted, keptOld, keptOld, keptOld, stale, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, keptOld, refused}},
	{"switzerland-rules", false, false, [...]outcome{gone, accepted, keptOld, accepted, accepted, accepted, keptOld, keptOld, keptOld, keptOld, without, without, keptOld, keptOld, unchanged, refused}},
}

// matrixBlind says why a fault cannot be detected.
func matrixBlind(column string, t Traits) string {
	switch {
	case column == "good":
		return ""
	case column == "wrong key":
		return "nothing is signed: TLS and pins tell the server, CSCAs would tell the keys"
	case t.Age == AgeObserved && !t.Rollback:
		return "no time is signed, so old looks like new"
	}
	return "NOBODY KNOWS WHY"
}

// TestTrustMatrix has each kind of source, over real TLS, meet each fault twice: from an empty start, and after a good list. What
// a snapshot holds is asked of the verifier.
func TestTrustMatrix(t *testing.T) {
	lines := make([]string, len(trustMatrix))
	t.Run("sources", func(t *testing.T) {
		var rows sync.WaitGroup
		defer rows.Wait()
		for i, row := range trustMatrix {
			name := row.source
			if row.cscas {
				name += "+cscas"
			}
			if row.bare {
				name += " unpinned"
			}
			// All at once, whatever -parallel says: they wait more than they work.
			rows.Go(func() {
				t.Run(name, func(t *testing.T) {
					m := newMatrixRow(t, row.source, row.cscas, row.bare)
					line := name
					for j, column := range matrixColumns {
						want := row.cells[j]
						text := string(want)
						m.says = column.says
						if got := m.try(column.name, column.faults, column.first, want); got != want {
							t.Errorf("%s: %s, want %s", column.name, got, want)
							text = fmt.Sprintf("%s, NOT %s", got, want)
						}
						if want == accepted && column.name != "good" {
							text = "cannot be detected: " + matrixBlind(column.name, m.source.Traits())
						}
						line += "\t" + text
					}
					lines[i] = line
				})
			})
		}
	})
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 8, 2, ' ', 0)
	for j, column := range matrixColumns { // turned, to be read on a screen
		cells := column.name
		for _, line := range lines {
			if fields := strings.Split(line, "\t"); len(fields) == len(matrixColumns)+1 {
				cells += "\t" + strings.SplitN(fields[j+1], ":", 2)[0]
			}
		}
		if j == 0 {
			fmt.Fprint(w, "fault")
			for _, line := range lines {
				fmt.Fprint(w, "\t", strings.SplitN(line, "\t", 2)[0])
			}
			fmt.Fprintln(w)
		}
		fmt.Fprintln(w, cells)
	}
	w.Flush()
	t.Logf("\n%s", &b)
	for _, line := range lines {
		for j, cell := range strings.Split(line, "\t") {
			if _, why, blind := strings.Cut(cell, ": "); blind {
				t.Logf("%s, %s: %s", strings.SplitN(line, "\t", 2)[0], matrixColumns[j-1].name, why)
			}
		}
	}
}

// Every source that the lab serves is of a kind that there is, and has a row.
func TestTrustMatrixComplete(t *testing.T) {
	m := newMatrixRow(t, "who", false, false)
	offers := m.server.Offers()
	if len(offers) == 0 {
		t.Fatal("the lab serves nothing")
	}
	kinds := map[string]bool{directory.Kind: true, directory.KindRules: true} // nobody serves those
	for _, o := range offers {
		kinds[o.Kind] = true
		found := false
		for _, row := range trustMatrix {
			found = found || row.source == o.Name
		}
		if !found {
			t.Errorf("source %s has no row in trustMatrix", o.Name)
		}
	}
	for _, kind := range Kinds() {
		if !kinds[kind] {
			t.Errorf("kind %s is not served by the lab: it has no line in offers (cmd/gatelab/lists/offer.go)", kind)
		}
	}
}
