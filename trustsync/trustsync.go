// Package trustsync keeps the trust data of a gate up to date: it asks sources, checks what they say to the root, stores
// it, and publishes each state as one immutable snapshot. It is the only package that knows X.509 and speaks to the network; it
// knows nothing of hardware.
//
// What each kind of source can prove, and what it cannot (Traits has the same in code):
//
//	kind               signed, by whom                                 age counts from     an older list     what is gone
//	directory          nothing; whoever writes there is trusted        never, by default   cannot be told    is gone
//	who                the document, by WHO's pinned key               proof.created       is refused        is gone
//	eu, italy          nothing but TLS, with pins                      last confirmation   cannot be told    is gone; "deleted" bars it
//	germany            the list, by a pinned key; no time in it        last confirmation   cannot be told    is gone
//	sweden             the list, by a pinned certificate               iat, ends at exp    is refused        is gone
//	austria            the list, by a pinned certificate               nbf, ends at exp    is refused        is gone
//	netherlands        the list, under a pinned root                   CMS signing time    is refused        is gone
//	eu_archive         the archive, under a pinned certificate         CMS signing time    is refused        is gone
//	gateway            each entry, by uploader and CSCA, under the     last confirmation   cannot be told    is gone; rawData null bars it
//	                   pinned trust anchor
//
//	eu_rules           each list and body, by a key if one is pinned,  last confirmation   cannot be told    is gone
//	germany_rules      else nothing but TLS; no time in it
//	austria_rules      rules, and value sets, by a pinned certificate  the older nbf, ends is refused, of    is gone
//	                                                                   at the sooner exp   either
//	switzerland_rules  both together, under a pinned root; no time     last confirmation,  cannot be told    is gone
//	                   in it                                           for validDuration
//	rules_directory    nothing; whoever writes there is trusted        never, by default   cannot be told    is gone
//
// "Is gone" means: this source no longer vouches for it; another one may. "Bars it" means: nobody may any more. A key is
// fresh while one source that is not too old vouches for it.
//
// The last five give rules and value sets, vouch for no key, and have no part in whether there is any trust. What is missing of keys
// keeps people out, but what is missing of rules lets them in. So of rules an answer counts as a whole or not at all; what does not
// compile, or refers to a value set that is not there, lets nobody in to whom it applies; and if rules are required, nobody passes
// before every source of rules has given some, nor once something of them is vouched for by nobody who is not too old. Sources are
// brought together: where two of them differ about a rule of one identifier and version both count, about a value set only the
// codes that both have, and the state says so. Keys and rules are stored in one file and published as one
// snapshot.
//
//	trustsync.go    the loop: attempt, publish, wait or back off
//	attempt.go      what is checked of an answer, whatever its source: never backwards, never from the future
//	quiet.go        work at low priority
//	snapshot.go     all holdings -> one verify.Trust
//	rulebook.go     the rules and value sets among them, compiled; rulechanges.go what changed
//	state.go        the state of the attempts; say.go what the log says of them
//	load.go         trust that a path names: a directory, a store, a list
//	kinds.go        the table of kinds of sources
//	api.go          types of the rooms below that users of this package need
//
// The rooms below, each of which knows only those that stand after it:
//
//	internal/sources/*  one folder for each publisher; internal/sources what an operator says about a source
//	store               generations on disk, and their floors
//	internal/list       what lists and documents of rules have in common
//	internal/fetch      bounded HTTP, TLS, mirrors, and files on a stick
//	internal/pki        certificates, keys, CSCAs, CMS and JWS
//	internal/source     what a source is and gives
//	internal/files      regular files, and nothing else
//
// A new country is a folder under internal/sources and a line in the table of kinds.
package trustsync

import (
	"context"
	"log/slog"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"gatescan/verify"
)

