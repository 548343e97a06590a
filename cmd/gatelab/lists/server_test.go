package lists

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// bench is a server and who asks it.
type bench struct {
	*Server
	t    *testing.T
	keys *TLSKeys
	http *http.Client

	mu   sync.Mutex
	told []Served
}

func serve(t *testing.T) *bench {
	t.Helper()
	d, err := NewDomain("XX", 3)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := newCredential("XX", "PH4H", false, &d.CSCA)
	if err != nil {
		t.Fatal(err)
	}
	d.PH4H = []*x509.Certificate{signer.Cert}
	keys, err := NewTLSKeys("XX")
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, keys: keys}
	if b.Server, err = NewServer(d, keys, "127.0.0.1:0", func(s Served) {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.told = append(b.told, s)
	}); err != nil {
		t.Fatal(err)
	}
	b.http = b.client()
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// client trusts the lab, shows the certificates, and follows no redirect.
func (b *bench) client(own ...tls.Certificate) *http.Client {
	roots := x509.NewCertPool()
	roots.AddCert(b.keys.CA.Cert)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: own}, DisableCompression: true}
	b.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// ask gets a path by TLS. header has names and values.
func (b *bench) ask(path string, header ...string) (*http.Response, []byte, error) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.URL(TLS, path), nil)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

func (b *bench) get(path string, header ...string) (*http.Response, []byte) {
	b.t.Helper()
	resp, body, err := b.ask(path, header...)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp, body
}

// published is where a list of each source stands, with what its publisher says it is.
var published = map[string]string{
	"/who/v2/trustlist/DCC/-/DSC/did.json":       "application/json",
	"/who-ref/v2/trustlist-ref/did.json":         "application/json",
	"/who-ref/v2/trustlist-ref/DCC/did.json":     "application/json",
	"/who-ref/v2/trustlist-ref/DCC/XXX/did.json": "application/json",
	"/who-ref/v2/trustlist/DCC/XXX/DSC/did.json": "application/json",
	"/who-ph4h/v2/trustlist/PH4H/-/DSC/did.json": "application/json",
	"/eu/signercertificateUpdate":                "text/plain",
	"/eu/signercertificateStatus":                "application/json",
	"/italy/v1/dgc/signercertificate/status":     "application/json",
	"/italy/v1/dgc/signercertificate/update":     "text/plain",
	"/germany/trustList/DSC/":                    "text/plain;charset=UTF-8",
	"/sweden/tp/trust-list":                      "application/jose",
	"/austria/trustlist":                         "application/octet-stream",
	"/austria/trustlistsig":                      "application/octet-stream",
	"/netherlands/v4/verifier/public_keys":       "application/json",
	"/eu-archive/dcc_trustlist.zip":              "application/zip",
	"/eu-archive/dcc_trustlist.zip.sig.txt":      "text/plain",
	"/eu-rules/rules":                            "application/json",
	"/eu-rules/rules/XX":                         "application/json",
	"/eu-rules/rules/EL":                         "application/json",
	"/eu-rules/valuesets":                        "application/json",
	"/germany-rules/countrylist":                 "application/json",
	"/austria-rules/rules":                       "application/octet-stream",
	"/austria-rules/rulessig":                    "application/octet-stream",
	"/austria-rules/valuesets":                   "application/octet-stream",
	"/austria-rules/valuesetssig":                "application/octet-stream",
}

