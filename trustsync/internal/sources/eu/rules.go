package eu

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/verify"
)

const (
	KindRules = "eu_rules"

	// ruleAskers is how many bodies are asked for at a time. A service has hundreds of them, each a request.
	ruleAskers = 4
)

// rulesService is an instance of the business rule service that the EU made for its member states (dgca-businessrule-service): a
// list of rules and one of value sets, each with the SHA-256 of a body that is fetched by it.
//
// Where a key is pinned, both lists and all bodies are signed with it (X-SIGNATURE). Nothing that is signed has a time: an
// old list that somebody replays cannot be told from the newest one.
//
// A list counts only with every body that it names: what is missing of rules would let somebody in.
type rulesService struct {
	kind      string
	mirrors   []*rulesMirror
	anchors   pki.Anchors // without any, TLS vouches alone
	countries []string
}

// rulesMirror is one place to ask.
type rulesMirror struct {
	url     string
	clients [ruleAskers]*fetch.Client // a client is used by one goroutine at a time

	got map[bodyHash][]byte // bodies that came before a fetch failed
}

// bodyHash is the SHA-256 by which a body is addressed.
type bodyHash [sha256.Size]byte

func (h bodyHash) String() string { return hex.EncodeToString(h[:]) }

// NewRules makes the source of a business rule service. A URL is the one that /rules is appended to.
func NewRules(c sources.Config) (source.Source, error) { return newRulesService(c, KindRules) }

func newRulesService(c sources.Config, kind string) (source.Source, error) {
	s := &rulesService{kind: kind}
	if len(c.Anchors) > 0 {
		var err error
		if s.anchors, err = pki.ParseAnchors(c.Anchors); err != nil {
			return nil, err
		}
		if err := pki.AllP256(s.anchors.Keys); err != nil {
			return nil, err
		}
	}
	for _, text := range c.Countries {
		country, ok := verify.ParseCountry(text)
		if !ok {
			return nil, fmt.Errorf("country %.20q: write two letters, such as FR", text)
		}
		s.countries = append(s.countries, country)
	}
	if len(c.URLs) == 0 {
		return nil, errors.New("no URL: give the one that /rules is appended to")
	}
	for _, url := range c.URLs {
		if strings.HasPrefix(url, "file:") {
			return nil, fmt.Errorf("URL %s: a service is no file; rules on a stick are of kind rules_directory", fetch.Quote(url))
		}
		m := &rulesMirror{url: url}
		for i := range m.clients {
			var err error
			if m.clients[i], err = fetch.New([]string{url}, c.Transport, s.signed()); err != nil {
				return nil, err
			}
		}
		s.mirrors = append(s.mirrors, m)
	}
	return s, nil
}

func (s *rulesService) signed() bool { return len(s.anchors.Keys) > 0 }

// Traits implements Source.
func (s *rulesService) Traits() source.Traits {
	t := source.Traits{
		Kind: s.kind, Signs: "nothing; TLS vouches for the server, and a hash in the list for each body", Age: source.AgeObserved,
		Absence: "no longer listed", Rules: true,
	}
	if s.signed() {
		t.Signs = "lists and bodies, with a pinned key"
	}
	return t
}

// Fetch asks for both lists, then for the bodies that are not there yet.
func (s *rulesService) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, fetch.MaxFetchTime, fmt.Errorf("not through after %v", fetch.MaxFetchTime))
	defer cancel()
	return fetch.FirstMirror(ctx, s.mirrors, func(m *rulesMirror) (*source.Holding, source.Report, error) {
		defer m.closeIdle()
		return s.fetch(ctx, now, m)
	})
}

func (m *rulesMirror) closeIdle() {
	for _, c := range m.clients {
		c.CloseIdle()
	}
}

// fetch asks one mirror.
func (s *rulesService) fetch(ctx context.Context, now source.Moment, m *rulesMirror) (*source.Holding, source.Report, error) {
	var report source.Report
	rules, err := s.ruleList(ctx, now, m)
	if err != nil {
		return nil, source.Report{}, err
	}
	sets, err := s.setList(ctx, now, m)
	if err != nil {
		return nil, source.Report{}, err
	}
	rules, report.Skipped = s.wanted(rules)
	if len(rules) == 0 {
		return nil, report, fmt.Errorf("%s: %w: the service lists not one rule", m.url, source.ErrImplausible)
	}
	bodies, err := s.bodies(ctx, now, m, slices.Concat(rules, sets))
	if err != nil {
		return nil, source.Report{}, err
	}
	h := &source.Holding{}
	seen := map[bodyHash]bool{}
	for _, one := range rules {
		if seen[one.hash] {
			report.Duplicates++
			continue
		}
		seen[one.hash] = true
		body := bodies[one.hash]
		head, err := list.ReadRuleHead(body)
		if err == nil && (head.Identifier != one.name || head.Country != one.country || head.Version != one.version) {
			err = fmt.Errorf("%w: it calls itself %.60s %.20s of %.20s", source.ErrMalformed, head.Identifier, head.Version, head.Country)
		}
		if err != nil {
			return nil, source.Report{}, fmt.Errorf("%s: %s: %w", m.url, one, err)
		}
		head.CountIn(&report)
		h.Rules = append(h.Rules, body)
	}
	for _, one := range sets {
		if err := list.CheckValueSet(one.name, bodies[one.hash]); err != nil {
			return nil, source.Report{}, fmt.Errorf("%s: %w", m.url, err)
		}
		h.ValueSets = append(h.ValueSets, source.ValueSet{ID: one.name, JSON: bodies[one.hash]})
	}
	m.got = nil
	if now.Last.SameRules(h) {
		return nil, report, source.ErrUnchanged
	}
	return h, report, nil
}

