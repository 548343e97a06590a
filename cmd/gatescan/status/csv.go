package status

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatescan/driver/turnstile"
)

// serveCSV answers the same as serveCounters, for a spreadsheet (RFC 4180).
func (s *Server) serveCSV(w http.ResponseWriter, r *http.Request) {
	a, ok := s.ask(w, r)
	if !ok {
		return
	}
	last := a.to.Add(-time.Second).In(a.zone)
	w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
	w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="gatescan-%s-%s-by-%s.csv"`,
		a.from.In(a.zone).Format(time.DateOnly), last.Format(time.DateOnly), a.bucket()))
	out := csv.NewWriter(w)
	out.UseCRLF = true
	write := func(cells []string) {
		for i := range cells {
			cells[i] = inert(cells[i])
		}
		_ = out.Write(cells) // an error stays until Flush, and then nobody is left to be told
	}
	write(header())
	if a.undated != nil {
		write(a.cells(a.undated))
	}
	for i := range a.rows {
		write(a.cells(&a.rows[i]))
	}
	out.Flush()
}

func header() []string {
	cells := []string{"gate", "start", "end", "undated", "running", "lost", "accepted", "refused"}
	cells = append(cells, turnstile.CountNames[:]...)
	for k := range kinds() {
		cells = append(cells, "accepted_"+k.String())
	}
	for r := range refusals() {
		cells = append(cells, "refused_"+r.String())
	}
	return cells
}

func (a *asked) cells(r *row) []string {
	t := a.mask(r.running).tell(&r.Counts)
	start, end := "", ""
	if !r.Undated {
		start, end = r.Start.In(a.zone).Format(time.RFC3339), r.End.In(a.zone).Format(time.RFC3339)
	}
	cells := []string{clip(a.config.Name), start, end, yes(r.Undated), yes(r.running && !r.Undated), yes(r.Lost)}
	cells = append(cells, t.Accepted.cell(), t.Refused.cell())
	for _, f := range t.All() {
		cells = append(cells, f.cell())
	}
	for _, f := range t.ByKind {
		cells = append(cells, f.cell())
	}
	for _, f := range t.ByReason {
		cells = append(cells, f.cell())
	}
	return append(cells, make([]string, len(header())-len(cells))...) // empty for what is not told
}

func yes(is bool) string { return strconv.FormatBool(is) }

// inert keeps a spreadsheet from taking a cell for a formula (OWASP, CSV Injection).
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
