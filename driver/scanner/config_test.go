package scanner

import (
	"strings"
	"testing"
	"time"

	"go.bug.st/serial"
)

func TestConfigValidate(t *testing.T) {
	tests := []struct {
		name   string
		config Config
		want   []string // what the error must say; none means valid
	}{
		{"defaults", Config{Device: "/dev/ttyACM0"}, nil},
		{"Access-IS", Config{Device: "/dev/ttyS1", Baud: 9600, DataBits: 7, Parity: ParityEven, StopBits: 1}, nil},
		{"slow", Config{Device: "/dev/ttyS1", Baud: 1200, DataBits: 8, Parity: ParityOdd, StopBits: 2}, nil},
		{"explicit gap", Config{Device: "/dev/ttyS1", IdleGap: 5 * time.Millisecond}, nil},
		{"no device", Config{}, []string{`device ""`, "/dev/ttyACM0"}},
		{"relative device", Config{Device: "ttyACM0"}, []string{`device "ttyACM0"`, "full path"}},
		{"low baud", Config{Device: "/dev/t", Baud: 1199}, []string{"baud 1199", "1200 to 4000000"}},
		{"negative baud", Config{Device: "/dev/t", Baud: -9600}, []string{"baud -9600"}},
		{"high baud", Config{Device: "/dev/t", Baud: 4_000_001}, []string{"baud 4000001"}},
		{"data bits", Config{Device: "/dev/t", DataBits: 6}, []string{"data bits 6: must be 7 or 8"}},
		{"parity", Config{Device: "/dev/t", Parity: "Even"}, []string{`parity "Even"`, `"none", "even" or "odd"`}},
		{"stop bits", Config{Device: "/dev/t", StopBits: 3}, []string{"stop bits 3: must be 1 or 2"}},
		{"short gap", Config{Device: "/dev/t", IdleGap: 4 * time.Millisecond}, []string{"idle gap 4ms", "5ms to 1s"}},
		{"long gap", Config{Device: "/dev/t", IdleGap: 1001 * time.Millisecond}, []string{"idle gap 1.001s"}},
		{"negative gap", Config{Device: "/dev/t", IdleGap: -time.Second}, []string{"idle gap -1s"}},
		{"gap within a text", Config{Device: "/dev/t", Baud: 1200, IdleGap: 20 * time.Millisecond}, []string{"three characters at 1200 baud", "at least 25ms"}},
		{"all at once", Config{Baud: 1, DataBits: 9, Parity: "mark", StopBits: 7, IdleGap: 1}, []string{"device", "baud", "data bits", "parity", "stop bits", "idle gap"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := tt.config.Validate()
			if (err != nil) != (len(tt.want) > 0) {
				t.Fatalf("got %v", err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestConfigDefaults(t *testing.T) {
	c := Config{Device: "/dev/t"}.WithDefaults()
	if c.Baud != 115200 || c.DataBits != 8 || c.Parity != ParityNone || c.StopBits != 1 || c.IdleGap != 40*time.Millisecond {
		t.Errorf("got %+v", c)
	}
	for _, tt := range []struct {
		config Config
		want   time.Duration
	}{
		{Config{Baud: 9600}, 40 * time.Millisecond},                                                // 30 characters are 31 ms
		{Config{Baud: 2400}, 125 * time.Millisecond},                                               // 10 bits each
		{Config{Baud: 1200, Parity: ParityEven}, 275 * time.Millisecond},                           // 11 bits
		{Config{Baud: 1200, DataBits: 7, Parity: ParityEven, StopBits: 2}, 275 * time.Millisecond}, // 11 bits
		{Config{Baud: 9600, IdleGap: 7 * time.Millisecond}, 7 * time.Millisecond},                  // as given
	} {
		if got := tt.config.WithDefaults().IdleGap; got != tt.want {
			t.Errorf("idle gap of %+v: %v, want %v", tt.config, got, tt.want)
		}
	}
}

func TestConfigMode(t *testing.T) {
	tests := []struct {
		config Config
		want   serial.Mode
	}{
		{Config{}, serial.Mode{BaudRate: 115200, DataBits: 8, Parity: serial.NoParity, StopBits: serial.OneStopBit}},
		{Config{Baud: 9600, DataBits: 7, Parity: ParityEven}, serial.Mode{BaudRate: 9600, DataBits: 7, Parity: serial.EvenParity, StopBits: serial.OneStopBit}},
		{Config{Parity: ParityOdd, StopBits: 2}, serial.Mode{BaudRate: 115200, DataBits: 8, Parity: serial.OddParity, StopBits: serial.TwoStopBits}},
	}
	for _, tt := range tests {
		if got := *tt.config.WithDefaults().mode(); got != tt.want {
			t.Errorf("mode of %+v: %+v, want %+v", tt.config, got, tt.want)
		}
	}
}
