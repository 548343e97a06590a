package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/trustsync"
)

const syncUsage = `NAME
    gatescan sync - refresh the trust data now, and say what changed

SYNOPSIS
    gatescan sync -config FILE [-json] [-forget NAME | -vouch]

DESCRIPTION
    Asks every source of FILE for what it vouches for, and says of each what was fetched,
    skipped (and why), added, removed or refused, and which rules and value sets came, went or
    changed. A daemon that runs does it itself, with
    the configuration that it has; without one this command does it, and stores what it
    got.

    -forget NAME  let the source NAME go backwards once: forget the newest signed time that was
                  ever accepted from it. For a list that was signed by mistake in the future,
                  after its owner has said so
    -vouch        say that the clock of this machine is right, which you have just compared:
                  a gate without network and battery opens again. Needs a daemon that runs
    -json         print the state of all sources as one JSON object

EXIT STATUS
    0  every source was asked, and what it said is in force
    1  at least one failed; what it said before stays in force until it is too old
    2  wrong usage or configuration
`

func runSync(args []string, _ io.Reader, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	path := flags.String("config", "", "")
	asJSON := flags.Bool("json", false, "")
	forget := flags.String("forget", "", "")
	vouch := flags.Bool("vouch", false, "")
	if err := parseFlags(flags, args, 0); err != nil {
		return 0, err
	}
	switch {
	case *path == "":
		return 0, usageError("say which configuration: -config FILE")
	case *forget != "" && *vouch:
		return 0, usageError("-forget and -vouch are two things; do one after the other")
	}
	c, err := readConfig(*path)
	if err != nil {
		return 0, err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	s := syncing{ctx: ctx, config: c, progress: stderr}
	if *asJSON {
		s.progress = io.Discard
	}
	switch {
	case *vouch:
		if _, err := s.ask(control.Request{Command: control.CommandVouch}); err != nil {
			return exitFailed, sayFailure(stderr, err)
		}
		fmt.Fprintln(stdout, "the daemon believes the clock")
		return exitDone, nil
	case *forget != "":
		if err := s.forget(*forget); err != nil {
			return exitFailed, sayFailure(stderr, err)
		}
	}
	state, err := s.sync()
	if err != nil {
		return exitFailed, sayFailure(stderr, err)
	}
	if *asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(state)
	} else {
		err = sayState(stdout, state)
	}
	for _, source := range state.Sources {
		if source.Error != "" {
			return exitFailed, err
		}
	}
	return exitDone, err
}

func sayFailure(stderr io.Writer, failed error) error {
	_, err := fmt.Fprintf(stderr, "gatescan sync: %v\n", failed)
	return err
}

// syncing is one refresh, by a daemon or without one.
type syncing struct {
	ctx      context.Context
	config   config
	progress io.Writer
	said     string
}

// progressInterval is how often the progress of a refresh is looked at.
const progressInterval = 200 * time.Millisecond

// ask asks the living daemon. ErrNoSocket and ErrNotListening say that there is none.
func (s *syncing) ask(r control.Request) (json.RawMessage, error) {
	a, err := control.Ask(s.ctx, s.config.Daemon.Runtime, r)
	if err == nil && a.Error != "" {
		err = errors.New(a.Error)
	}
	return a.Result, err
}

func noDaemon(err error) bool {
	return errors.Is(err, control.ErrNoSocket) || errors.Is(err, control.ErrNotListening)
}

func (s *syncing) sync() (trustsync.State, error) {
	before, err := s.ask(control.Request{Command: control.CommandSync})
	if noDaemon(err) {
		return s.alone()
	}
	if err != nil {
		return trustsync.State{}, err
	}
	var begun trustsync.State
	if err := json.Unmarshal(before, &begun); err != nil {
		return begun, fmt.Errorf("the daemon's answer makes no sense: %w", err)
	}
	return s.watch(begun, func() (now trustsync.State, err error) {
		answer, err := s.ask(control.Request{Command: control.CommandTrust})
		if err == nil {
			err = json.Unmarshal(answer, &now)
		}
		return now, err
	})
}

// alone does it without a daemon. The lock keeps one from starting meanwhile.
func (s *syncing) alone() (trustsync.State, error) {
	syncer, done, err := s.open()
	if err != nil {
		return trustsync.State{}, err
	}
	defer done()
	begun := syncer.State()
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		syncer.Once(s.ctx)
	}()
	state, err := s.watch(begun, func() (trustsync.State, error) { return syncer.State(), nil })
	<-finished
	if err == nil {
		state = syncer.State() // with the generation that it was stored as
	}
	return state, err
}

// open makes a syncer of the configuration, under the lock of the daemon.
func (s *syncing) open() (_ *trustsync.Syncer, done func(), err error) {
	held, err := control.Acquire(s.config.Daemon.Runtime)
	if err != nil {
		return nil, nil, err
	}
	store, err := openStore(s.config)
	if err != nil {
		_ = held.Close()
		return nil, nil, err
	}
	syncer := trustsync.New(s.config.trust, newTrustClock(s.config), store, slog.New(slog.DiscardHandler))
	return syncer, func() { _ = held.Close() }, nil
}

