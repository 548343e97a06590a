package eu

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// Express withdrawals outlive the row that says so, and end when the service lists the key again.
func TestEUWithdrawn(t *testing.T) {
	b := newEUBench(t, euFormEU, 3)
	certs := b.domain.DSCs
	kid := euKID(certs[2])
	b.good(certs...)
	b.service.Withdraw(kid[:])
	b.good(certs[:2]...)
	if got := b.now.Last.Withdrawn; !slices.Equal(got, []verify.KID{kid}) {
		t.Fatalf("withdrawn %v, want %v", got, kid)
	}
	b.unchanged()

	b.service.Reset(certs[:2]...) // forgets its deletions
	b.good(certs[:2]...)
	if got := b.now.Last.Withdrawn; !slices.Equal(got, []verify.KID{kid}) {
		t.Fatalf("after a reset: withdrawn %v, want %v", got, kid)
	}
	for _, fault := range []string{"[", `{"deleted":["AAAA"]}`, `{"deleted":7}`, `{"deleted":[]} x`, "", `[]`} {
		b.break1("/delta", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, fault) })
		if report := b.unchanged(); len(report.Skipped) != 1 || !errors.Is(report.Skipped[0].Err, source.ErrMalformed) {
			t.Errorf("delta %q: report %v", fault, report)
		}
	}
	for code, named := range map[int]int{404: 0, 500: 1} {
		b.break1("/delta", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) })
		if report := b.unchanged(); len(report.Skipped) != named {
			t.Errorf("delta with status %d: report %v", code, report)
		}
	}
	many := strings.Repeat(`,"AAAAAAAAAAA="`, source.MaxCertificates)
	b.break1("/delta", func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"deleted":["AAAAAAAAAAA="`+many+`]}`)
	})
	if report := b.unchanged(); len(report.Skipped) != 1 || !errors.Is(report.Skipped[0].Err, source.ErrTooLarge) {
		t.Errorf("a delta too many: report %v", report)
	}

	b.break1("", nil)
	gone := sourcetest.Must(euDomain()).DSCs[9] // came and went without having been seen
	b.service.Add(gone)
	b.service.Withdraw(lists.Credential{Cert: gone}.KID())
	b.good(certs[:2]...)
	if got := b.now.Last.Withdrawn; !slices.Contains(got, euKID(gone)) || !slices.Contains(got, kid) {
		t.Errorf("withdrawn %v, want %v and %v", got, euKID(gone), kid)
	}
	full := *b.now.Last
	full.Withdrawn = make([]verify.KID, source.MaxCertificates)
	for i := range full.Withdrawn {
		full.Withdrawn[i] = verify.KID{6: byte(i >> 8), 7: byte(i), 5: byte(i >> 16)}
	}
	last := b.now.Last
	b.now.Last = &full
	if report := b.unchanged(); len(report.Skipped) != 1 || !errors.Is(report.Skipped[0].Err, source.ErrTooLarge) {
		t.Errorf("more withdrawn than can be kept: report %v", report)
	}
	b.now.Last = last

	b.service.Reset(certs...)
	b.now.Last.Withdrawn = []verify.KID{kid}
	b.good(certs...)
	if got := b.now.Last.Withdrawn; len(got) != 0 {
		t.Errorf("withdrawn %v although it came back", got)
	}
}

func TestEULostSource(t *testing.T) {
	b := newEUBench(t, euFormEU, 5)
	b.service.WithdrawAll()
	b.fails(source.ErrImplausible) // even the first time
	b.service.Reset(b.domain.DSCs...)
	b.good(b.domain.DSCs...)
	b.service.WithdrawAll()
	for range 5 {
		b.fails(source.ErrImplausible)
		b.now.Time = b.now.Time.Add(24 * time.Hour)
	}
	b.holds(b.domain.DSCs...)
	for _, cert := range b.domain.DSCs { // the gateway is back
		b.service.Add(cert)
	}
	b.good(b.domain.DSCs...)
	if len(b.now.Last.Withdrawn) != 0 {
		t.Errorf("withdrawn %v", b.now.Last.Withdrawn)
	}
	for _, text := range []string{"null", "[]", `[""]`, `["AAAA"]`, `[null]`, `{}`, "", "[", `["AAAAAAAAAAA="`, `["AAAAAAAAAAA="] []`, `"AAAAAAAAAAA="`} {
		b.break1("Status", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) })
		if err := b.fails(nil); !errors.Is(err, source.ErrImplausible) && !errors.Is(err, source.ErrMalformed) {
			t.Errorf("status %s: error %v", text, err)
		}
	}
	many := strings.Repeat(`,"AAAAAAAAAAA="`, source.MaxCertificates)
	b.break1("Status", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `["AAAAAAAAAAA="`+many+"]") })
	b.fails(source.ErrTooLarge)
}

func TestEUMassWithdrawal(t *testing.T) {
	b := newEUBench(t, euFormEU, 30)
	certs := b.domain.DSCs
	b.good(certs...)
	for _, cert := range certs[15:] { // a half is nothing strange
		b.service.Withdraw(lists.Credential{Cert: cert}.KID())
	}
	b.good(certs[:15]...)
	for _, cert := range certs[15:] {
		b.service.Add(cert)
	}
	b.good(certs...)

	withdraw := func(from int) {
		b.service.Reset(certs...)
		for _, cert := range certs[from:] {
			b.service.Withdraw(lists.Credential{Cert: cert}.KID())
		}
	}
	withdraw(14) // more than a half is
	b.fails(source.ErrImplausible)
	b.now.Time = b.now.Time.Add(2 * massWithdrawalPatience)
	b.fails(source.ErrImplausible) // twice
	b.service.Reset(certs...)
	b.good(certs...) // it was a fault
	withdraw(14)
	for range 10 {
		b.fails(source.ErrImplausible)
		b.now.Time = b.now.Time.Add(massWithdrawalPatience / 20)
	}
	b.holds(certs...)
	b.now.Time = b.now.Time.Add(massWithdrawalPatience / 2)
	withdraw(10) // says something else
	b.fails(source.ErrImplausible)
	b.now.Time = b.now.Time.Add(massWithdrawalPatience / 2)
	b.fails(source.ErrImplausible)
	b.now.Time = b.now.Time.Add(massWithdrawalPatience / 2)
	b.good(certs[:10]...)

	// A clock that was ahead, and is set back, begins the hour again.
	b.service.Reset(certs...)
	b.good(certs...)
	withdraw(10)
	b.fails(source.ErrImplausible)
	b.now.Time = b.now.Time.AddDate(-1, 0, 0)
	b.fails(source.ErrImplausible)
	b.fails(source.ErrImplausible)
	b.now.Time = b.now.Time.Add(massWithdrawalPatience)
	b.good(certs[:10]...)

	b.service.Withdraw(lists.Credential{Cert: certs[9]}.KID())
	for _, cert := range certs[1:9] { // 9 of 10: too few to be a mass
		b.service.Withdraw(lists.Credential{Cert: cert}.KID())
	}
	b.good(certs[0])
}

// A service that lost its database numbers its rows anew, so that old tokens lie beyond the end, or in the midst of them.
func TestEUReset(t *testing.T) {
	for old := 1; old <= 12; old++ {
		b := newEUBench(t, euFormEU, old)
		all, _ := euDomain()
		b.good(b.domain.DSCs...)
		b.service.Reset(all.DSCs[:6]...)
		b.good(all.DSCs[:6]...)
		b.requests()
		b.unchanged()
		if n := len(b.requests()); n != 3 {
			t.Errorf("%d requests after it was found out", n)
		}
	}
}

// A walk that fails goes on where it was, and nothing of it counts before it is through.
func TestEUInterrupted(t *testing.T) {
	b := newEUBench(t, euFormEU, 4)
	certs, all := b.domain.DSCs, sourcetest.Must(euDomain())
	b.good(certs...)
	b.service.AddRow([]byte("badbadba"), nil) // row 5
	for _, cert := range all.DSCs[4:10] {
		b.service.Add(cert)
	}
	var served int
	b.break1("Update", func(w http.ResponseWriter, r *http.Request) {
		if served++; served > 3 {
			panic(http.ErrAbortHandler)
		}
		b.service.ServeHTTP(w, r)
	})
	b.fails(nil)
	b.holds(certs...)
	b.requests()
	served = 0
	b.fails(nil)
	if first := b.requests()[0]; first != "/signercertificateUpdate 7" {
		t.Errorf("went on with %s, want token 7", first)
	}
	b.break1("", nil)
	if report := b.good(all.DSCs[:10]...); len(report.Skipped) != 1 {
		t.Errorf("report %v: want the bad row that came before the walk failed", report)
	}

	b.restart(euFormEU) // at every request
	last := *b.now.Last
	for n := range 100 {
		b.now.Last = nil
		b.restart(euFormEU)
		served = 0
		b.break1("", func(w http.ResponseWriter, r *http.Request) {
			if served++; served > n {
				panic(http.ErrAbortHandler)
			}
			b.service.ServeHTTP(w, r)
		})
		if _, err := b.fetch(); err == nil {
			b.holds(all.DSCs[:10]...)
			if n < 12 {
				t.Errorf("was content after %d answers", n)
			}
			return
		}
		b.now.Last = &last
		b.holds(all.DSCs[:10]...)
		b.now.Last = nil
	}
	t.Error("never was content")
}

// Answers that would make the walk endless, large or meaningless.
func TestEUBadWalk(t *testing.T) {
	answer := func(token, kid, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-RESUME-TOKEN", token)
			w.Header().Set("X-KID", kid)
			io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		want  error
	}{
		"the same for ever":   {answer("7", "", "x"), source.ErrMalformed},
		"token 0":             {answer("0", "", "x"), source.ErrMalformed},
		"negative token":      {answer("-5", "", "x"), source.ErrMalformed},
		"no token":            {answer("", "", "x"), source.ErrMalformed},
		"token beyond 64 bit": {answer("9223372036854775808", "", "x"), source.ErrMalformed},
		"token of text":       {answer("next", "", "x"), source.ErrMalformed},
		"large body":          {answer("99", "", strings.Repeat("x", pki.MaxCertificateText+1)), source.ErrTooLarge},
		"500":                 {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }, nil},
		"304":                 {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, nil},
		"nothing":             {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, source.ErrImplausible},
	} {
		t.Run(name, func(t *testing.T) {
			b := newEUBench(t, euFormEU, 2)
			b.break1("Update", c.fault)
			b.fails(c.want)
			b.break1("", nil)
			b.good(b.domain.DSCs...)
		})
	}

	// The last of all numbers ends the walk. What comes after it is found because status lists it.
	b := newEUBench(t, euFormEU, 2)
	b.good(b.domain.DSCs...)
	b.break1("Update", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-RESUME-TOKEN") == "9223372036854775807" {
			w.WriteHeader(204)
			return
		}
		answer("9223372036854775807", "", "x")(w, r)
	})
	b.good(b.domain.DSCs...)
	b.break1("", nil)
	b.service.Add(sourcetest.Must(euDomain()).DSCs[5])
	b.good(append(slices.Clone(b.domain.DSCs), sourcetest.Must(euDomain()).DSCs[5])...)
}

func TestEUTooMany(t *testing.T) {
	b := newEUBench(t, euFormEU, 2)
	unfinished := newEUWalk()
	unfinished.size = source.MaxListSize - 100
	b.source.mirrors[0].unfinished = unfinished
	b.fails(source.ErrTooLarge)
	b.good(b.domain.DSCs...) // starts over

	s := &euService{form: euFormEU}
	w := newEUWalk()
	r := &fetch.Response{Header: http.Header{}, Body: []byte("AAAA")}
	for i := range source.MaxCertificates {
		r.Header.Set("X-RESUME-TOKEN", strconv.Itoa(i+1))
		if err := s.row(w, r); err != nil {
			t.Fatal(err)
		}
	}
	r.Header.Set("X-RESUME-TOKEN", strconv.Itoa(source.MaxCertificates+1))
	if err := s.row(w, r); !errors.Is(err, source.ErrTooLarge) {
		t.Errorf("error %v, want %v", err, source.ErrTooLarge)
	}
}

// Row numbers of one mirror mean nothing to another.
func TestEUMirrors(t *testing.T) {
	all := sourcetest.Must(euDomain())
	b := newEUBench(t, euFormEU, 6)
	b.good(b.domain.DSCs...)
	other := lists.EUVerifierService(&lists.Domain{DSCs: []*x509.Certificate{all.DSCs[9], all.DSCs[8]}})
	root := sourcetest.WebRoot(t)
	second := sourcetest.WebServer(t, sourcetest.WebCert(t, &root, sourcetest.WebNow.AddDate(-1, 0, 0), sourcetest.WebNow.AddDate(1, 0, 0), "127.0.0.1"), other)
	b.config.CA = append(b.config.CA, root.PEM()...)
	b.config.URLs = append(b.config.URLs, second.URL)
	b.restart(euFormEU)

	b.break1("", func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) })
	b.good(all.DSCs[9], all.DSCs[8]) // with the first one's token it would have got nothing
	b.break1("Status", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "[]") })
	b.unchanged()
	b.break1("", nil)
	b.good(b.domain.DSCs...)

	second.Close()
	b.break1("", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) })
	err := b.fails(nil)
	for _, part := range []string{b.web.URL, "503", second.URL, "refused"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %v does not say %s", err, part)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := b.source.Fetch(ctx, b.now); err == nil || strings.Contains(err.Error(), second.URL) {
		t.Errorf("cancelled: error %v", err)
	}
}

// A cursor that is not ours is no cursor.
func TestEUCursor(t *testing.T) {
	b := newEUBench(t, euFormEU, 3)
	b.good(b.domain.DSCs...)
	var c euCursor
	if err := json.Unmarshal(b.now.Last.Cursor, &c); err != nil || c.URL != b.web.URL || c.Token != 3 {
		t.Fatalf("cursor %s", b.now.Last.Cursor)
	}
	for _, cursor := range []string{
		"", "x", "{}", `{"url":"` + c.URL + `","token":-1}`, `{"url":"` + c.URL + `","token":2,"missing":"AAAA"}`,
		strings.Replace(string(b.now.Last.Cursor), c.URL, c.URL+"0", 1), strings.Repeat("[", 4096),
	} {
		last := *b.now.Last
		last.Cursor = []byte(cursor)
		b.now.Last = &last
		b.requests()
		b.good(b.domain.DSCs...)
		if first := b.requests()[0]; first != "/signercertificateUpdate " {
			t.Errorf("cursor %s: asked %s first", cursor, first)
		}
	}
}
