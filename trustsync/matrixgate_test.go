package trustsync

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/sources/directory"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

const (
	matrixTimeout = 20 * time.Second // of a request
	matrixHurry   = 2 * time.Second  // where it is awaited
)

// matrixRow is one source and its server.
type matrixRow struct {
	t         *testing.T
	domain    *lists.Domain
	keys      *lists.TLSKeys
	server    *lists.Server
	offer     lists.Offer
	config    SourceConfig
	faulty    SourceConfig // the same, for an attempt that must fail
	source    Source
	names     []string // of the domain's keys or rules, of which the first is withdrawn, then of the rival's
	passes    [][]byte // of each key, signed by nobody; of a source of rules one that they let through
	judge     *verify.Verifier
	keySource []Named  // who vouches for that one pass
	says      []string // see matrixColumns
}

func newMatrixRow(t *testing.T, name string, cscas, bare bool) *matrixRow {
	m := &matrixRow{t: t, judge: verify.New(verify.Policy{Arrival: "XX", RulesRequire: strings.HasSuffix(name, "-rules")})}
	var err error
	if m.domain, err = lists.NewDomain("XX", 3); err != nil {
		t.Fatal(err)
	}
	if m.keys, err = lists.NewTLSKeys("XX"); err != nil {
		t.Fatal(err)
	}
	if m.server, err = lists.NewServer(m.domain, m.keys, "127.0.0.1:0", nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.server.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, o := range m.server.Offers() {
		if o.Name == name {
			m.offer = o
		}
	}
	if m.offer.Name == "" {
		t.Fatalf("the lab serves no %s", name)
	}
	if m.offer.Rules {
		signer := newPassSigner(t, "XX")
		m.passes = append(m.passes, signer.pass(t, vaccinated))
		m.keySource = append(m.keySource, m.named(SourceConfig{Name: "keys", Kind: directory.Kind, Path: signer.directory}))
	}
	for _, d := range []*lists.Domain{m.domain, m.server.Rival()} {
		for i, dsc := range d.DSCs {
			if m.offer.Rules { // the first three are selected for that pass
				m.names = append(m.names, ruleNamed(t, d.Rules[i]))
				continue
			}
			m.names = append(m.names, pki.KIDOf(dsc.Raw).String())
			m.passes = append(m.passes, unsignedPass(t, pki.KIDOf(dsc.Raw)))
		}
	}
	m.config = matrixConfig(m.server, m.keys, m.domain, m.offer, cscas)
	if bare {
		m.config.Anchors = nil
	}
	m.source = m.named(m.config).Source
	return m
}

// ruleNamed tells a rule from those of the same identifier in other domains.
func ruleNamed(t *testing.T, r lists.Rule) string {
	rule, err := verify.ParseRule(r.JSON)
	if err != nil {
		t.Fatal(err)
	}
	return rule.Identifier + " " + rule.Describe("en")
}

// matrixConfig is what an operator writes to use an offer.
func matrixConfig(s *lists.Server, keys *lists.TLSKeys, d *lists.Domain, o lists.Offer, cscas bool) SourceConfig {
	client := keys.Client.Certificate()
	c := SourceConfig{
		Name: o.Name, Kind: o.Kind, URLs: []string{s.URL(o.On, o.Path)}, Lab: true,
		Transport: Transport{CA: keys.CA.PEM(), Timeout: matrixTimeout},
	}
	if o.Anchor != nil {
		c.Anchors = o.Anchor(d)
	}
	if c.SignerName = o.Signer; o.Token != "" {
		c.Header = map[string]string{"Authorization": "Bearer " + o.Token}
	}
	if cscas {
		c.CSCAs = d.CSCA.PEM()
	}
	if o.On == lists.MutualTLS {
		c.Certificate = &client
	}
	return c
}

// alone is the configuration of a gate that has one source, beside one of keys if it is of rules.
func (m *matrixRow) alone(c SourceConfig) Config {
	m.t.Helper()
	return Config{Sources: append([]Named{m.named(c)}, m.keySource...), Lab: true}
}

func (m *matrixRow) named(c SourceConfig) Named {
	m.t.Helper()
	source, err := NewSource(c)
	if err != nil {
		m.t.Fatal(err)
	}
	return source
}

// byTheHand is a clock that a test sets.
type byTheHand struct{ atomic.Int64 }

func (c *byTheHand) Moment() (time.Time, bool) { return time.Unix(c.Load(), 0), true }
func (c *byTheHand) Raise(time.Time)           {}
func (c *byTheHand) Hint(time.Time)            {}

// matrixGate is a gate that has only the one source.
type matrixGate struct {
	*Syncer
	m     *matrixRow
	clock *byTheHand
}

func (m *matrixRow) gate(c SourceConfig) *matrixGate {
	clock := &byTheHand{}
	clock.Store(time.Now().Unix())
	return &matrixGate{New(m.alone(c), clock, nil, slog.New(slog.DiscardHandler)), m, clock}
}

// ask makes one attempt under a fault of the whole source, and says why it failed.
func (g *matrixGate) ask(fault string) string {
	g.m.t.Helper()
	g.m.fault(fault)
	g.Once(g.m.t.Context())
	failed := g.State().Sources[0].Error
	right := failed == "" || g.m.says == nil
	for _, text := range g.m.says {
		right = right || strings.Contains(failed, text)
	}
	if !right {
		g.m.t.Errorf("%s: %s, which is not %q", fault, failed, g.m.says)
	}
	return failed
}

func (m *matrixRow) fault(text string) {
	m.t.Helper()
	f, err := lists.ParseFault(text)
	if err == nil {
		err = m.server.Switch(m.offer.Name, f)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// view is what the verifier thinks of each key: BadSignature if a DSC with its kid is in force. Of rules it says the same of those that
// are in force, and TrustStale of all if there are none that can be judged by.
func (g *matrixGate) view() map[string]verify.Reason {
	now, _ := g.clock.Moment()
	v := map[string]verify.Reason{}
	if !g.m.offer.Rules {
		for i, name := range g.m.names {
			v[name] = g.m.judge.Verify(g.m.passes[i], g.Current(), now).Reason()
		}
		return v
	}
	verdict, explained := g.m.judge.Explain(g.m.passes[0], g.Current(), now, verify.Explain{})
	for _, name := range g.m.names {
		v[name] = verify.UnknownKID
		if verdict.Reason() == verify.RulesUnavailable {
			v[name] = verify.TrustStale
		}
	}
	for _, one := range explained {
		if name := one.Identifier + " " + one.Description; v[name] == verify.UnknownKID && one.Selected {
			v[name] = verify.BadSignature
		}
	}
	if reason := verdict.Reason(); reason != verify.Accepted && reason != verify.RulesUnavailable {
		g.m.t.Errorf("the pass is %v", reason)
	}
	return v
}

// nothing says whether nothing of the source is in force.
func (g *matrixGate) nothing() bool {
	if g.m.offer.Rules {
		return g.allAre(verify.TrustStale) && g.State().Rules == 0
	}
	return g.Current() == nil
}

// allAre says whether all DSCs, or rules, that are given out now have that reason, and no other is known.
func (g *matrixGate) allAre(r verify.Reason) bool {
	v := g.view()
	for i, name := range g.m.names {
		if got := v[name]; i == 1 || i == 2 {
			if got != r {
				return false
			}
		} else if got != verify.UnknownKID && got != verify.Barred && r != verify.TrustStale { // of stale data nothing is said
			return false
		}
	}
	return true
}

// try is a cell, with first for its outcome from an empty start.
func (m *matrixRow) try(column string, faults []string, first, want outcome) outcome {
	switch column {
	case "key gone":
		return m.withdrawal()
	case "freeze":
		return m.freeze()
	case "impostor":
		return m.impostors()
	}
	if first == "" {
		if first = refused; want == accepted || want == without {
			first = want
		}
	} else if first == stale && want == accepted {
		first = accepted
	}
	m.faulty = m.config
	if column == "slow" {
		m.faulty.Timeout = matrixHurry
	}
	var result outcome
	for _, fault := range faults {
		var got outcome
		if f, err := lists.ParseFault(fault); err != nil {
			m.t.Fatal(err)
		} else if m.server.Switch(m.offer.Name, f) != nil {
			got = without
		} else {
			got = m.after(fault)
			if empty := m.fromEmpty(m.faulty, fault); first != without && empty != first {
				m.t.Errorf("%s, %s, from an empty start: %s, want %s", column, fault, empty, first)
			}
		}
		if got != want {
			m.t.Errorf("%s, %s: %s, want %s", column, fault, got, want)
		}
		if result == "" || got != want {
			result = got
		}
	}
	return result
}

func (m *matrixRow) fromEmpty(c SourceConfig, fault string) outcome {
	g := m.gate(c)
	failed := g.ask(fault)
	switch {
	case failed != "" && g.nothing():
		return refused
	case failed == "" && g.allAre(verify.TrustStale):
		return stale
	case failed == "":
		return accepted
	}
	return outcome("in force in spite of " + failed)
}

func (m *matrixRow) after(fault string) outcome {
	g := m.gate(m.config)
	if failed := g.ask("good"); failed != "" || !g.allAre(verify.BadSignature) {
		m.t.Fatalf("a good list: %s, %v", failed, g.view())
	}
	before, state := g.view(), g.State().Sources[0]
	g.clock.Add(60)
	g.Configure(m.alone(m.faulty))
	failed := g.ask(fault)
	same := maps.Equal(before, g.view()) && g.State().Sources[0].Signed.Equal(state.Signed)
	confirmed := g.State().Sources[0].Confirmed
	switch {
	case failed != "" && same && confirmed.Equal(state.Confirmed):
		return keptOld
	case failed == "" && same && g.State().Sources[0].Unchanged && fault != "good" && !strings.HasPrefix(fault, "skew"):
		return unchanged
	case failed == "":
		return accepted
	}
	return outcome("changed in spite of " + failed)
}

// withdrawal takes a key away, for good.
func (m *matrixRow) withdrawal() outcome {
	g := m.gate(m.config)
	if failed := g.ask("good"); failed != "" || g.view()[m.names[0]] != verify.BadSignature {
		m.t.Fatalf("a good list: %s, %v", failed, g.view())
	}
	err := m.server.Withdraw(sourcetest.CertKID(m.domain.DSCs[0].Raw), true)
	if err == nil {
		err = m.server.WithdrawRule(m.domain.Rules[0].Identifier, true)
	}
	if err != nil {
		m.t.Fatal(err)
	}
	failed := g.ask("good")
	switch reason := g.view()[m.names[0]]; {
	case failed != "" || !g.allAre(verify.BadSignature):
		return outcome("failed: " + failed)
	case reason == verify.UnknownKID:
		return gone
	case reason == verify.Barred:
		return barred
	}
	return accepted
}

// freeze has the server say the same until it is too old, and a second longer.
func (m *matrixRow) freeze() outcome {
	g := m.gate(m.config)
	if failed := g.ask("good"); failed != "" {
		m.t.Fatal(failed)
	}
	life := DefaultMaxAge
	if m.offer.Life != 0 {
		life = m.offer.Life
	}
	from, _ := g.clock.Moment()
	if signed := g.State().Sources[0].Signed; !signed.IsZero() {
		from = signed
	}
	for _, at := range []time.Duration{life / 2, life - time.Second} {
		g.clock.Store(from.Add(at).Unix())
		if failed := g.ask("good"); failed != "" || !g.allAre(verify.BadSignature) {
			m.t.Errorf("the same after %v: %s, %v", at, failed, g.view())
		}
	}
	g.clock.Store(from.Add(life + time.Second).Unix())
	g.ask("good")
	switch {
	case g.allAre(verify.TrustStale):
		return stale
	case g.allAre(verify.BadSignature):
		return accepted
	}
	return outcome(fmt.Sprint(g.view()))
}

// impostors are servers that are not who they should be.
func (m *matrixRow) impostors() outcome {
	others, err := lists.NewTLSKeys("XX")
	if err != nil {
		m.t.Fatal(err)
	}
	at := func(l lists.Listener) SourceConfig {
		c := m.config
		c.URLs = []string{m.server.URL(l, m.offer.Path)}
		return c
	}
	otherCA, otherPin := at(m.offer.On), at(m.offer.On)
	otherCA.CA = others.CA.PEM()
	otherPin.Pins = [][32]byte{sha256.Sum256(others.Server.Cert.RawSubjectPublicKeyInfo)}
	for name, c := range map[string]SourceConfig{
		"expired": at(lists.ExpiredTLS), "misnamed": at(lists.MisnamedTLS), "another CA": otherCA, "another pin": otherPin,
	} {
		if got := m.fromEmpty(c, "good"); got != refused {
			m.t.Errorf("impostor, %s: %s", name, got)
			return got
		}
	}
	pinned := at(m.offer.On)
	pinned.Pins = [][32]byte{sha256.Sum256(m.keys.Server.Cert.RawSubjectPublicKeyInfo)}
	if got := m.fromEmpty(pinned, "good"); got != accepted {
		m.t.Errorf("the server itself, pinned: %s", got)
	}
	return refused
}
