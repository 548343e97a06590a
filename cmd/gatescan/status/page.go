package status

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gatescan/verify"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

// page is the one page: no script, nothing from elsewhere, one request.
type page struct {
	template *template.Template
	policy   string // Content-Security-Policy: nothing but the page's own style and its empty icon
}

func newPage() *page {
	hash := sha256.Sum256([]byte(pageStyle))
	return &page{
		template: template.Must(template.New("page").Parse(pageText)),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'; img-src data:; " +
			"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
}

// view is what the page shows.
type view struct {
	Style   template.CSS
	Name    string
	Version string
	At      string // when it was made
	Date    string
	Verdict item // whether people come through
	Items   []item
	Faults  []string
	Sources []sourceView

	NoCounts           string // why there are none
	Accepted, Refused  figure
	Groups             []groupView
	Passages           []countView
	Watched            bool // an input tells of passages
	Chart              chart
	MinCount           int
	Venue              bool // reasons are told of hours that are over
	Undated            bool
	UndatedA, UndatedR figure
	Lost               bool
}

// item is one thing that is well or not.
type item struct {
	Name, Word, Text string
	Shape            string // "ok", "warn" or "stop"
}

type sourceView struct {
	item
	Kind, Signed, Fresh, Next string
}

type countView struct {
	Name  string
	Count figure
}

type groupView struct {
	countView
	Hint string
}

// group is what a refusal tells the venue. It learns no more: why exactly somebody was refused may say something of their
// health.
type group uint8

const (
	unreadable group = iota
	untrusted
	untimely
	againstPolicy
	byGate
	numGroups
)

var groupText = [numGroups][2]string{
	unreadable:    {"Not readable", "no pass, a damaged one, or one that is not made as it should be"},
	untrusted:     {"Not trusted", "nobody whom this gate trusts signed it"},
	untimely:      {"Not valid now", "too early, or run out"},
	againstPolicy: {"Not admitted", "good, but not by the rules in force here"},
	byGate:        {"Gate", "closed, busy, in doubt of its clock, the same pass again, a second one wanted, or no answer"},
}

// groupOf is the group of each refusal.
var groupOf = [verify.NumReasons]group{
	verify.Internal:  byGate,
	verify.OtherCode: unreadable, verify.NotHCERT: unreadable, verify.UnsupportedVersion: unreadable, verify.TooLarge: unreadable, verify.BadBase45: unreadable,
	verify.BadDeflate: unreadable, verify.BadCBOR: unreadable, verify.BadCOSE: unreadable, verify.BadAlg: unreadable,
	verify.NoTrust: untrusted, verify.TrustStale: untrusted, verify.UnknownKID: untrusted, verify.Barred: untrusted,
	verify.DSCNotValid: untrusted, verify.BadSignature: untrusted,
	verify.BadCWT: unreadable, verify.NotYetValid: untimely, verify.Expired: untimely, verify.IssuerMismatch: untrusted, verify.WrongDomain: untrusted,
	verify.BadDCC: unreadable, verify.NotOneEntry: unreadable, verify.KindNotAllowed: againstPolicy, verify.KeyUsage: untrusted,
	verify.RevocationUnavailable: againstPolicy, verify.Revoked: againstPolicy,
	verify.RulesUnavailable: againstPolicy, verify.RuleFailed: againstPolicy, verify.RuleOpen: againstPolicy,
	verify.ICVPIncomplete: againstPolicy, verify.ICVPProduct: againstPolicy, verify.ICVPTooEarly: againstPolicy, verify.ICVPNotValid: againstPolicy,
	verify.ClockUntrusted: byGate, verify.SecondPass: byGate, verify.Repeated: byGate, verify.GateClosed: byGate, verify.GateBusy: byGate,
	verify.NoAnswer: byGate,
}

// servePage answers with the page, and with the state even if there are no counts.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	snapshot, err := s.snapshot(r.Context())
	if err != nil {
		refuse(w, r, http.StatusServiceUnavailable, err)
		return
	}
	c := s.config.Load()
	v := newView(snapshot, c)
	v.MinCount, v.Venue = c.minCount(scopeOf(r)), scopeOf(r) != All
	day := today(snapshot.Time, c.zone())
	if buckets, err := s.desk.counts(r.Context(), &day); err != nil {
		v.NoCounts = err.Error()
	} else {
		v.count(&day, buckets, snapshot.Time, func(running bool) mask { return c.mask(scopeOf(r), running) })
	}
	var text bytes.Buffer // so that a fault of the template is no half page
	if err := s.page.template.Execute(&text, v); err != nil {
		s.log.Error("status: the page", "err", err)
		refuse(w, r, http.StatusInternalServerError, &mistake{"the page cannot be made", "see the daemon's journal"})
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = w.Write(text.Bytes())
}

// newView has everything but what was counted.
func newView(s *Snapshot, c *Config) *view {
	zone := c.zone()
	v := &view{
		Style: template.CSS(pageStyle), Name: s.Name, Version: s.Version,
		Watched: s.Gate.PassageInput, At: s.Time.In(zone).Format("15:04:05"), Date: s.Time.In(zone).Format("Monday, 2 January 2006"),
		Faults: append(append([]string(nil), s.Faults...), s.Trust.Faults...),
	}
	if v.Name == "" {
		v.Name = "Gate"
	}
	v.Verdict = item{Word: "Open", Text: "Good passes are let through.", Shape: "ok"}
	causes := s.causes()
	if len(causes) > 0 {
		v.Verdict = item{Word: "Nobody is let through", Text: sentence(cmp.Or(causes[0].headline, causes[0].Why)), Shape: "stop"}
	}
	if more := len(causes) - 1; more > 0 {
		v.Verdict.Text += " That is one cause of " + strconv.Itoa(len(causes)) + "; see below."
	}
	v.Items = s.items(zone)
	for i := range s.Trust.Sources {
		v.Sources = append(v.Sources, viewSource(&s.Trust.Sources[i], s.Time, zone))
	}
	return v
}

func (s *Snapshot) items(zone *time.Location) []item {
	gate := item{"Gate", "closed", sentence(s.Gate.sentence()), "stop"}
	if s.Gate.Open {
		gate.Word, gate.Shape = "open", "ok"
	} else if s.Gate.Mode == "maintenance" {
		gate.Word = "maintenance"
	}
	reader := item{"Reader", "not connected", sentence(s.Reader.check().Why), "stop"}
	if s.Reader.Up {
		if reader.Word, reader.Shape = "connected", "warn"; s.Reader.Fault == "" {
			reader.Text, reader.Shape = "", "ok"
			if s.Reader.Note != "" {
				reader.Text = sentence(s.Reader.Note)
			}
		}
	}
	if !s.Reader.Since.IsZero() {
		reader.Text += " Since " + moment(s.Reader.Since, s.Time, zone) + "."
	}
	clock := item{"Clock", "not believed", sentence(s.Clock.Explanation), "stop"}
	switch {
	case s.Clock.vouched():
		clock.Word, clock.Shape = "believed", "ok"
	case s.Clock.Believed:
		clock.Word, clock.Shape = "taken as it is", "warn"
	}
	if s.Clock.Fault != "" {
		clock.Text += " " + sentence(s.Clock.Fault)
		if s.Clock.Believed {
			clock.Shape = "warn"
		}
	}
	check := s.Trust.check()
	trust := item{"Trust data", "in force", sentence(check.Why), "ok"}
	switch {
	case check.Mark == Bad && s.Trust.DSCs == 0:
		trust.Word, trust.Shape = "none", "stop"
	case check.Mark == Bad:
		trust.Word, trust.Shape = "too old", "stop"
	default:
		var unwell []string
		for i := range s.Trust.Sources {
			if source := &s.Trust.Sources[i]; source.State != sourceFresh {
				unwell = append(unwell, source.Name+" ("+stateWord[source.State]+")")
			}
		}
		if len(unwell) > 0 {
			trust.Word, trust.Shape = "in force, with trouble", "warn"
			trust.Text += " Look at " + strings.Join(unwell, ", ") + "."
		}
	}
	items := []item{gate, reader, clock, trust}
	if len(s.Stalled) > 0 {
		items = append(items, item{"Program", "stuck", sentence(loops(s.Stalled).Why), "stop"})
	}
	return items
}

// stateWord says to people what the state of a source is.
var stateWord = map[string]string{
	sourceFresh: "good", sourceFailing: "good, but not renewed", sourceStale: "too old", sourceEmpty: "nothing yet",
}

func viewSource(s *Source, now time.Time, zone *time.Location) sourceView {
	v := sourceView{item: item{Name: s.Name, Word: stateWord[s.State], Text: sentence(s.sentence(now)), Shape: "warn"}, Kind: s.Kind}
	switch s.State {
	case sourceFresh:
		v.Shape = "ok"
	case sourceStale:
		v.Shape = "stop"
	}
	v.Signed, v.Fresh, v.Next = moment(s.Signed, now, zone), moment(s.FreshUntil, now, zone), moment(s.NextAttempt, now, zone)
	return v
}

// count fills in what was counted today.
func (v *view) count(day *span, buckets []Bucket, now time.Time, mask func(running bool) mask) {
	rows, undated := day.rows(buckets, now)
	total := sum(rows)
	m := mask(true)
	v.Lost = total.Lost
	v.Accepted, v.Refused = m.of(total.Accepted), m.of(total.Refused)
	var groups [numGroups]uint64
	for i := range rows {
		if m.totals && rows[i].running {
			continue
		}
		for r := range refusals() {
			groups[groupOf[r]] += rows[i].ByReason[r]
		}
	}
	for g, n := range groups {
		v.Groups = append(v.Groups, groupView{countView{groupText[g][0], m.of(n)}, groupText[g][1]})
	}
	v.Passages = []countView{{"Opened", m.of(total.Granted)}}
	if v.Watched = v.Watched || total.Passages+total.NotEntered+total.Unexpected+total.Back > 0; v.Watched {
		v.Passages = append(v.Passages,
			countView{"Went through", m.of(total.Passages)},
			countView{"Did not go through", m.of(total.NotEntered)},
			countView{"Went through unasked", m.of(total.Unexpected)},
			countView{"Came back", m.of(total.Back)},
		)
	}
	if undated != nil && undated.Accepted+undated.Refused > 0 {
		v.Undated, v.UndatedA, v.UndatedR = true, m.of(undated.Accepted), m.of(undated.Refused)
	}
	v.Chart = newChart(day, rows, now, mask)
}

// moment is a time for people: by the clock of the venue, with the date unless it is today's; empty for none.
func moment(t, now time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	t, now = t.In(zone), now.In(zone)
	switch {
	case t.Year() != now.Year():
		return t.Format("2 January 2006, 15:04")
	case t.YearDay() != now.YearDay():
		return t.Format("2 January, 15:04")
	}
	return t.Format("15:04")
}