const (
	// DefaultInterval is the time between attempts while they succeed.
	DefaultInterval = time.Hour
	// DefaultMaxAge is how old what a source said may become.
	DefaultMaxAge = 14 * 24 * time.Hour

	firstBackoff = time.Second // after the first failure; doubled after each further one, up to the interval

	// A fleet must not ask at the same second: a gate that has what it needs waits up to this long before it first asks,
	// one that has nothing up to hurryJitter, and each interval is up to a tenth shorter or longer.
	startJitter = 5 * time.Minute
	hurryJitter = 3 * time.Second
)

// Named is a source with what the operator said about it.
type Named struct {
	Name string
	Source
	Interval time.Duration // between attempts; DefaultInterval if not positive
	MaxAge   time.Duration // 0 for DefaultMaxAge (none for sources that do not age), negative for none
	Identity [32]byte      // of what decides what is authentic; a stored holding of another identity is not used
}

// Config is what a Syncer works with.
type Config struct {
	Sources []Named
	Barred  Barred
	Lab     bool // also certificates that say of themselves that they are a lab's
}

// Barred is what the operator withdraws by name.
type Barred struct {
	KIDs []verify.KID
	Keys []SPKIHash
}

// Clock is what a Syncer needs to know about the time.
type Clock interface {
	Moment() (t time.Time, synced bool) // the later of wall clock and floor
	Raise(signed time.Time)             // something authentic was signed then, so it is not earlier now
	Hint(date time.Time)                // a server says that it is so late, which proves nothing
}

// keeper is where holdings survive a restart. A *Store is one.
type keeper interface {
	Load() (*Generation, []Fault, error)
	Save(g *Generation) error
	ForgetFloor(source string) error
}

// Syncer refreshes a snapshot from its sources. Its methods may be called from any goroutine; make it with New.
type Syncer struct {
	log   *slog.Logger
	clock Clock
	store keeper // nil to keep nothing

	current atomic.Pointer[verify.Trust]

	mu         sync.Mutex // guards the rest
	config     Config
	kept       map[string]*kept // by source; also of sources that are configured no more, for their floors
	generation uint64           // of what is in the store
	saved      time.Time        // when it was last written
	faults     []string         // of the store
	book       rulebook         // the rules in force
	rulesUntil time.Time        // when they are too old; zero for never
	restart    chan struct{}    // closed when the sources are others
	wakes      map[string]chan struct{}
}

// kept is what is known of one source.
type kept struct {
	Stored
	has   bool // there is a holding, under the identity configured now
	rules bool // it is of rules
	state SourceState
	said  said
}

// New makes a Syncer. What store still holds of the configured sources is in force at once; store may be nil. Run starts
// the attempts.
func New(c Config, clock Clock, store *Store, log *slog.Logger) *Syncer {
	var k keeper
	if store != nil {
		k = store
	}
	return newSyncer(c, clock, k, log)
}

func newSyncer(c Config, clock Clock, store keeper, log *slog.Logger) *Syncer {
	s := &Syncer{log: log, clock: clock, store: store, kept: map[string]*kept{}}
	if store != nil {
		s.load()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setLocked(c)
	s.publishLocked()
	return s
}

// load takes over what the store holds.
func (s *Syncer) load() {
	g, faults, err := s.store.Load()
	for _, f := range faults {
		s.log.Error("stored trust data are damaged", "fault", f)
		s.faults = append(s.faults, f.Error())
	}
	if err != nil {
		s.log.Error("stored trust data cannot be read", "err", err)
		s.faults = append(s.faults, err.Error())
	}
	if g == nil {
		return
	}
	s.generation, s.saved = g.Number, g.Written
	for name, stored := range g.Sources {
		s.kept[name] = &kept{Stored: stored}
		s.clock.Raise(stored.Floor)
	}
}

// Configure changes the sources and what is barred, now, and asks the sources anew. What a source vouched for stays in
// force as long as it is configured with the same identity.
func (s *Syncer) Configure(c Config) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.setLocked(c)
	s.publishLocked()
}

