package status

import (
	"strings"
	"testing"
)

// What comes from the barcode module is told on the page, by /readyz and by the metrics; that nothing was read yet is no fault.
func TestReaderProblem(t *testing.T) {
	for _, tt := range []struct {
		reader Reader
		readyz string
		page   string
		metric string
	}{
		{
			Reader{Up: true, Problem: "nothing_read", Note: "nothing was read yet"},
			"[+]reader: connected; nothing was read yet\n", "Nothing was read yet.", `gatescan_reader_problem{problem="nothing_read"} 1`,
		},
		{
			Reader{Up: true, Problem: "wrong_speed", Likely: "9600", Fault: "it likely has 9600: look at reader.baud"},
			"[!]reader: it likely has 9600: look at reader.baud\n", "It likely has 9600: look at reader.baud.", `gatescan_reader_problem{problem="wrong_speed"} 1`,
		},
	} {
		s := fixture(t)
		s.Reader = tt.reader
		server := serve(t, Config{}, daemonOf(s, nil))
		for path, want := range map[string]string{"/readyz?verbose": tt.readyz, "/": tt.page, "/metrics": tt.metric} {
			if _, body := get(t, server.URL+path); !strings.Contains(body, want) {
				t.Errorf("%s of %+v does not say %q", path, tt.reader, want)
			}
		}
	}
}
