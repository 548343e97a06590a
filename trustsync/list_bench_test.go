package trustsync

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/sourcetest"
)

// manyDSCs is a domain with n DSCs that differ in the end of their serial numbers; their signatures are those of the first.
func manyDSCs(t testing.TB, n int) *lists.Domain {
	t.Helper()
	d := sourcetest.Domain(t, 1)
	first := d.DSCs[0]
	serial := first.SerialNumber.Bytes()
	at := bytes.Index(first.Raw, serial) + len(serial) - 4
	d.DSCs = nil
	for i := range n {
		der := bytes.Clone(first.Raw)
		binary.BigEndian.PutUint32(der[at:], uint32(i))
		cert := *first
		cert.Raw = der
		d.DSCs = append(d.DSCs, &cert)
	}
	return d
}

type listParser struct {
	payload []byte
	parse   func([]byte) ([]Signer, Report, error)
}

// listParsers have a list in each form, unless it would be longer than MaxListSize, and its reader.
func listParsers(t testing.TB, d *lists.Domain) map[string]listParser {
	t.Helper()
	austria, _, err := lists.Austria(d, sourcetest.Signed, sourcetest.Expires)
	if err != nil {
		t.Fatal(err)
	}
	netherlands, err := lists.Netherlands(d, sourcetest.Signed)
	if err != nil {
		t.Fatal(err)
	}
	parsers := map[string]listParser{}
	add := func(name string, data []byte) {
		at := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
		parsers[name] = listParser{data, kinds[at].parse}
	}
	add("austria", austria)
	add("netherlands", netherlands)
	if len(d.DSCs) > 10_000 {
		return parsers
	}

	// To sign each entry of the German list takes long, and nobody reads that; zeros of that length stand there instead.
	var germany bytes.Buffer
	germany.WriteString(`{"certificates":[`)
	for i, dsc := range d.DSCs {
		if i > 0 {
			germany.WriteByte(',')
		}
		fmt.Fprintf(&germany, `{"certificateType":"DSC","country":"XX","kid":"%s","rawData":"%s","signature":"%04000d"}`,
			sourcetest.Base64(sourcetest.CertKID(dsc.Raw)), sourcetest.Base64(dsc.Raw), 0)
	}
	germany.WriteString(`]}`)
	add("germany", germany.Bytes())

	sweden, err := lists.Sweden(d, sourcetest.Signed, sourcetest.Expires)
	if err != nil {
		t.Fatal(err)
	}
	add("sweden", sweden)
	return parsers
}

func BenchmarkParseList(b *testing.B) {
	for _, n := range []int{1000, 10_000, 100_000} {
		if n > 1000 && testing.Short() {
			continue
		}
		parsers := listParsers(b, manyDSCs(b, n))
		for kind, p := range parsers {
			b.Run(fmt.Sprintf("%s/%d", kind, n), func(b *testing.B) {
				b.ReportAllocs()
				var before, after runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&before)
				var kept []Signer
				for b.Loop() {
					signers, report, err := p.parse(p.payload)
					if err != nil || len(signers) != n {
						b.Fatalf("%d signers, %+v, %v", len(signers), report.Skipped, err)
					}
					kept = signers
				}
				runtime.GC()
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(len(p.payload))/1e6, "MB-in")
				b.ReportMetric((float64(after.HeapAlloc)-float64(before.HeapAlloc))/1e6, "MB-kept")
				runtime.KeepAlive(kept)
			})
		}
	}
}

// A list of many is read whole.
func TestParseManyEntries(t *testing.T) {
	d := manyDSCs(t, 2000)
	for kind, p := range listParsers(t, d) {
		signers, report, err := p.parse(p.payload)
		if err != nil || len(signers) != 2000 || len(report.Skipped) != 0 {
			t.Errorf("%s: %d signers, %+v, %v", kind, len(signers), report, err)
		}
	}
}