// wanted leaves out what the operator does not want: acceptance rules of other countries. Any country may issue a pass, so
// invalidation rules (IR-) are wanted of all.
func (s *rulesService) wanted(rules []listedBody) (wanted []listedBody, skipped []source.Skipped) {
	if len(s.countries) == 0 {
		return rules, nil
	}
	there := map[string]bool{}
	for _, one := range rules {
		ours := slices.Contains(s.countries, one.country)
		if ours || strings.HasPrefix(one.name, "IR-") {
			wanted = append(wanted, one)
			there[one.country] = there[one.country] || ours
		}
	}
	for _, country := range s.countries {
		if !there[country] {
			skipped = append(skipped, source.Skipped{Name: "country " + country, Err: errors.New("the service lists no rules of it")})
		}
	}
	return wanted, skipped
}

// bodies gets what is listed: from the last holding, from what came before a failure, or from the mirror.
func (s *rulesService) bodies(ctx context.Context, now source.Moment, m *rulesMirror, listed []listedBody) (map[bodyHash][]byte, error) {
	last := bodiesOf(now.Last)
	bodies, total := map[bodyHash][]byte{}, 0
	var missing []listedBody
	for _, one := range listed {
		if _, known := bodies[one.hash]; known {
			continue
		}
		body := last[one.hash]
		if body == nil {
			body = m.got[one.hash]
		}
		if bodies[one.hash] = body; body == nil {
			missing = append(missing, one)
		}
		total += len(body)
	}
	if m.got = bodies; len(missing) == 0 {
		return bodies, nil
	}
	err := s.askAll(ctx, now, m, missing, bodies, total)
	for hash, body := range bodies {
		if body == nil {
			delete(bodies, hash) // what came stays in m.got
		}
	}
	if err != nil {
		if errors.Is(err, source.ErrTooLarge) { // and would be for ever
			m.got = nil
		}
		return nil, err
	}
	return bodies, nil
}

// askAll asks for what is missing of bodies, a few at a time, until one fails. total is what they have already, in bytes.
func (s *rulesService) askAll(ctx context.Context, now source.Moment, m *rulesMirror, missing []listedBody, bodies map[bodyHash][]byte, total int) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	var askers sync.WaitGroup
	var mu sync.Mutex // guards bodies and what is counted
	next, done := 0, len(bodies)-len(missing)
	take := func() (one listedBody, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if next == len(missing) || ctx.Err() != nil {
			return one, false
		}
		next++
		return missing[next-1], true
	}
	put := func(one listedBody, body []byte) {
		mu.Lock()
		defer mu.Unlock()
		bodies[one.hash] = body
		total += len(body)
		done++
		now.ReportProgress(done, len(bodies))
		if total > source.MaxRuleBytes {
			fail(fmt.Errorf("%s: %w: more than %d bytes of rules and value sets", m.url, source.ErrTooLarge, source.MaxRuleBytes))
		}
	}
	for _, asker := range m.clients {
		askers.Go(func() {
			for one, ok := take(); ok; one, ok = take() {
				body, err := s.body(ctx, now, asker, one)
				if err != nil {
					fail(err)
					return
				}
				put(one, body)
			}
		})
	}
	askers.Wait()
	return context.Cause(ctx)
}

// Body asks for one body.
func (s *rulesService) body(ctx context.Context, now source.Moment, asker *fetch.Client, one listedBody) (body []byte, err error) {
	limit := int64(source.MaxRuleSize)
	if one.country == "" {
		limit = source.MaxValueSetSize
	}
	err = asker.Get(ctx, now, fetch.Request{Path: one.path(), Limit: limit}, func(r *fetch.Response) error {
		if err := r.OK(); err != nil {
			return err
		}
		if sum := bodyHash(sha256.Sum256(r.Body)); sum != one.hash {
			return fmt.Errorf("%s: %w: its hash is %v", one, source.ErrNotAuthentic, sum)
		}
		body = r.Body
		return s.verify(r)
	})
	return body, err
}

// bodiesOf returns the rules and value sets of a holding by their hashes.
func bodiesOf(h *source.Holding) map[bodyHash][]byte {
	all := map[bodyHash][]byte{}
	if h == nil {
		return all
	}
	for _, rule := range h.Rules {
		all[sha256.Sum256(rule)] = rule
	}
	for _, set := range h.ValueSets {
		all[sha256.Sum256(set.JSON)] = set.JSON
	}
	return all
}
