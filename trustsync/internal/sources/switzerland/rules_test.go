package switzerland

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatescan/cmd/gatelab/lists"
	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki/pkitest"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/trustsync/store/storetest"
)

func switzerlandOf(t testing.TB, c sources.Config) *switzerlandRules {
	t.Helper()
	if c.URLs == nil {
		c.URLs = []string{"https://x.example/verificationRules"}
	}
	s, err := NewRules(c)
	if err != nil {
		t.Fatal(err)
	}
	return s.(*switzerlandRules)
}

func TestSwitzerlandRules(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	body := sourcetest.SwitzerlandRules(t, d)
	src := switzerlandOf(t, sources.Config{Anchors: d.CSCA.PEM(), SignerName: lists.SwissSigner})
	h, report, err := src.read(body, source.Moment{Time: sourcetest.Now, Synced: true})
	if err != nil || len(h.Rules) != 6 || len(h.ValueSets) != 2 || report.Loaded != 6 || !h.Signed.IsZero() || !h.Expires.Equal(sourcetest.Now.Add(48*time.Hour)) {
		t.Fatalf("%v, %+v", err, h)
	}
	for i := 0; i < len(body); i += 17 {
		flipped := bytes.Clone(body)
		flipped[i] ^= 1
		if h, _, err := src.read(flipped, source.Moment{Time: sourcetest.Now, Synced: true}); h != nil || err == nil {
			t.Fatalf("byte %d: read", i)
		}
	}
}