func (s *Syncer) setLocked(c Config) {
	s.config = c
	s.wakes = map[string]chan struct{}{}
	for _, k := range s.kept {
		k.has = false
	}
	for _, source := range c.Sources {
		s.wakes[source.Name] = make(chan struct{}, 1)
		k := s.kept[source.Name]
		if k == nil {
			k = &kept{}
			s.kept[source.Name] = k
		}
		if k.Kind != source.Traits().Kind || k.Identity != source.Identity {
			// What others signed is not vouched for any more. The floor stays: a new key is no reason to go backwards.
			*k = kept{Stored: Stored{Kind: source.Traits().Kind, Identity: source.Identity, Floor: k.Floor}}
		}
		k.rules = source.Traits().Rules
		k.has = k.Holding.Serves(source.Traits())
		k.state.Name, k.state.Kind = source.Name, k.Kind
	}
	if s.restart != nil {
		close(s.restart)
	}
	s.restart = make(chan struct{})
}

// Current is the snapshot in force, nil if none was ever loaded. It never blocks.
func (s *Syncer) Current() *verify.Trust { return s.current.Load() }

// Refresh asks every source now. It does not wait for it. An attempt that is under way is followed by another, because it
// may have read already what has changed since.
func (s *Syncer) Refresh() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, wake := range s.wakes {
		select {
		case wake <- struct{}{}:
		default: // asked for already
		}
	}
}

// Run asks every source, then each once per interval and whenever Refresh wants it, until ctx ends. After a failure a source
// is asked again sooner. Call it once.
func (s *Syncer) Run(ctx context.Context) {
	for ctx.Err() == nil {
		s.mu.Lock()
		restart, sources := s.restart, s.config.Sources
		wakes := maps.Clone(s.wakes)
		s.mu.Unlock()

		asking, stop := context.WithCancel(ctx)
		var parts sync.WaitGroup
		for _, source := range sources {
			parts.Go(func() { s.follow(asking, source, wakes[source.Name]) })
		}
		select {
		case <-ctx.Done():
		case <-restart:
		}
		stop()
		parts.Wait()
	}
	s.save(true)
}

// follow asks one source again and again.
func (s *Syncer) follow(ctx context.Context, source Named, wake <-chan struct{}) {
	wait := s.firstWait(source)
	for failures := 0; ; {
		if wait > 0 {
			s.schedule(source.Name, time.Now().Add(wait))
			timer := time.NewTimer(wait)
			select {
			case <-ctx.Done():
				timer.Stop()
				return
			case <-timer.C:
			case <-wake:
				timer.Stop()
			}
		}
		err := s.attempt(ctx, source)
		if ctx.Err() != nil {
			return
		}
		interval := interval(source)
		wait = jittered(interval)
		if err != nil {
			failures++
			wait = backoff(failures, interval)
		} else {
			failures = 0
		}
	}
}

// Once asks every source once, one after the other, and returns when all have answered. Not while Run runs.
func (s *Syncer) Once(ctx context.Context) {
	s.mu.Lock()
	sources := s.config.Sources
	s.mu.Unlock()
	for _, source := range sources {
		if ctx.Err() != nil {
			break
		}
		_ = s.attempt(ctx, source) // in the state
	}
	s.save(true)
}

func interval(source Named) time.Duration {
	if source.Interval <= 0 {
		return DefaultInterval
	}
	return source.Interval
}

// firstWait is how long a source is left alone at the beginning. Nobody queues at a directory.
func (s *Syncer) firstWait(source Named) time.Duration {
	if source.Traits().Age == AgeNone {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[source.Name].has {
		return rand.N(min(startJitter, interval(source)))
	}
	return rand.N(hurryJitter)
}

// jittered is a tenth more or less than d.
func jittered(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// backoff is how long to wait after that many failures in a row: twice as long each time up to interval, less up to a half
// of it at random, so that gates that lost the same source do not all come back at once.
func backoff(failures int, interval time.Duration) time.Duration {
	d := firstBackoff
	for ; failures > 1 && d < interval; failures-- {
		d *= 2
	}
	d = min(d, interval)
	return d - rand.N(d/2+1)
}

// sortedNames keeps everything that walks over the sources in one order.
func sortedNames[V any](m map[string]V) []string {
	return slices.SortedFunc(maps.Keys(m), strings.Compare)
}
