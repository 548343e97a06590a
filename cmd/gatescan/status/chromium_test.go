//go:build chromium

package status

import (
	"context"
	"fmt"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// keep, if set, is a folder in which the screenshots stay to be looked at.
var keep = os.Getenv("GATESCAN_SCREENSHOTS")

// TestChromium looks at the page in a real browser: on a phone and a desk, light and dark, well and unwell. Run it with
//
//	make test-page GATESCAN_SCREENSHOTS=/tmp/page
func TestChromium(t *testing.T) {
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	if browser == "" {
		t.Fatal("no page was looked at: there is no Chromium; apt-get install chromium")
	}
	folder := keep
	if folder == "" {
		folder = t.TempDir()
	} else if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	well := fixture(t)
	unwell := fixture(t)
	unwell.Gate = Gate{Mode: "open", Open: false, Why: "somebody released the outputs; start the daemon again"}
	unwell.Reader = Reader{Since: unwell.Time.Add(-3 * time.Minute)}
	unwell.Clock.State, unwell.Clock.Believed = "floor_only", false
	unwell.Clock.Explanation = "nothing has vouched for the clock since boot, and there is no real-time clock; connect the network and wait for the time server, or let a technician vouch for the time"
	unwell.Trust.Sources[1].FreshUntil = unwell.Time.Add(-time.Hour)
	unwell.Trust.Sources[1].Error = "https://" + strings.Repeat("a-very-long-name-without-any-break", 6) + ".example/: certificate has expired"
	unwell.Trust.DSCs, unwell.Trust.Sources[0] = 0, Source{Name: "who", Kind: "who", Failures: 7, Error: "no route to host"}
	unwell.Faults = []string{"the counters are not written: no space left on device"}
	for _, state := range []struct {
		name     string
		snapshot *Snapshot
		buckets  []Bucket
		config   Config
	}{
		{"well", well, someBuckets(t), Config{Name: "South entrance, lane 3", Zone: berlin(t)}},
		{"unwell", unwell, nil, Config{Name: "South entrance, lane 3", Zone: berlin(t)}},
		{"few", well, someBuckets(t), Config{Name: "South entrance, lane 3", Zone: berlin(t), MinCount: 10}},
	} {
		server := serve(t, state.config, daemonOf(state.snapshot, state.buckets))
		for _, size := range []struct {
			name          string
			width, height int
		}{{"phone", 390, 1900}, {"small", 320, 2000}, {"desk", 1280, 1200}} {
			for _, scheme := range []string{"light", "dark"} {
				if state.name != "well" && scheme == "dark" || size.name == "small" && scheme == "dark" {
					continue
				}
				name := state.name + "-" + size.name + "-" + scheme
				t.Run(name, func(t *testing.T) {
					look(t, browser, folder, server.URL, name, size.width, size.height, scheme == "dark")
				})
			}
		}
	}
}

// measured is what the frame around the page writes into its title.
var measured = regexp.MustCompile(`<title>(\d+) of (\d+), style (\w+)</title>`)

// look takes a screenshot, and has the browser measure the page. A headless window is never narrower than 500 pixels, so
// the page is shown in a frame of the wanted width. The page itself forbids frames and scripts: what the browser shows is
// what the server sent, without those headers, and without its refresh.
func look(t *testing.T, browser, folder, address, name string, width, height int, dark bool) {
	response, body := get(t, address+"/")
	if response.StatusCode != 200 {
		t.Fatalf("%s: %s", response.Status, body)
	}
	body = strings.Replace(body, `<meta http-equiv="refresh" content="30"/>`, "", 1)
	dir := t.TempDir()
	write := func(file, text string) string {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return "file://" + path
	}
	write("page.html", body)
	frame := write("frame.html", fmt.Sprintf(`<!DOCTYPE html><title>not yet</title><style>body{margin:0}iframe{border:0;width:%dpx;height:%dpx}</style>
<iframe src="page.html" onload="const d=this.contentDocument.documentElement;
document.title=d.scrollWidth+' of '+this.clientWidth+', style '+(getComputedStyle(d.querySelector('main')).display)"></iframe>`, width, height))
	picture := filepath.Join(folder, name+".png")
	arguments := []string{
		"--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-extensions",
		"--disable-background-networking", "--allow-file-access-from-files", "--user-data-dir=" + filepath.Join(dir, "profile"),
		fmt.Sprintf("--window-size=%d,%d", max(width, 500), height),
	}
	if dark {
		arguments = append(arguments, "--blink-settings=preferredColorScheme=0")
	} else {
		arguments = append(arguments, "--blink-settings=preferredColorScheme=1")
	}
	run := func(more ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		out, err := exec.CommandContext(ctx, browser, append(arguments, more...)...).Output()
		if err != nil {
			t.Fatalf("%v: %v", more, err)
		}
		return string(out)
	}
	dump := run("--dump-dom", frame)
	m := measured.FindStringSubmatch(dump)
	if m == nil {
		t.Fatalf("the browser measured nothing:\n%.2000s", dump)
	}
	if m[1] != m[2] {
		t.Errorf("the page is %s pixels wide in a window of %s: it scrolls sideways", m[1], m[2])
	}
	if m[3] != "grid" {
		t.Errorf("the style is not in force: main is %q", m[3])
	}
	run("--screenshot="+picture, frame)
	f, err := os.Open(picture)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := png.Decode(f); err != nil {
		t.Errorf("%s: %v", picture, err)
	}
}

// TestChromiumPolicy has the browser fetch the page from the server, with all its headers: the style must be one that the
// policy allows, and nothing else may be asked for.
func TestChromiumPolicy(t *testing.T) {
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("no page was looked at: there is no Chromium; apt-get install chromium")
	}
	server := serve(t, Config{Zone: berlin(t)}, daemonOf(fixture(t), someBuckets(t)))
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	picture := filepath.Join(t.TempDir(), "policy.png")
	if keep != "" {
		picture = filepath.Join(keep, "policy.png")
	}
	var said strings.Builder
	command := exec.CommandContext(ctx, browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
		"--enable-logging=stderr", "--user-data-dir="+t.TempDir(), "--window-size=800,900", "--screenshot="+picture, server.URL+"/")
	command.Stderr = &said
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(said.String(), "Content Security Policy") {
		t.Errorf("the browser obeys the policy against the page:\n%s", said.String())
	}
}
