package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// gatewayNow is the real time, because the lab's gateway dates deletions by it.
func gatewayNow(last *source.Holding) source.Moment {
	return source.Moment{Time: time.Now(), Synced: true, Last: last}
}

// gatewayServer serves h over mutual TLS.
func gatewayServer(t testing.TB, h http.Handler) (url string, transport fetch.Transport) {
	t.Helper()
	keys, err := lists.NewTLSKeys("XX")
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = sourcetest.Silence
	s.TLS = &tls.Config{
		Certificates: []tls.Certificate{keys.Server.Certificate()}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(),
	}
	s.TLS.ClientCAs.AddCert(keys.CA.Cert)
	s.StartTLS()
	t.Cleanup(s.Close)
	client := keys.Client.Certificate()
	return s.URL, fetch.Transport{CA: keys.CA.PEM(), Certificate: &client, Timeout: 20 * time.Second}
}

func gatewaySource(t testing.TB, anchor []byte, h http.Handler) *gateway {
	t.Helper()
	url, transport := gatewayServer(t, h)
	s, err := New(sources.Config{URLs: []string{url}, Anchors: anchor, Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	return s.(*gateway)
}

func gatewayOf(t testing.TB, domains ...*lists.Domain) *lists.Gateway {
	t.Helper()
	g, err := lists.NewGateway(domains...)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func gatewayKIDs(signers []source.Signer) (kids []string) {
	for _, s := range signers {
		kids = append(kids, s.KID.String())
	}
	slices.Sort(kids)
	return kids
}

func gatewayWant(domains ...*lists.Domain) (kids []string) {
	for _, d := range domains {
		kids = append(kids, sourcetest.DomainKIDs(d)...)
	}
	slices.Sort(kids)
	return kids
}

// gatewayLog notes what is asked, in front of a handler.
type gatewayLog struct {
	http.Handler
	asked []string
}

func (l *gatewayLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.asked = append(l.asked, r.URL.RequestURI()+" "+r.Header.Get("If-Modified-Since"))
	l.Handler.ServeHTTP(w, r)
}

func TestGatewayGood(t *testing.T) {
	x, y := sourcetest.DomainOf(t, "XX", 3), sourcetest.DomainOf(t, "YY", 2)
	log := &gatewayLog{Handler: gatewayOf(t, x, y)}
	h, report, err := gatewaySource(t, x.Anchor.PEM(), log).Fetch(context.Background(), gatewayNow(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := gatewayKIDs(h.Signers), gatewayWant(x, y); !slices.Equal(got, want) || report.Loaded != 5 || len(report.Skipped) != 0 {
		t.Errorf("kids %v, want %v; %+v", got, want, report)
	}
	for _, s := range h.Signers {
		if s.Country != "XX" && s.Country != "YY" || len(s.SPKI) == 0 {
			t.Errorf("%+v", s)
		}
	}
	if len(h.Withdrawn) != 0 || !h.Signed.IsZero() || !h.Expires.IsZero() {
		t.Errorf("%+v", h)
	}
	want := []string{
		"/trustList/CSCA?page=0&pagesize=100 ", "/trustList/UPLOAD?page=0&pagesize=100 ",
		"/trustList/DSC?page=0&pagesize=100 2021-06-01T00:00:00Z", "/trustList/DSC?page=0&pagesize=100 ",
	}
	if !slices.Equal(log.asked, want) {
		t.Errorf("asked for %q, want %q", log.asked, want)
	}
}

func TestGatewayPages(t *testing.T) {
	for _, test := range []struct{ dscs, requests int }{{1, 1}, {99, 1}, {100, 2}, {101, 2}, {250, 3}} {
		d := sourcetest.DomainOf(t, "XX", test.dscs)
		log := &gatewayLog{Handler: gatewayOf(t, d)}
		now := gatewayNow(nil)
		most := 0
		now.Progress = func(done, _ int) { most = max(most, done) }
		h, _, err := gatewaySource(t, d.Anchor.PEM(), log).Fetch(context.Background(), now)
		if err != nil || !slices.Equal(gatewayKIDs(h.Signers), gatewayWant(d)) {
			t.Errorf("%d DSCs: %v", test.dscs, err)
		}
		if len(log.asked) != 3+test.requests || most != 2+test.dscs {
			t.Errorf("%d DSCs: %d requests for them, want %d; progress %d", test.dscs, len(log.asked)-3, test.requests, most)
		}
	}
}

// A key that is deleted is withdrawn until it comes back.
func TestGatewayDeletions(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 3)
	g := gatewayOf(t, d)
	log := &gatewayLog{Handler: g}
	src := gatewaySource(t, d.Anchor.PEM(), log)
	kid := func(i int) verify.KID { return pki.KIDOf(d.DSCs[i].Raw) }
	fetch := func(last *source.Holding) *source.Holding {
		t.Helper()
		h, _, err := src.Fetch(context.Background(), gatewayNow(last))
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	first := fetch(nil)
	if _, report, err := src.Fetch(context.Background(), gatewayNow(first)); !errors.Is(err, source.ErrUnchanged) || report.Loaded != 3 {
		t.Errorf("again: %v, %+v", err, report)
	}
	if h := fetch(&source.Holding{Signers: first.Signers}); len(h.Cursor) == 0 { // the last one could not ask for deletions
		t.Error("no cursor")
	}

	g.Withdraw(sourcetest.CertKID(d.DSCs[0].Raw))
	log.asked = nil
	second := fetch(first)
	if want := []verify.KID{kid(0)}; !slices.Equal(second.Withdrawn, want) || len(second.Signers) != 2 {
		t.Errorf("withdrawn %v, want %v; %d signers", second.Withdrawn, want, len(second.Signers))
	}
	if want := "/trustList/DSC?page=0&pagesize=100 " + string(first.Cursor); !slices.Contains(log.asked, want) {
		t.Errorf("asked for %q, not for %q", log.asked, want)
	}
	g.Remove(lists.GatewayDSC, sourcetest.CertKID(d.DSCs[0].Raw)) // the gateway forgets, the gate does not
	g.WithdrawAt(sourcetest.CertKID(d.DSCs[1].Raw), time.Now().Add(-gatewayOverlap/2))
	third := fetch(second)
	if !slices.Contains(third.Withdrawn, kid(0)) || !slices.Contains(third.Withdrawn, kid(1)) || len(third.Withdrawn) != 2 {
		t.Errorf("withdrawn %v", third.Withdrawn)
	}
	g.Add(d.DSCs[0])
	fourth := fetch(third)
	if want := []verify.KID{kid(1)}; !slices.Equal(fourth.Withdrawn, want) || len(fourth.Signers) != 2 {
		t.Errorf("withdrawn %v, want %v; %d signers", fourth.Withdrawn, want, len(fourth.Signers))
	}
	fresh := fetch(nil) // without a past, all deletions that the gateway remembers
	if !slices.Equal(fresh.Withdrawn, fourth.Withdrawn) {
		t.Errorf("withdrawn from a fresh start %v, want %v", fresh.Withdrawn, fourth.Withdrawn)
	}
}

// A DSC that is handed out, but cannot be believed, stays withdrawn.
func TestGatewayComesBackUnsigned(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 2)
	g := gatewayOf(t, d)
	src := gatewaySource(t, d.Anchor.PEM(), g)
	g.Withdraw(sourcetest.CertKID(d.DSCs[0].Raw))
	h, _, err := src.Fetch(context.Background(), gatewayNow(nil))
	if err != nil || len(h.Withdrawn) != 1 {
		t.Fatalf("%v, %+v", err, h)
	}
	forged, err := lists.NewGatewayEntry(lists.GatewayDSC, "XX", d.DSCs[0].Raw, sourcetest.DomainOf(t, "XX", 0).Uploader)
	if err != nil {
		t.Fatal(err)
	}
	g.Put(forged)
	if _, report, err := src.Fetch(context.Background(), gatewayNow(h)); !errors.Is(err, source.ErrUnchanged) || len(report.Skipped) != 1 {
		t.Errorf("%v, %+v", err, report)
	}
}

// What the gate asks deletions since is never later than it may be, whichever clock is wrong.
func TestGatewayCursor(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 1)
	g := gatewayOf(t, d)
	real := time.Now()
	for _, test := range []struct {
		name        string
		gate, their time.Time
		want        time.Time
	}{
		{"both right", real, real, real},
		{"the gate ahead", real.AddDate(1, 0, 0), real, real},
		{"the gate behind", real.AddDate(-1, 0, 0), real, real.AddDate(-1, 0, 0)},
		{"the gateway behind", real, real.AddDate(0, -1, 0), real.AddDate(0, -1, 0)},
	} {
		src := gatewaySource(t, d.Anchor.PEM(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Date", test.their.UTC().Format(http.TimeFormat))
			g.ServeHTTP(w, r)
		}))
		h, _, err := src.Fetch(context.Background(), source.Moment{Time: test.gate, Synced: true})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := time.Parse(time.RFC3339, string(h.Cursor)); err != nil || got.Add(gatewayOverlap).Sub(test.want).Abs() > 2*time.Second {
			t.Errorf("%s: cursor %s, want %v less a day", test.name, h.Cursor, test.want)
		}
	}
	log := &gatewayLog{Handler: g}
	src := gatewaySource(t, d.Anchor.PEM(), log)
	for cursor, want := range map[string]string{
		"":                     gatewayBirth.Format(time.RFC3339),
		"x\r\nHost: y":         gatewayBirth.Format(time.RFC3339),
		"2023-01-02T03:04:05Z": "2023-01-02T03:04:05Z",
	} {
		log.asked = nil
		if _, _, err := src.Fetch(context.Background(), gatewayNow(&source.Holding{Cursor: []byte(cursor)})); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(log.asked, "/trustList/DSC?page=0&pagesize=100 "+want) {
			t.Errorf("cursor %q: asked for %q", cursor, log.asked)
		}
	}
}

// A time that cannot have come yet is not asked for.
func TestGatewayCursorAhead(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 1)
	g := gatewayOf(t, d)
	g.Withdraw(sourcetest.CertKID(d.DSCs[0].Raw))
	g.Put(gatewayMade(t, lists.GatewayDSC, "XX", sourcetest.DSCUnder(t, "XX", d.CSCA), d.Uploader))
	last := &source.Holding{Cursor: []byte("2099-01-02T03:04:05Z")}
	h, _, err := gatewaySource(t, d.Anchor.PEM(), g).Fetch(context.Background(), gatewayNow(last))
	if err != nil || len(h.Withdrawn) != 1 {
		t.Errorf("%v, %+v", err, h)
	}
}

// A gateway that has no delta still has keys, and what it deleted before stays withdrawn.
func TestGatewayWithoutDelta(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 1)
	g := gatewayOf(t, d)
	src := gatewaySource(t, d.Anchor.PEM(), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-Modified-Since") != "" {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		g.ServeHTTP(w, r)
	}))
	gone := verify.KID{1}
	last := &source.Holding{Withdrawn: []verify.KID{gone}, Cursor: []byte("2023-01-02T03:04:05Z")}
	h, report, err := src.Fetch(context.Background(), gatewayNow(last))
	if err != nil || len(h.Signers) != 1 || !slices.Equal(h.Withdrawn, last.Withdrawn) || string(h.Cursor) != string(last.Cursor) {
		t.Errorf("%v, %+v", err, h)
	}
	if len(report.Skipped) != 1 || report.Skipped[0].Name != "deletions" {
		t.Errorf("skipped %v", report.Skipped)
	}
}