// forget forgets a floor.
func (s *syncing) forget(source string) error {
	_, err := s.ask(control.Request{Command: control.CommandForget, Source: source})
	if !noDaemon(err) {
		return err
	}
	syncer, done, err := s.open()
	if err != nil {
		return err
	}
	defer done()
	return syncer.ForgetFloor(source)
}

// watch tells the progress until every source has been asked once more than at the beginning.
func (s *syncing) watch(begun trustsync.State, look func() (trustsync.State, error)) (trustsync.State, error) {
	attempts := map[string]uint64{}
	for _, source := range begun.Sources {
		attempts[source.Name] = source.Attempts
	}
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	for {
		state, err := look()
		if err != nil {
			return state, err
		}
		waiting := 0
		for _, source := range state.Sources {
			if source.Attempts == attempts[source.Name] {
				waiting++
				if source.Active {
					s.tell(source)
				}
			}
		}
		if waiting == 0 {
			return state, nil
		}
		select {
		case <-s.ctx.Done():
			return state, errors.New("interrupted; what was fetched so far is kept")
		case <-ticker.C:
		}
	}
}

func (s *syncing) tell(source trustsync.SourceState) {
	text := source.Name + ": asking"
	switch {
	case source.Total > 0:
		text = fmt.Sprintf("%s: %d of %d", source.Name, source.Done, source.Total)
	case source.Done > 0:
		text = fmt.Sprintf("%s: %d so far", source.Name, source.Done)
	}
	if text != s.said {
		s.said = text
		fmt.Fprintln(s.progress, text)
	}
}

// sayState says what every source did.
func sayState(w io.Writer, state trustsync.State) error {
	var b strings.Builder
	for _, fault := range state.Faults {
		fmt.Fprintf(&b, "store: %s\n", fault)
	}
	for _, s := range state.Sources {
		fmt.Fprintf(&b, "%s (%s): ", s.Name, s.Kind)
		switch {
		case s.Error != "" && s.Signers+s.Rules+s.ValueSets == 0:
			fmt.Fprintf(&b, "failed, and there is nothing from before: %s\n", s.Error)
			continue
		case s.Error != "":
			fmt.Fprintf(&b, "failed, what it said before stays in force: %s\n  ", s.Error)
		case s.Unchanged:
			b.WriteString("unchanged, ")
		default:
			fmt.Fprintf(&b, "%d added, %d removed, ", s.Added, s.Removed)
			if s.Changed > 0 {
				fmt.Fprintf(&b, "%d changed, ", s.Changed)
			}
		}
		if s.Rules+s.ValueSets > 0 {
			fmt.Fprintf(&b, "%d rules and %d value sets", s.Rules, s.ValueSets)
		} else {
			fmt.Fprintf(&b, "%d certificates in force", s.Signers)
		}
		for _, count := range []struct {
			n    int
			what string
		}{{s.Skipped, "skipped"}, {s.Duplicates, "twice in the list"}, {s.Withdrawn, "withdrawn by name"}} {
			if count.n > 0 {
				fmt.Fprintf(&b, ", %d %s", count.n, count.what)
			}
		}
		for _, moment := range []struct {
			what string
			t    time.Time
		}{{"signed", s.Signed}, {"expires", s.Expires}, {"good until", s.FreshUntil}} {
			if !moment.t.IsZero() {
				fmt.Fprintf(&b, ", %s %s", moment.what, moment.t.UTC().Format(time.RFC3339))
			}
		}
		b.WriteByte('\n')
		if !s.Unchanged && s.Error == "" {
			for _, change := range s.Changes {
				fmt.Fprintf(&b, "  %s\n", change)
			}
			if more := s.Added + s.Removed + s.Changed - len(s.Changes); more > 0 && len(s.Changes) > 0 {
				fmt.Fprintf(&b, "  and %d more\n", more)
			}
		}
		for _, skipped := range s.Reasons {
			fmt.Fprintf(&b, "  skipped %q: %s\n", skipped.Name, skipped.Reason)
		}
		if more := s.Skipped - len(s.Reasons); more > 0 && len(s.Reasons) > 0 {
			fmt.Fprintf(&b, "  and %d more\n", more)
		}
	}
	for _, fault := range state.RuleFaults {
		fmt.Fprintf(&b, "rules: %s\n", fault)
	}
	fmt.Fprintf(&b, "%d certificates in all", state.DSCs)
	if state.Rules+state.ValueSets > 0 {
		fmt.Fprintf(&b, ", %d rules, %d value sets", state.Rules, state.ValueSets)
	}
	if state.Generation > 0 {
		fmt.Fprintf(&b, ", stored as generation %d", state.Generation)
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}