func TestServerGood(t *testing.T) {
	b := serve(t)
	seen := map[string]bool{}
	for path, contentType := range published {
		resp, body := b.get(path)
		date, err := http.ParseTime(resp.Header.Get("Date"))
		if resp.StatusCode != http.StatusOK || len(body) == 0 || resp.Header.Get("Content-Type") != contentType || err != nil || time.Since(date).Abs() > time.Minute {
			t.Errorf("%s: %d, %v, %.80q", path, resp.StatusCode, resp.Header, body)
		}
		name, _, _ := strings.Cut(path[1:], "/")
		seen[name] = true
		tag := resp.Header.Get("ETag")
		if tag == "" {
			if name != "eu" && name != "italy" && name != "eu-rules" && name != "germany-rules" {
				t.Errorf("%s has no entity tag", path)
			}
			continue
		}
		if resp, body := b.get(path, "If-None-Match", tag); resp.StatusCode != http.StatusNotModified || len(body) != 0 || resp.Header.Get("ETag") != tag {
			t.Errorf("%s, with its tag: %d", path, resp.StatusCode)
		}
		if resp, again := b.get(path, "If-None-Match", `"other"`); resp.StatusCode != http.StatusOK || !bytes.Equal(body, again) {
			t.Errorf("%s, with another tag: %d", path, resp.StatusCode)
		}
	}
	resp, _ := b.get("/gateway/trustList/DSC") // which lets no stranger in
	seen["gateway"] = resp.StatusCode == http.StatusUnauthorized
	const swiss = "/switzerland-rules/trust/v2/verificationRules"
	if resp, _ := b.get(swiss); resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("the Swiss rules without a token: %d", resp.StatusCode)
	}
	resp, body := b.get(swiss, "Authorization", "Bearer "+SwissToken)
	seen["switzerland-rules"] = resp.StatusCode == http.StatusOK && bytes.Count(body, []byte(".")) == 2
	for _, o := range b.Offers() {
		if !seen[o.Name] {
			t.Errorf("source %s was not looked at", o.Name)
		}
	}
	for _, path := range []string{"/", "/nowhere", "/who", "/who/", "/~", "/~flip", "/~flip/", "/~broken/who/", "/~flip=x/germany/trustList/DSC/", "/~future/germany/trustList/DSC/"} {
		if resp, _ := b.get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// claims are the times of a Swedish list.
func (b *bench) claims(path string) (issued, expires time.Time) {
	b.t.Helper()
	_, body := b.get(path)
	parts := strings.Split(string(body), ".")
	var c struct{ Iat, Exp int64 }
	if len(parts) != 3 {
		b.t.Fatalf("%s: %.80q", path, body)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return time.Unix(c.Iat, 0), time.Unix(c.Exp, 0)
}

func TestServerEditions(t *testing.T) {
	b := serve(t)
	const day = 24 * time.Hour
	now := time.Now()
	for fault, want := range map[string]struct{ issued, expires time.Duration }{
		"good": {0, day}, "older": {-day, day}, "stale": {-60 * day, day}, "future": {5 * 365 * day, 5*365*day + day},
		"expired": {-2 * day, -day}, "empty": {0, day}, "wrong-signature": {0, day},
	} {
		issued, expires := b.claims("/~" + fault + "/sweden/tp/trust-list")
		if (issued.Sub(now)-want.issued).Abs() > time.Minute || (expires.Sub(now)-want.expires).Abs() > time.Minute {
			t.Errorf("%s: %v to %v", fault, issued, expires)
		}
	}
	_, good := b.get("/germany/trustList/DSC/")
	_, empty := b.get("/~empty/germany/trustList/DSC/")
	_, other := b.get("/~wrong-signature/germany/trustList/DSC/")
	if !bytes.Contains(empty, []byte("\n"+`{"certificates":[]}`)) || bytes.Count(good, []byte(`"kid"`)) != 3 {
		t.Errorf("empty: %s", empty)
	}
	for _, dsc := range b.domain.DSCs {
		raw := []byte(base64.StdEncoding.EncodeToString(dsc.Raw))
		if !bytes.Contains(good, raw) || bytes.Contains(other, raw) {
			t.Error("the others list a key of ours, or we do not")
		}
	}
	for _, dsc := range b.Rival().DSCs {
		if !bytes.Contains(other, []byte(base64.StdEncoding.EncodeToString(dsc.Raw))) {
			t.Error("the others do not list a key of theirs")
		}
	}
}

func (b *bench) post(path string, values ...string) int {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(values); i += 2 {
		form.Set(values[i], values[i+1])
	}
	resp, err := b.http.PostForm(b.URL(Plain, path), form)
	if err != nil {
		b.t.Fatal(err)
	}
	resp.Body.Close()
	return resp.StatusCode
}

func TestServerControl(t *testing.T) {
	b := serve(t)
	const path = "/germany/trustList/DSC/"
	_, good := b.get(path)
	if code := b.post("/~/germany", "fault", "flip=3"); code != http.StatusNoContent {
		t.Fatal(code)
	}
	_, flipped := b.get(path)
	_, asked := b.get("/~good" + path)
	_, cut := b.get("/~cut=5" + path)
	if bytes.Equal(flipped, good) || !bytes.Equal(asked, good) || len(cut) != 5 {
		t.Errorf("flipped %t, good when asked for %t, cut to %d", !bytes.Equal(flipped, good), bytes.Equal(asked, good), len(cut))
	}
	resp, text := b.get("/~/", "Accept", "application/json")
	var st serverStatus
	if err := json.Unmarshal(text, &st); err != nil || resp.Header.Get("Content-Type") != "application/json" || len(st.Faults) != len(faultKinds) || len(st.DSCs) != 4 || len(st.Rules) != 6 {
		t.Errorf("%v: %s", err, text)
	}
	for _, one := range st.Sources {
		if (one.Fault == "flip=3") != (one.Name == "germany") || slices.Contains(one.Can, "expired") != slices.Contains([]string{"sweden", "austria", "austria-rules"}, one.Name) {
			t.Errorf("%+v", one)
		}
	}
	if _, text := b.get("/~/"); !bytes.Contains(text, []byte("flip=BYTE")) || !bytes.Contains(text, []byte("flip=3")) {
		t.Errorf("%s", text)
	}
	if code := b.post("/~/germany", "fault", ""); code != http.StatusNoContent {
		t.Error(code)
	}
	if _, back := b.get(path); !bytes.Equal(back, good) {
		t.Error("the fault stays")
	}
	for _, wrong := range [][]string{
		{"/~/nowhere", "fault", "flip"},
		{"/~/germany", "fault", "x"},
		{"/~/germany", "fault", "future"},
		{"/~/germany"},
		{"/~/eu", "fault", "expired"},
		{"/~/withdraw", "kid", "00"},
		{"/~/withdraw", "kid", "0011223344556677"},
		{"/~/germany", "fault", strings.Repeat("x", maxControl)},
	} {
		if code := b.post(wrong[0], wrong[1:]...); code != http.StatusBadRequest {
			t.Errorf("%.60q: %d", wrong, code)
		}
	}
}

func TestServerWithdraw(t *testing.T) {
	b := serve(t)
	kid := Credential{Cert: b.domain.DSCs[1]}.KID()
	text := base64.StdEncoding.EncodeToString(kid)
	has := func(path string) bool {
		_, body := b.get(path)
		return bytes.Contains(body, []byte(text))
	}
	listed := []string{"/germany/trustList/DSC/", "/eu/signercertificateStatus", "/italy/v1/dgc/signercertificate/status", "/who/v2/trustlist/DCC/-/DSC/did.json"}
	before, _ := b.claims("/sweden/tp/trust-list")
	for round, want := range []bool{true, false, true} {
		if round > 0 {
			if code := b.post([]string{"", "/~/withdraw", "/~/restore"}[round], "kid", hex.EncodeToString(kid)); code != http.StatusNoContent {
				t.Fatal(code)
			}
		}
		for _, path := range listed {
			if got := has(path); got != want {
				t.Errorf("round %d, %s: listed %t", round, path, got)
			}
			if !has("/~older" + path) {
				t.Errorf("round %d, older %s does not list it", round, path)
			}
		}
		after, _ := b.claims("/sweden/tp/trust-list")
		if round > 0 && !after.After(before) {
			t.Errorf("round %d: signed %v after %v", round, after, before)
		}
		before = after
	}
}

func TestServerListeners(t *testing.T) {
	b := serve(t)
	const path = "/sweden/tp/trust-list"
	var invalid x509.CertificateInvalidError
	var host x509.HostnameError
	for l, check := range map[Listener]func(error) bool{
		Plain: func(err error) bool { return err == nil }, TLS: func(err error) bool { return err == nil },
		ExpiredTLS:  func(err error) bool { return errors.As(err, &invalid) && invalid.Reason == x509.Expired },
		MisnamedTLS: func(err error) bool { return errors.As(err, &host) },
		MutualTLS:   func(err error) bool { return err != nil && strings.Contains(err.Error(), "certificate required") },
	} {
		resp, err := b.http.Get(b.URL(l, path))
		if err == nil {
			resp.Body.Close()
		}
		if !check(err) {
			t.Errorf("%s: %v", l, err)
		}
	}
	resp, err := b.client(b.keys.Client.Certificate()).Get(b.URL(MutualTLS, path))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestServerRefusesAddresses(t *testing.T) {
	d, err := NewDomain("XX", 0)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := NewTLSKeys("XX")
	if err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{"", "127.0.0.1", "0.0.0.0:0", ":0", "192.0.2.1:0", "example.org:0", "127.0.0.1:x", "127.0.0.1:65535", "127.0.0.1:-1"} {
		if s, err := NewServer(d, keys, address, nil); err == nil {
			t.Errorf("%q is served", address)
			s.Close()
		}
	}
}

// Whatever is under way, Close leaves nothing behind.
func TestServerClose(t *testing.T) {
	before := runtime.NumGoroutine()
	b := serve(t)
	var gates sync.WaitGroup
	for _, fault := range []string{"hang", "endless", "slow", "gzip", "good"} {
		for _, l := range []Listener{Plain, TLS} {
			gates.Go(func() {
				resp, err := b.http.Get(b.URL(l, "/~"+fault+"/who/v2/trustlist/DCC/-/DSC/did.json"))
				if err != nil {
					return
				}
				io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
			})
		}
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		b.mu.Lock()
		n := len(b.told)
		b.mu.Unlock()
		if n == 10 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d requests", n)
		}
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	gates.Wait()
	b.http.CloseIdleConnections()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, there were %d\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// Rules have the X-SIGNATURE where the service has it, and one that is withdrawn is gone everywhere.
func TestServerRules(t *testing.T) {
	b := serve(t)
	var list []struct{ Identifier, Country, Hash string }
	resp, body := b.get("/eu-rules/rules")
	if err := json.Unmarshal(body, &list); err != nil || len(list) != 6 || resp.Header.Get("X-SIGNATURE") == "" {
		t.Fatalf("%v: %s", err, body)
	}
	one := list[0]
	resp, body = b.get("/eu-rules/rules/" + one.Country + "/" + one.Hash)
	signature, err := base64.StdEncoding.DecodeString(resp.Header.Get("X-SIGNATURE"))
	sum := sha256.Sum256(body)
	digest := sha256.Sum256([]byte(hex.EncodeToString(sum[:])))
	key := b.domain.Signer.Cert.PublicKey.(*ecdsa.PublicKey)
	if err != nil || hex.EncodeToString(sum[:]) != one.Hash || !ecdsa.VerifyASN1(key, digest[:], signature) {
		t.Errorf("%v: %s", err, body)
	}
	for path, signed := range map[string]bool{"valuesets": true, "countrylist": true, "rules/XX": false} {
		if resp, _ := b.get("/eu-rules/" + path); (resp.Header.Get("X-SIGNATURE") != "") != signed {
			t.Errorf("%s: %v", path, resp.Header)
		}
	}
	if code := b.post("/~/withdraw", "rule", one.Identifier); code != http.StatusNoContent {
		t.Fatal(code)
	}
	if _, body := b.get("/eu-rules/rules"); bytes.Contains(body, []byte(one.Identifier)) {
		t.Errorf("withdrawn: %s", body)
	}
	if _, body := b.get("/~older/austria-rules/rules"); !bytes.Contains(body, []byte(one.Identifier)) {
		t.Error("it never was there")
	}
	if code := b.post("/~/restore", "rule", one.Identifier); code != http.StatusNoContent {
		t.Error(code)
	}
	if code := b.post("/~/withdraw", "rule", "x"); code != http.StatusBadRequest {
		t.Error(code)
	}
}
