package status

import (
	"context"
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const metricsPath = "/metrics"

// maxScrapes is how many may be answered at once.
const maxScrapes = 2

// durations are the buckets of gatescan_scan_duration_seconds: a verdict takes some 5 ms to 50 ms, and more than 2 s is a
// gate that people walk away from.
var durations = []float64{.005, .01, .02, .03, .05, .075, .1, .15, .25, .5, 1, 2}

// metrics is the registry of one server: nothing is registered with the library's own, which anybody may add to.
type metrics struct {
	took    prometheus.Histogram
	handler http.Handler
}

func newMetrics(s *Server) *metrics {
	m := &metrics{took: prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "gatescan_scan_duration_seconds", Buckets: durations,
		Help: "How long a frame took from the reader to the relay or the lamp.",
	})}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(
		m.took, stateCollector{s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	m.handler = promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes, ErrorHandling: promhttp.ContinueOnError, // the Go runtime's are good even while the daemon is not
	})
	return m
}

func (m *metrics) observe(took time.Duration) { m.took.Observe(took.Seconds()) }

// stateCollector makes metrics of a Snapshot, one for each scrape.
type stateCollector struct{ server *Server }

func (c stateCollector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range families {
		out <- f.desc
	}
}

func (c stateCollector) Collect(out chan<- prometheus.Metric) {
	s, err := c.server.snapshot(context.Background())
	if err != nil {
		out <- prometheus.NewInvalidMetric(families[0].desc, err)
		return
	}
	for _, f := range families {
		seen := map[string]bool{}
		f.values(s, func(value float64, labels ...string) {
			if len(labels) > 0 {
				if seen[labels[0]] { // two sources of one name, which trust configuration refuses
					return
				}
				seen[labels[0]] = true
			}
			metric, err := prometheus.NewConstMetric(f.desc, f.kind, value, labels...)
			if err != nil {
				metric = prometheus.NewInvalidMetric(f.desc, err)
			}
			out <- metric
		})
	}
}

// give hands over one value of a family, with its label if it has one.
type give func(value float64, labels ...string)

// family is a metric and where its values are.
type family struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	values func(s *Snapshot, give give)
}

func newFamily(kind prometheus.ValueType, name, help string, labels []string, values func(*Snapshot, give)) family {
	return family{prometheus.NewDesc("gatescan_"+name, help, labels, nil), kind, values}
}

func gauge(name, help string, value func(*Snapshot) float64) family {
	return newFamily(prometheus.GaugeValue, name, help, nil, func(s *Snapshot, give give) { give(value(s)) })
}

func counter(name, help string, value func(*Snapshot) uint64) family {
	return newFamily(prometheus.CounterValue, name, help, nil, func(s *Snapshot, give give) { give(float64(value(s))) })
}

// ofSources is a metric of each source of trust data.
func ofSources(kind prometheus.ValueType, name, help string, value func(*Source) float64) family {
	return newFamily(kind, "trust_source_"+name, help, []string{"source"}, func(s *Snapshot, give give) {
		for i := range s.Trust.Sources {
			give(value(&s.Trust.Sources[i]), s.Trust.Sources[i].Name)
		}
	})
}

func yesno(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// timestamp is in seconds since 1970; 0 for what never was, so that its age is great.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}

// until is a timestamp of an end; +Inf for one that never comes.
func until(s *Source, t time.Time) float64 {
	if t.IsZero() && s.State != sourceEmpty {
		return math.Inf(1)
	}
	return timestamp(t)
}