func TestGatewayAsAWhole(t *testing.T) {
	d, other := sourcetest.DomainOf(t, "XX", 1), sourcetest.DomainOf(t, "XX", 1)
	full := &source.Holding{Signers: make([]source.Signer, 1)}
	for _, test := range []struct {
		name   string
		anchor []byte
		last   *source.Holding
		change func(*lists.Gateway)
		want   error
	}{
		{"good", d.Anchor.PEM(), full, func(*lists.Gateway) {}, nil},
		{"second of two anchors", append(other.Anchor.PEM(), d.Anchor.PEM()...), full, func(*lists.Gateway) {}, nil},
		{"another anchor", other.Anchor.PEM(), full, func(*lists.Gateway) {}, source.ErrNotAuthentic},
		{"an uploader as the anchor", d.Uploader.PEM(), full, func(*lists.Gateway) {}, source.ErrNotAuthentic},
		{"no CSCA", d.Anchor.PEM(), full, func(g *lists.Gateway) { g.Remove(lists.GatewayCSCA, nil) }, source.ErrNotAuthentic},
		{"no uploader", d.Anchor.PEM(), full, func(g *lists.Gateway) { g.Remove(lists.GatewayUpload, nil) }, source.ErrNotAuthentic},
		{"no DSC", d.Anchor.PEM(), full, func(g *lists.Gateway) { g.Remove(lists.GatewayDSC, nil) }, source.ErrImplausible},
	} {
		g := gatewayOf(t, d)
		test.change(g)
		h, _, err := gatewaySource(t, test.anchor, g).Fetch(context.Background(), gatewayNow(test.last))
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || (h == nil) != (err != nil) {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

// The next mirror is asked if one fails, for everything.
func TestGatewayMirrors(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 1)
	good, transport := gatewayServer(t, gatewayOf(t, d))
	s, err := New(sources.Config{URLs: []string{"https://127.0.0.1:1", good}, Anchors: d.Anchor.PEM(), Transport: transport})
	if err != nil {
		t.Fatal(err)
	}
	if h, _, err := s.Fetch(context.Background(), gatewayNow(nil)); err != nil || len(h.Signers) != 1 {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if h, _, err := s.Fetch(ctx, gatewayNow(nil)); err == nil || h != nil {
		t.Errorf("after the end: %v", err)
	}
}

func TestGatewayConfig(t *testing.T) {
	d := sourcetest.DomainOf(t, "XX", 0)
	client := d.Signer.Certificate()
	shown := fetch.Transport{Certificate: &client}
	urls := []string{"https://gateway.example/"}
	for what, c := range map[string]sources.Config{
		"no anchor":             {URLs: urls, Transport: shown},
		"bare key":              {URLs: urls, Anchors: d.Anchor.PublicPEM(), Transport: shown},
		"leave them out":        {URLs: urls, Anchors: d.Anchor.PEM(), CSCAs: d.CSCA.PEM(), Transport: shown},
		"no client certificate": {URLs: urls, Anchors: d.Anchor.PEM()},
		"no URL":                {Anchors: d.Anchor.PEM(), Transport: shown},
		"only TLS":              {URLs: []string{"http://gateway.example/"}, Anchors: d.Anchor.PEM(), Transport: shown},
		"query":                 {URLs: []string{"https://gateway.example/?a=b"}, Anchors: d.Anchor.PEM(), Transport: shown},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	named, err := New(sources.Config{URLs: urls, Anchors: d.Anchor.PEM(), Transport: shown})
	if err != nil {
		t.Fatal(err)
	}
	if traits := named.Traits(); traits.Kind != Kind || traits.Age != source.AgeObserved || traits.Rollback {
		t.Errorf("%+v", traits)
	}
}
