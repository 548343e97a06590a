package output

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gatescan/driver/flash"

	"golang.org/x/sys/unix"
)

var goodOutputs = map[string][]Output{
	`[{"kind":"line","chip":"pinctrl-bcm2711","offset":17,"active_low":true}]`: {{Kind: Line, Chip: "pinctrl-bcm2711", Offset: 17, ActiveLow: true}},
	`[{"kind":"line","chip":"/dev/gpiochip0","offset":0}]`:                     {{Kind: Line, Chip: "/dev/gpiochip0"}},
	`[{"kind":"line","name":"GPIO17"}]`:                                        {{Kind: Line, Name: "GPIO17"}},
	`[{"kind":"oneshot","name":"relay"},{"kind":"led","name":"green:gate"}]`:   {{Kind: Oneshot, Name: "relay"}, {Kind: LED, Name: "green:gate"}},
	`[{"kind":"pwm","chip":"fe20c000.pwm","offset":1}]`:                        {{Kind: PWM, Chip: "fe20c000.pwm", Offset: 1}},
	"[{\"kind\":\"simulated\"}]\n":                                             {{Kind: Simulated}},
}

var badOutputs = map[string]string{
	``:                                       "EOF",
	`null`:                                   "0 outputs",
	`[]`:                                     "0 outputs",
	`[null]`:                                 `"" is no kind`,
	`{"kind":"simulated"}`:                   "cannot unmarshal",
	`[{"kind":"motor"}]`:                     `"motor" is no kind`,
	`[{"kind":"simulated"}] []`:              "something follows",
	`[{"kind":"simulated","name":"x"}]`:      "nothing else",
	`[{"kind":"simulated","nmae":"x"}]`:      "unknown field",
	`[{"kind":"led"}]`:                       "cannot be the name",
	`[{"kind":"led","name":".."}]`:           "cannot be the name",
	`[{"kind":"led","name":"../../x"}]`:      "cannot be the name",
	`[{"kind":"led","name":"a\u0000"}]`:      "cannot be the name",
	`[{"kind":"oneshot","name":"a/b"}]`:      "cannot be the name",
	`[{"kind":"led","name":"x","chip":"y"}]`: "nothing else",
	`[{"kind":"led","name":"` + strings.Repeat("x", 64) + `"}]`:                 "cannot be the name",
	`[{"kind":"pwm","chip":"../x","offset":0}]`:                                 "cannot be the name",
	`[{"kind":"pwm","offset":0}]`:                                               "cannot be the name",
	`[{"kind":"pwm","chip":"x","offset":256}]`:                                  "cannot be a channel",
	`[{"kind":"pwm","chip":"x","offset":-1}]`:                                   "cannot be a channel",
	`[{"kind":"pwm","chip":"x","name":"y"}]`:                                    "nothing else",
	`[{"kind":"line"}]`:                                                         "no line given",
	`[{"kind":"line","chip":"x","offset":-1}]`:                                  "begins at 0",
	`[{"kind":"line","chip":"x","offset":1e300}]`:                               "cannot unmarshal",
	`[{"kind":"line","chip":"/dev/watchdog","offset":1}]`:                       "no GPIO chip",
	`[{"kind":"line","chip":"/dev/gpiochip/../sda"}]`:                           "no GPIO chip",
	`[{"kind":"line","chip":"` + strings.Repeat("x", 32) + `"}]`:                "31 bytes",
	`[` + strings.Repeat(`{"kind":"simulated"},`, 64) + `{"kind":"simulated"}]`: "65 outputs",
}

func TestParseOutputs(t *testing.T) {
	for text, want := range goodOutputs {
		if got, err := parse([]byte(text)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range badOutputs {
		if got, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v; want %q", text, got, err, want)
		}
	}
}

func TestWriteOutputs(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	disk := flash.In(root)
	path := filepath.Join(dir, "outputs.json")
	for text, outputs := range goodOutputs {
		if err := Write(disk, outputs); err != nil {
			t.Fatal(err)
		}
		got, err := Read(dir)
		if err != nil || !reflect.DeepEqual(got, outputs) {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := Write(disk, []Output{{Kind: "motor"}}); err == nil {
		t.Error("wrote an output that it would not read")
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("a refused list changed the record: %s, %v", after, err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	// A reader never sees half a record: the file it has open is not the one that is written.
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := Write(disk, []Output{{Kind: Line, Chip: "pinctrl-bcm2711", Offset: 17, ActiveLow: true}}); err != nil {
		t.Fatal(err)
	}
	old := make([]byte, len(before)+1)
	if n, _ := f.Read(old); string(old[:n]) != string(before) {
		t.Errorf("the open record became %q", old[:n])
	}
}

// What is no file of the daemon's is refused, and nothing waits for it.
func TestReadOutputsHostile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "outputs.json")
	for name, c := range map[string]struct {
		make func() error
		want string
	}{
		"large":     {func() error { return os.WriteFile(path, make([]byte, maxRecord+1), 0o644) }, "larger than"},
		"symlink":   {func() error { return os.Symlink("/etc/hostname", path) }, "too many levels of symbolic links"},
		"directory": {func() error { return os.Mkdir(path, 0o755) }, "is a directory"},
		"fifo":      {func() error { return unix.Mkfifo(path, 0o644) }, "EOF"},
	} {
		os.Remove(path)
		if err := c.make(); err != nil {
			t.Fatal(err)
		}
		if got, err := Read(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func FuzzOutputs(f *testing.F) {
	for text := range goodOutputs {
		f.Add([]byte(text))
	}
	for text := range badOutputs {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		outputs, err := parse(data)
		if err != nil {
			return
		}
		for _, o := range outputs {
			if strings.Contains(o.Name, "/") && o.Kind != Line || strings.Contains(o.Chip, "..") && strings.Contains(o.Chip, "/") {
				t.Errorf("%+v leads elsewhere", o)
			}
		}
		again, err := json.Marshal(outputs)
		if err != nil {
			t.Fatal(err)
		}
		if same, err := parse(again); err != nil || !reflect.DeepEqual(same, outputs) {
			t.Errorf("%s became %s: %v", data, again, err)
		}
	})
}
