package status

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"gatescan/driver/scanner"
	"gatescan/verify"
)

// families are the metrics of the daemon. Their names are kept: alert rules of others depend on them. No metric has two of
// reason, kind and country as labels, so that none can single anybody out.
var families = []family{
	newFamily(prometheus.GaugeValue, "build_info", "Always 1; the version is in the labels.", []string{"version", "goversion"},
		func(s *Snapshot, give give) { give(1, s.Version, runtime.Version()) }),
	gauge("start_timestamp_seconds", "When the daemon began.", func(s *Snapshot) float64 { return timestamp(s.Started) }),
	gauge("ready", "Whether the gate lets a good pass through, as /readyz says.", func(s *Snapshot) float64 { return yesno(s.Ready) }),

	newFamily(prometheus.CounterValue, "scans_total", "Frames, by what became of them.", []string{"reason"}, func(s *Snapshot, give give) {
		for r := range verify.Reason(verify.NumReasons) {
			give(float64(s.Totals.ByReason[r]), r.String())
		}
	}),
	newFamily(prometheus.CounterValue, "accepted_total", "Accepted passes, by the group of their entry.", []string{"kind"}, func(s *Snapshot, give give) {
		for k := range kinds() {
			give(float64(s.Totals.ByKind[k]), k.String())
		}
	}),
	newFamily(prometheus.CounterValue, "rule_refusals_total", "Refusals by rules, by the rule; those beyond the first 64 rules have no name.", []string{"rule"},
		func(s *Snapshot, give give) {
			for _, by := range s.ByRule {
				give(float64(by.N), by.Rule)
			}
		}),
	newFamily(prometheus.CounterValue, "other_codes_total", "Codes that were read well and are no passes, by what they are.", []string{"family"},
		func(s *Snapshot, give give) {
			for f := range s.Families {
				if family := verify.Family(f); family != verify.NoFamily {
					give(float64(s.Families[f]), family.String())
				}
			}
		}),
	counter("tolerated_total", "Deviations from the specification that were let through.", func(s *Snapshot) uint64 { return s.Tolerated }),

	counter("granted_total", "Pulses of the relay.", func(s *Snapshot) uint64 { return s.Totals.Granted }),
	counter("passages_total", "Pulses that were followed by a passage.", func(s *Snapshot) uint64 { return s.Totals.Passages }),
	counter("not_entered_total", "Pulses that were not followed by a passage in time.", func(s *Snapshot) uint64 { return s.Totals.NotEntered }),
	counter("unexpected_passages_total", "Passages that nobody was granted.", func(s *Snapshot) uint64 { return s.Totals.Unexpected }),
	counter("back_passages_total", "Passages in the other direction.", func(s *Snapshot) uint64 { return s.Totals.Back }),

	gauge("gate_open", "Whether a good pass is let through: 0 while anything keeps the gate closed.", func(s *Snapshot) float64 { return yesno(s.Gate.Open) }),
	gauge("reader_up", "Whether the barcode module answers.", func(s *Snapshot) float64 { return yesno(s.Reader.Up) }),
	newFamily(prometheus.GaugeValue, "reader_problem", "1 for what is wrong with what comes from the barcode module.", []string{"problem"},
		func(s *Snapshot, give give) {
			for _, p := range scanner.Problems() {
				give(yesno(s.Reader.Problem == string(p)), string(p))
			}
		}),
	newFamily(prometheus.CounterValue, "reader_line_total", "What was seen on the line of the barcode module.", []string{"event"},
		func(s *Snapshot, give give) {
			for _, c := range s.Reader.Line {
				give(float64(c.N), c.Event)
			}
		}),
	gauge("faults", "Faults that somebody should look after.", func(s *Snapshot) float64 { return float64(len(s.Faults) + len(s.Trust.Faults)) }),
	gauge("loops_stalled", "Loops of the daemon that make no progress.", func(s *Snapshot) float64 { return float64(len(s.Stalled)) }),
	gauge("selftest_timestamp_seconds", "When the last daily self-test was done; 0 for never.", func(s *Snapshot) float64 { return timestamp(s.Selftest.Time) }),
	gauge("selftest_usable", "Whether nothing in it spoke against using the gate.", func(s *Snapshot) float64 { return yesno(s.Selftest.Usable) }),
	newFamily(prometheus.GaugeValue, "watchdog_timeout_seconds", "Within what time the daemon must make progress; 0 if nobody watches.", []string{"watchdog"},
		func(s *Snapshot, give give) {
			give(s.Watchdogs.Manager, "service_manager")
			give(s.Watchdogs.Board, "board")
		}),

	newFamily(prometheus.GaugeValue, "clock_state", "1 for the state that the clock is in.", []string{"state"}, func(s *Snapshot, give give) {
		for _, state := range ClockStates {
			give(yesno(s.Clock.State == state), state)
		}
	}),
	gauge("clock_believed", "Whether the clock is believed as far as the configuration requires.", func(s *Snapshot) float64 { return yesno(s.Clock.Believed) }),
	gauge("clock_timestamp_seconds", "What the clock says.", func(s *Snapshot) float64 { return timestamp(s.Clock.Time) }),
	gauge("clock_floor_timestamp_seconds", "What the clock must not say less than.", func(s *Snapshot) float64 { return timestamp(s.Clock.Floor) }),
	gauge("clock_synced_timestamp_seconds", "When the clock was last seen synchronised.", func(s *Snapshot) float64 { return timestamp(s.Clock.LastSynced) }),
	gauge("clock_max_error_seconds", "The kernel's estimate of the largest error of the clock.", func(s *Snapshot) float64 { return s.Clock.MaxError }),
	gauge("clock_hint_ahead_seconds", "How far the Date of a server is ahead of the clock.", func(s *Snapshot) float64 { return s.Clock.Ahead }),
	counter("clock_jumps_total", "Steps of the clock.", func(s *Snapshot) uint64 { return s.Clock.Jumps }),

	gauge("trust_dscs", "DSCs in the snapshot in force.", func(s *Snapshot) float64 { return float64(s.Trust.DSCs) }),
	gauge("trust_generation", "Generation of the trust data on disk; 0 for none.", func(s *Snapshot) float64 { return float64(s.Trust.Generation) }),
	ofSources(prometheus.GaugeValue, "signed_timestamp_seconds", "When the list in force was signed; 0 if that is not known.",
		func(s *Source) float64 { return timestamp(s.Signed) }),
	ofSources(prometheus.GaugeValue, "confirmed_timestamp_seconds", "When the source last said what is in force; 0 for never.",
		func(s *Source) float64 { return timestamp(s.Confirmed) }),
	ofSources(prometheus.GaugeValue, "expires_timestamp_seconds", "The signed end of the list in force; +Inf if it has none, 0 if there is no list.",
		func(s *Source) float64 { return until(s, s.Expires) }),
	ofSources(prometheus.GaugeValue, "fresh_until_timestamp_seconds", "When the list in force is too old; +Inf for never, 0 if there is none.",
		func(s *Source) float64 { return until(s, s.FreshUntil) }),
	ofSources(prometheus.GaugeValue, "last_attempt_timestamp_seconds", "When the last attempt ended; 0 for never.",
		func(s *Source) float64 { return timestamp(s.LastAttempt) }),
	ofSources(prometheus.GaugeValue, "next_attempt_timestamp_seconds", "When the next attempt is due; 0 if that is not known.",
		func(s *Source) float64 { return timestamp(s.NextAttempt) }),
	ofSources(prometheus.CounterValue, "attempts_total", "Attempts that ended, since the daemon began.",
		func(s *Source) float64 { return float64(s.Attempts) }),
	ofSources(prometheus.GaugeValue, "failures", "Failed attempts in a row.", func(s *Source) float64 { return float64(s.Failures) }),
	ofSources(prometheus.GaugeValue, "dscs", "DSCs that the source vouches for.", func(s *Source) float64 { return float64(s.DSCs) }),
	ofSources(prometheus.GaugeValue, "rules", "Rules that the source vouches for.", func(s *Source) float64 { return float64(s.Rules) }),
	ofSources(prometheus.GaugeValue, "skipped", "Entries of the source's last answer that could not be used.",
		func(s *Source) float64 { return float64(s.Skipped) }),
}
