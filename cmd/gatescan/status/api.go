package status

import (
	"encoding/json"
	"net/http"
	"time"
)

// serveState answers how it stands with everything.
func (s *Server) serveState(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.snapshot(r.Context())
	if err != nil {
		refuse(w, r, http.StatusServiceUnavailable, err)
		return
	}
	c, scope := s.config.Load(), scopeOf(r)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(struct {
		Schema int `json:"schema"`
		*Snapshot
		MinCount int  `json:"min_count"`
		Totals   told `json:"totals"`
	}{Schema, snapshot, c.minCount(scope), c.mask(scope, true).tell(&snapshot.Totals)})
}

// asked is what /api/v1/counters and /counters.csv are about.
type asked struct {
	span
	rows    []row
	undated *row
	config  *Config
	scope   Scope
}

// ask reads the parameters of a request and what was counted then. Whatever fails is answered.
func (s *Server) ask(w http.ResponseWriter, r *http.Request) (*asked, bool) {
	snapshot, err := s.snapshot(r.Context())
	if err != nil {
		refuse(w, r, http.StatusServiceUnavailable, err)
		return nil, false
	}
	a := &asked{config: s.config.Load(), scope: scopeOf(r)}
	if a.span, err = parseSpan(r.URL.RawQuery, snapshot.Time, a.config.zone()); err != nil {
		refuse(w, r, http.StatusBadRequest, err)
		return nil, false
	}
	buckets, err := s.desk.counts(r.Context(), &a.span)
	if err != nil {
		refuse(w, r, http.StatusServiceUnavailable, err)
		return nil, false
	}
	a.rows, a.undated = a.span.rows(buckets, snapshot.Time)
	return a, true
}

// rowJSON is a row of /api/v1/counters.
type rowJSON struct {
	Start   time.Time `json:"start,omitzero"`
	End     time.Time `json:"end,omitzero"`
	Running bool      `json:"running,omitempty"`
	Lost    bool      `json:"lost,omitempty"`
	told
}

func (a *asked) mask(running bool) mask { return a.config.mask(a.scope, running) }

func (a *asked) tell(r *row) rowJSON {
	j := rowJSON{Running: r.running && !r.Undated, Lost: r.Lost, told: a.mask(r.running).tell(&r.Counts)}
	if !r.Start.IsZero() {
		j.Start, j.End = r.Start.In(a.zone), r.End.In(a.zone)
	}
	return j
}

func (a *asked) bucket() string {
	if a.daily {
		return "day"
	}
	return "hour"
}

// serveCounters answers what was counted, row by row: a year of hours is not held in memory twice.
func (s *Server) serveCounters(w http.ResponseWriter, r *http.Request) {
	a, ok := s.ask(w, r)
	if !ok {
		return
	}
	total := rowJSON{told: a.mask(false).tell(&Counts{})}
	for i := range a.rows {
		one := a.tell(&a.rows[i])
		total.plus(&one.told)
		total.Running, total.Lost = total.Running || one.Running, total.Lost || one.Lost
	}
	head := struct {
		Schema   int       `json:"schema"`
		From     time.Time `json:"from"`
		To       time.Time `json:"to"`
		Zone     string    `json:"zone"`
		Bucket   string    `json:"bucket"`
		MinCount int       `json:"min_count"`
		Total    rowJSON   `json:"total"`
		Undated  *rowJSON  `json:"undated,omitempty"`
	}{Schema, a.from, a.to, a.zone.String(), a.bucket(), a.config.minCount(a.scope), total, nil}
	if a.undated != nil {
		undated := a.tell(a.undated)
		head.Undated = &undated
	}
	text, err := json.Marshal(head)
	if err != nil {
		refuse(w, r, http.StatusInternalServerError, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(text[:len(text)-1], `,"rows":[`...))
	for i := range a.rows {
		if text, err = json.Marshal(a.tell(&a.rows[i])); err != nil {
			panic(err) // only times that are not sane can bring it here, and the answer must not look whole
		}
		if i > 0 {
			text = append([]byte(",\n"), text...)
		}
		if _, err := w.Write(text); err != nil {
			return
		}
	}
	_, _ = w.Write([]byte("]}\n"))
}
