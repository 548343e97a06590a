package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatescan/cmd/gatescan/clock"
	"gatescan/cmd/gatescan/status"
)

// countersAnswer is what this test reads of /api/v1/counters.
type countersAnswer struct {
	Zone  string `json:"zone"`
	Total struct {
		Accepted int            `json:"accepted"`
		Refused  int            `json:"refused"`
		Reasons  map[string]int `json:"refused_by_reason"`
		Granted  int            `json:"granted"`
		Lost     bool           `json:"lost"`
	} `json:"total"`
}

func (r *rig) counters() (a countersAnswer) {
	r.t.Helper()
	code, body := r.get("/api/v1/counters")
	if err := json.Unmarshal(body, &a); err != nil || code != http.StatusOK {
		r.t.Fatalf("%d %s: %v", code, body, err)
	}
	return a
}

// again starts the daemon of the rig once more.
func (r *rig) again() {
	r.t.Helper()
	r.gate = exec.Command(r.gate.Path, r.gate.Args[1:]...)
	r.mu.Lock()
	r.log.Reset()
	r.mu.Unlock()
	r.start()
}

// What a venue reads is what the gate did, and a power cut takes no more of it than is stated.
func TestCountersOfADaemon(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	good := r.mint(canary)
	for range 3 {
		r.shows(good + "\r")
	}
	r.shows("nothing\r")
	a := r.counters()
	if a.Zone != "Europe/Berlin" || a.Total.Accepted != 3 || a.Total.Refused != 1 || a.Total.Granted != 3 || a.Total.Reasons["other_code"] != 1 {
		t.Errorf("after four scans: %+v", a)
	}
	code, ready := r.get("/readyz?verbose")
	for _, want := range []string{"[+]gate: open", "[+]reader: connected", "[!]clock: ", "[+]trust: 2 DSCs", "[+]loops: ", "readyz check passed"} {
		if code != http.StatusOK || !strings.Contains(string(ready), want) {
			t.Errorf("readyz %d does not say %q:\n%s", code, want, ready)
		}
	}
	_, metrics := r.get("/metrics")
	for _, want := range []string{
		`gatescan_scans_total{reason="accepted"} 3`, `gatescan_scans_total{reason="other_code"} 1`, `gatescan_scans_total{reason="revoked"} 0`,
		`gatescan_accepted_total{kind="v"} 3`, "gatescan_granted_total 3", "gatescan_reader_up 1", `gatescan_reader_line_total{event="frames"} 4`, `gatescan_reader_line_total{event="opens"} 1`, "gatescan_scan_duration_seconds_count 4", "gatescan_ready 1",
	} {
		if !strings.Contains(string(metrics), want) {
			t.Errorf("the metrics do not say %s", want)
		}
	}
	if _, page := r.get("/"); !strings.Contains(string(page), "lane 3") {
		t.Error("the page does not say whose it is")
	}
	if _, csv := r.get("/counters.csv"); strings.Count(string(csv), "\r\n") != 2 || !strings.Contains(string(csv), "lane 3,") {
		t.Errorf("the CSV:\n%s", csv)
	}

	time.Sleep(1500 * time.Millisecond) // counters.flush is 1 s
	r.shows(good + "\r")                // may be lost
	r.signal(syscall.SIGKILL)
	for range r.events {
	}
	r.gate.Wait()
	r.again()
	r.waitLamp("idle")
	a = r.counters()
	if a.Total.Accepted < 3 || a.Total.Accepted > 4 || a.Total.Refused != 1 {
		t.Errorf("after a kill: %+v", a)
	}
	before := a.Total.Accepted
	r.shows(good + "\r")
	if err := r.end(); err != nil {
		t.Error(err)
	}
	r.again()
	r.waitLamp("idle")
	if a = r.counters(); a.Total.Accepted != before+1 {
		t.Errorf("an orderly end lost something: %+v", a)
	}

	// Released, the gate says that it is not ready, and why; and it is alive.
	r.run(r.gate.Path, "", "release", "-runtime", filepath.Join(r.dir, "run"))
	if code, ready := r.get("/readyz"); code != http.StatusServiceUnavailable || !strings.Contains(string(ready), "[-]gate: the outputs were released") {
		t.Errorf("released: %d %s", code, ready)
	}
	if code, _ := r.get("/livez"); code != http.StatusOK {
		t.Errorf("livez: %d", code)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// Without a place for the counters the gate goes on, counts in memory, and says so by its lamps and its page.
func TestCountersWithoutDisk(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(r.dir, "counters")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(r.dir, "counters"), []byte("a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.again()
	r.waitLamp("fault")
	r.waitLog("counts are not safe from a power cut")
	r.module.WriteString(r.mint(canary) + "\r")
	if e := r.wait("verdict", func(e simEvent) bool { return e.Event == "verdict" }); e.Reason != "accepted" {
		t.Errorf("a good pass: %s", e.Reason)
	}
	if a := r.counters(); a.Total.Accepted != 1 || !a.Total.Lost {
		t.Errorf("counted %+v", a)
	}
	code, ready := r.get("/readyz?verbose")
	if code != http.StatusOK || !strings.Contains(string(ready), "[!]fault: counts are not safe from a power cut") {
		t.Errorf("readyz %d:\n%s", code, ready)
	}
	if err := os.Remove(filepath.Join(r.dir, "counters")); err != nil {
		t.Fatal(err)
	}
	r.waitLog("counts are kept on the disk again")
	r.waitLamp("idle")
	if err := r.end(); err != nil {
		t.Error(err)
	}
}

// The words of a clock's states are those that the metrics know.
func TestClockStates(t *testing.T) {
	if clock.States != status.ClockStates {
		t.Errorf("the clock has the states %q, the metrics %q", clock.States, status.ClockStates)
	}
}

// Beyond the device only who has a token is answered, and only in TLS; both are read again while the daemon runs.
func TestStatusWithToken(t *testing.T) {
	r := newRig(t)
	r.waitLamp("idle")
	if err := r.end(); err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(writePair(t, r.dir))
	tokens := filepath.Join(r.dir, "tokens")
	writeTokens := func(text string) {
		if err := os.WriteFile(tokens, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeTokens("the-first-token-of-all\n")
	r.config(strings.Replace(r.standard(), "address = \"127.0.0.1:0\"", "address = \"0.0.0.0:0\"\ntokens = \"tokens\"\ncertificate = \"tls.pem\"\nkey = \"tls.key\"", 1))
	r.again()
	r.waitLamp("idle")
	r.waitLog("status: listening")
	_, port, err := net.SplitHostPort(listening.FindStringSubmatch(r.logged())[1])
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	ask := func(token string) int {
		t.Helper()
		request, err := http.NewRequest(http.MethodGet, "https://127.0.0.1:"+port+"/api/v1/state", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			request.Header.Set("Authorization", "Bearer "+token)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		return response.StatusCode
	}
	if code := ask(""); code != http.StatusUnauthorized {
		t.Errorf("without a token: %d", code)
	}
	if code := ask("the-first-token-of-all"); code != http.StatusOK {
		t.Errorf("with the token: %d", code)
	}
	writeTokens("the-second-token-of-all\n")
	r.signal(syscall.SIGHUP)
	r.waitLog("the configuration was read again")
	if code := ask("the-first-token-of-all"); code != http.StatusUnauthorized {
		t.Errorf("with the old token: %d", code)
	}
	if code := ask("the-second-token-of-all"); code != http.StatusOK {
		t.Errorf("with the new token: %d", code)
	}
	if err := r.end(); err != nil {
		t.Error(err)
	}
	if strings.Contains(r.logged(), "token-of-all") {
		t.Error("a token is in the log")
	}
}

// writePair makes a certificate for 127.0.0.1 and its key.
func writePair(t *testing.T, dir string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"tls.pem": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}