func TestSwitzerlandRulesRefused(t *testing.T) {
	d, other := sourcetest.Domain(t, 0), sourcetest.Domain(t, 0)
	rule := string(d.Rules[0].JSON)
	payload := func(change func(string) string) []byte {
		text := `{"iat":` + unixText(sourcetest.Signed) + `,"exp":` + unixText(sourcetest.Expires) + `,"validDuration":3600000,"rules":[` + rule + `],"valueSets":{"a":["b"]},"displayRules":[]}`
		body, err := lists.SignSwitzerland(d, []byte(change(text)))
		if err != nil {
			t.Fatal(err)
		}
		return body
	}
	in := func(old, new string) []byte {
		return payload(func(text string) string {
			if !strings.Contains(text, old) {
				t.Fatal(old)
			}
			return strings.Replace(text, old, new, 1)
		})
	}
	good := payload(func(s string) string { return s })
	es256, err := lists.SignSweden(d.Signer, nil, []byte(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	hour := sourcetest.Signed.Add(time.Hour)
	for name, test := range map[string]struct {
		body    []byte
		config  sources.Config
		now     time.Time
		want    error
		skipped int
		expires time.Time
	}{
		"good":                       {good, sources.Config{}, sourcetest.Signed, nil, 0, hour},
		"its signer by name":         {good, sources.Config{SignerName: lists.SwissSigner}, sourcetest.Signed, nil, 0, hour},
		"validDuration has passed":   {good, sources.Config{}, hour.Add(time.Second), source.ErrExpired, 0, time.Time{}},
		"a long validDuration":       {in("3600000", "1e300"), sources.Config{}, sourcetest.Signed, nil, 0, sourcetest.Expires},
		"no validDuration":           {in(`"validDuration":3600000,`, ``), sources.Config{}, sourcetest.Signed, nil, 0, sourcetest.Expires},
		"no exp":                     {in(`"exp":`+unixText(sourcetest.Expires)+`,`, ``), sources.Config{}, sourcetest.Signed, nil, 0, hour},
		"no iat":                     {in(`"iat":`+unixText(sourcetest.Signed)+`,`, ``), sources.Config{}, sourcetest.Signed.Add(time.Minute), nil, 0, hour.Add(time.Minute)},
		"no iat, and past exp":       {in(`"iat":`+unixText(sourcetest.Signed)+`,`, ``), sources.Config{}, sourcetest.Expires.Add(time.Second), source.ErrExpired, 0, time.Time{}},
		"an iat that is none":        {in(`"iat":`, `"iat":-`), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"iat twice":                  {in(`"iat"`, `"iat":1,"iat"`), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"a negative validDuration":   {in("3600000", "-1"), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"no time at all":             {in("3600000", "0"), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"from the future":            {good, sources.Config{}, sourcetest.Signed.Add(-time.Hour), source.ErrFuture, 0, time.Time{}},
		"another authority":          {good, sources.Config{Anchors: other.CSCA.PEM()}, sourcetest.Signed, source.ErrNotAuthentic, 0, time.Time{}},
		"another name":               {good, sources.Config{SignerName: "gatelab content"}, sourcetest.Signed, source.ErrNotAuthentic, 0, time.Time{}},
		"another algorithm":          {es256, sources.Config{}, sourcetest.Signed, source.ErrNotAuthentic, 0, time.Time{}},
		"not a JWS":                  {[]byte("x"), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"cut short":                  {good[:len(good)-10], sources.Config{}, sourcetest.Signed, source.ErrNotAuthentic, 0, time.Time{}},
		"too large":                  {bytes.Repeat([]byte("x"), source.MaxListSize+1), sources.Config{}, sourcetest.Signed, source.ErrTooLarge, 0, time.Time{}},
		"not a rule":                 {in(rule, `{}`), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"a rule that is text":        {in(rule, `"x"`), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"rules that are no array":    {in(`"rules":[`+rule+`]`, `"rules":{}`), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"a set of numbers, skipped":  {in(`["b"]`, `{"pcr-test-validity":72}`), sources.Config{}, sourcetest.Signed, nil, 1, hour},
		"neither rules nor sets":     {payload(func(string) string { return `{"iat":` + unixText(sourcetest.Signed) + `}` }), sources.Config{}, sourcetest.Signed, source.ErrMalformed, 0, time.Time{}},
		"older than what it gave on": {good, sources.Config{}, sourcetest.Signed, source.ErrRollback, 0, time.Time{}},
	} {
		if test.config.Anchors == nil {
			test.config.Anchors = d.CSCA.PEM()
		}
		now := source.Moment{Time: test.now, Synced: true}
		if test.want == source.ErrRollback {
			now.Last = &source.Holding{Signed: sourcetest.Signed.Add(1)}
		}
		h, report, err := switzerlandOf(t, test.config).read(test.body, now)
		switch {
		case test.want != nil:
			if h != nil || !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", name, err, test.want)
			}
		case err != nil || len(report.Skipped) != test.skipped || !h.Expires.Equal(test.expires):
			t.Errorf("%s: %v, %+v, %v", name, err, report, h)
		}
	}
}

// The token is shown, the form is asked for, and a tag that is known spares the document.
func TestSwitzerlandRulesFetch(t *testing.T) {
	d := sourcetest.Domain(t, 0)
	body := sourcetest.SwitzerlandRules(t, d)
	var asked []http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.Header)
		switch {
		case r.Header.Get("Authorization") != "Bearer secret":
			http.Error(w, "who are you?", http.StatusUnauthorized)
		case r.Header.Get("If-None-Match") == `"1"`:
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", `"1"`)
			w.Write(body)
		}
	}))
	defer server.Close()
	c := sources.Config{URLs: []string{server.URL}, Anchors: d.CSCA.PEM()}
	if _, _, err := switzerlandOf(t, c).Fetch(t.Context(), source.Moment{Time: sourcetest.Now}); err == nil || !strings.Contains(err.Error(), "status 401") || strings.Contains(err.Error(), "secret") {
		t.Errorf("without token: %v", err)
	}
	c.Header = map[string]string{"Authorization": "Bearer secret"}
	src := switzerlandOf(t, c)
	h, _, err := src.Fetch(t.Context(), source.Moment{Time: sourcetest.Now})
	if err != nil || len(h.Rules) != 6 || asked[1].Get("Accept") != "application/json+jws" {
		t.Fatalf("%v, %v", err, asked)
	}
	if !h.Expires.Equal(sourcetest.Now.Add(48 * time.Hour)) {
		t.Errorf("good until %v", h.Expires)
	}
	soon := sourcetest.Now.Add(source.ConfirmInterval - time.Second)
	if _, _, err := src.Fetch(t.Context(), source.Moment{Time: soon, Last: h}); !errors.Is(err, source.ErrUnchanged) {
		t.Errorf("again: %v", err)
	}
	// The publisher stands by it: it is good for as long again.
	day := sourcetest.Now.Add(24 * time.Hour)
	again, _, err := src.Fetch(t.Context(), source.Moment{Time: day, Last: h})
	if err != nil || len(again.Rules) != 6 || !again.Expires.Equal(day.Add(48*time.Hour)) || !h.Expires.Equal(sourcetest.Now.Add(48*time.Hour)) {
		t.Errorf("a day later: %v, %+v", err, again)
	}
	// A gate that was off for a week.
	week := sourcetest.Now.Add(7 * 24 * time.Hour)
	again, _, err = src.Fetch(t.Context(), source.Moment{Time: week, Last: again})
	if err != nil || !again.Expires.Equal(week.Add(48*time.Hour)) {
		t.Errorf("a week later: %v, %+v", err, again)
	}
}

func unixText(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }

func FuzzSwitzerlandRules(f *testing.F) {
	d := sourcetest.Domain(f, 0)
	f.Add(sourcetest.SwitzerlandRules(f, d), []byte(`{"rules":[],"valueSets":{},"iat":1,"exp":2,"validDuration":3}`))
	f.Add([]byte("a.b.c"), []byte(`{"iat":1e400}`))
	other := pkitest.Anchors(f, sourcetest.Domain(f, 0).CSCA.PEM())
	f.Fuzz(func(t *testing.T, body, payload []byte) {
		if _, err := openSwitzerland(body, other, "", sourcetest.Now); err == nil {
			t.Fatal("authentic")
		}
		signed, expires, err := switzerlandTimes(payload, sourcetest.Now)
		if err == nil && (!signed.IsZero() && signed.Before(time.Unix(0, 0)) || signed.After(source.EndOfTime) || !expires.IsZero() && expires.After(source.EndOfTime)) {
			t.Fatal(signed, expires)
		}
		r := list.NewRules()
		if r.Both(payload) == nil {
			storetest.CheckRules(t, r.Rules, r.ValueSets)
		}
	})
}
