package main

import (
	"reflect"
	"testing"
	"time"

	"gatescan/driver/scanner"
)

// What config -check prints says what a zero stands for.
func TestEffectiveReader(t *testing.T) {
	for _, tt := range []struct {
		file string
		want readerConfig
	}{
		{"", readerConfig{"/dev/ttyACM0", "line", 115200, 8, "none", 1, duration(40 * time.Millisecond), duration(time.Second), duration(2 * time.Second), scanner.NoReads()}},
		{
			"[reader]\ndevice = \"usb:1eab:1d06\"\nmodule = \"accessis\"\n",
			readerConfig{"usb:1eab:1d06", "accessis", 9600, 7, "even", 1, duration(40 * time.Millisecond), duration(time.Second), duration(2 * time.Second), scanner.NoReads()},
		},
		{
			"[reader]\nno_read = []\n",
			readerConfig{"/dev/ttyACM0", "line", 115200, 8, "none", 1, duration(40 * time.Millisecond), duration(time.Second), duration(2 * time.Second), []string{}},
		},
		{
			"[reader]\nmodule = \"accessis-raw\"\nsame_code_delay = \"2s\"\n",
			readerConfig{"/dev/ttyACM0", "accessis-raw", 9600, 8, "none", 1, duration(40 * time.Millisecond), duration(2 * time.Second), duration(2 * time.Second), scanner.NoReads()},
		},
		{
			"[reader]\nmodule = \"accessis\"\nbaud = 19200\ndata_bits = 8\nparity = \"none\"\n",
			readerConfig{"/dev/ttyACM0", "accessis", 19200, 8, "none", 1, duration(40 * time.Millisecond), duration(time.Second), duration(2 * time.Second), scanner.NoReads()},
		},
		{
			"[reader]\nmodule = \"gm65\"\nbaud = 57600\n",
			readerConfig{"/dev/ttyACM0", "gm65", 57600, 8, "none", 1, duration(40 * time.Millisecond), duration(time.Second), duration(2 * time.Second), scanner.NoReads()},
		},
	} {
		c, mistakes := parseConfig([]byte(tt.file))
		if len(mistakes) > 0 {
			t.Errorf("%q: %v", tt.file, mistakes)
			continue
		}
		if got := c.Reader.effective(); !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%q is %+v, want %+v", tt.file, got, tt.want)
		}
	}
}
