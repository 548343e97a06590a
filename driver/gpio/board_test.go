package gpio

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestFindingErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		line Line
		is   error
		says []string
	}{
		"nothing given":       {Line{}, nil, []string{"name a chip and an offset, or a line"}},
		"name and offset":     {Line{Name: "RELAY", Offset: 4}, nil, []string{`"RELAY"`, "not both"}},
		"negative offset":     {Line{Chip: "soc", Offset: -1}, nil, []string{"begins at 0"}},
		"offset too high":     {Line{Chip: "soc", Offset: 8}, nil, []string{"line 8 of soc", "lines 0 to 7"}},
		"unknown bias":        {Line{Chip: "soc", Bias: 9}, nil, []string{"bias 9 is unknown"}},
		"debounce too long":   {Line{Chip: "soc", Debounce: time.Minute}, nil, []string{"1m0s", "0 to 10s"}},
		"debounce too fine":   {Line{Chip: "soc", Debounce: time.Nanosecond}, nil, []string{"whole microseconds"}},
		"negative debounce":   {Line{Chip: "soc", Debounce: -1}, nil, []string{"0 to 10s"}},
		"unknown label":       {Line{Chip: "pinctrl-bcm2835", Offset: 4}, nil, []string{"line 4 of pinctrl-bcm2835", `"soc" (/dev/gpiochip0, 8 lines)`, `"exp"`}},
		"label of two":        {Line{Chip: "twin"}, nil, []string{"several chips", "/dev/gpiochip2", "/dev/gpiochip3", "give the path"}},
		"unknown name":        {Line{Name: "GATE"}, nil, []string{`"GATE"`, `4 of soc ("RELAY")`}},
		"name, on another":    {Line{Chip: "exp", Name: "RELAY"}, nil, []string{"no line has this name; named lines are: none"}},
		"name of two":         {Line{Name: "DOUBLE"}, nil, []string{"several lines", "give chip and offset"}},
		"missing path":        {Line{Chip: "/dev/gpiochip9"}, fs.ErrNotExist, []string{"name it by its label"}},
		"name, on a bad chip": {Line{Chip: "/dev/gpiochip9", Name: "RELAY"}, fs.ErrNotExist, nil},
	} {
		t.Run(name, func(t *testing.T) {
			k, b := newFakeBoard()
			wantError(t, openInput(b, tc.line), tc.is, tc.says...)
			if k.open != 0 {
				t.Errorf("%d descriptors left open", k.open)
			}
			for _, c := range k.fakeChips {
				if len(c.requests) != 0 {
					t.Error("a line was requested")
				}
			}
		})
	}
}

func TestKernelErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		set  func(*fakeChip)
		is   error
		says string
	}{
		"no permission": {func(c *fakeChip) { c.openErr = unix.EACCES }, fs.ErrPermission, "group that owns the device"},
		"not permitted": {func(c *fakeChip) { c.openErr = unix.EPERM }, fs.ErrPermission, "allow the device in the service's unit"},
		"no device":     {func(c *fakeChip) { c.openErr = unix.ENODEV }, unix.ENODEV, "the chip is gone"},
		"not a chip":    {func(c *fakeChip) { c.infoErr = unix.ENOTTY }, unix.ENOTTY, "not a GPIO chip"},
		"gone between":  {func(c *fakeChip) { c.answer = unix.ENODEV }, unix.ENODEV, "the chip is gone"},
		"no interrupt":  {func(c *fakeChip) { c.answer = unix.ENXIO }, unix.ENXIO, "cannot signal edges"},
		"busy":          {func(c *fakeChip) { c.answer = unix.EBUSY; copy(c.lines[2].Consumer[:], "sysfs") }, unix.EBUSY, `in use by "sysfs": stop that`},
		"busy, unknown": {func(c *fakeChip) { c.answer = unix.EBUSY }, unix.EBUSY, "in use by somebody else"},
		"old kernel":    {func(c *fakeChip) { c.answer = unix.EINVAL }, unix.EINVAL, "5.10 or later"},
		"no bias":       {func(c *fakeChip) { c.answer = unix.EOPNOTSUPP }, unix.EOPNOTSUPP, "check direction, bias and debounce"},
		"no debounce":   {func(c *fakeChip) { c.answer = unix.Errno(524) }, unix.Errno(524), "check direction, bias and debounce"},
	} {
		for what, open := range map[string]func(Board, Line) error{"output": openOutput, "input": openInput} {
			for _, chip := range []string{"soc", "/dev/gpiochip0"} {
				t.Run(fmt.Sprintf("%s/%s of %s", name, what, filepath.Base(chip)), func(t *testing.T) {
					k, b := newFakeBoard()
					tc.set(k.fakeChips["/dev/gpiochip0"])
					wantError(t, open(b, Line{Chip: chip, Offset: 2}), tc.is, "line 2 of ", tc.says)
					if k.open != 0 {
						t.Errorf("%d descriptors left open", k.open)
					}
				})
			}
		}
	}
}

func TestOutputIsNotDebounced(t *testing.T) {
	_, b := newFakeBoard()
	wantError(t, openOutput(b, Line{Chip: "soc", Debounce: time.Millisecond}), nil, "line 0 of soc", "only an input")
}

// One broken chip does not keep a gate from using another.
func TestOtherChipBroken(t *testing.T) {
	k, b := newFakeBoard()
	k.fakeChips["/dev/gpiochip1"].openErr = unix.EACCES
	for _, l := range []Line{{Chip: "soc", Offset: 4}, {Name: "RELAY"}} {
		if err := openOutput(b, l); err != nil {
			t.Errorf("%v: %v", l, err)
		}
	}
	wantError(t, openOutput(b, Line{Chip: "exp"}), fs.ErrPermission, "/dev/gpiochip1 (no permission")
	for _, c := range k.fakeChips {
		c.openErr = unix.EACCES
	}
	wantError(t, openOutput(b, Line{Name: "RELAY"}), fs.ErrPermission, `line "RELAY"`, "/dev/gpiochip0 (no permission")
}

func TestOutputFails(t *testing.T) {
	k, b := newFakeBoard()
	o, err := b.OpenOutput(Line{Chip: "soc", Offset: 4})
	if err != nil {
		t.Fatal(err)
	}
	k.fakeChips["/dev/gpiochip0"].valuesErr = unix.ENODEV
	wantError(t, o.Out(true), unix.ENODEV, "line 4 of soc", "the chip is gone")
	wantError(t, o.Close(), unix.ENODEV)
	wantError(t, o.Out(true), os.ErrClosed, "line 4 of soc")
	if err := o.Close(); err != nil || k.open != 0 {
		t.Errorf("second Close: %v, %d descriptors open", err, k.open)
	}
	if err := o.PWM(1, 1); err == nil {
		t.Error("PWM works")
	}
}

func TestListing(t *testing.T) {
	k, b := newFakeBoard()
	k.fakeChips["/dev/gpiochip1"].openErr = unix.EACCES
	chips, err := b.Chips()
	if err != nil || len(chips) != 4 {
		t.Fatal(chips, err)
	}
	if want := (ChipInfo{Path: "/dev/gpiochip0", Name: "gpiochip", Label: "soc", Lines: 8}); chips[0] != want {
		t.Errorf("first chip is %+v", chips[0])
	}
	if chips[1].Err == nil || chips[1].Path != "/dev/gpiochip1" || chips[1].Label != "" {
		t.Errorf("second chip is %+v", chips[1])
	}
	lines, err := b.Lines()
	if err != nil || len(lines) != 10 {
		t.Fatal(lines, err)
	}
	for _, want := range []LineInfo{
		{Chip: "soc", Path: "/dev/gpiochip0", Offset: 0},
		{Chip: "soc", Path: "/dev/gpiochip0", Offset: 3, Consumer: "poweroff", Used: true},
		{Chip: "soc", Path: "/dev/gpiochip0", Offset: 4, Name: "RELAY", Output: true, ActiveLow: true},
		{Chip: "twin", Path: "/dev/gpiochip3", Offset: 0, Name: "DOUBLE"},
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no %+v among %+v", want, lines)
		}
	}
	k.fakeChips["/dev/gpiochip0"].linesErr = unix.ENODEV
	_, err = b.Lines()
	wantError(t, err, unix.ENODEV, "line 0 of soc")
	if k.open != 0 {
		t.Errorf("%d descriptors left open", k.open)
	}
	b.DevDir = "/none"
	_, err = b.Chips()
	wantError(t, err, fs.ErrNotExist)
	wantError(t, openOutput(b, Line{Chip: "soc"}), fs.ErrNotExist)
	k.fakeChips = nil
	b.DevDir = ""
	wantError(t, openOutput(b, Line{Chip: "soc"}), nil, "no GPIO chip in /dev")
}

// No text of the kernel ends a message early, whatever fills its array.
func TestText(t *testing.T) {
	for in, want := range map[string]string{"": "", "\x00x": "", "RELAY\x00x": "RELAY", strings.Repeat("x", 32): strings.Repeat("x", 32)} {
		if got := text([]byte(in)); got != want {
			t.Errorf("text of %q is %q", in, got)
		}
	}
	if got := list(make([]int, 66)); !strings.HasSuffix(got, ", and 2 more") || strings.Count(got, ",") != maxListed {
		t.Errorf("list of 66: %s", got)
	}
}

// The files of a directory that is not /dev: found in the order of their numbers, links once, and none is taken for a chip.
func TestChipPaths(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"gpiochip10", "gpiochip2", "gpiochip0", "gpiomem", "null"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for link, to := range map[string]string{"gpiochip4": "gpiochip0", "gpiochip5": "gone", "gpiochip6": "null"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := linux{}.ChipPaths(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		got[i] = filepath.Base(got[i])
	}
	if want := []string{"gpiochip0", "gpiochip2", "gpiochip5", "gpiochip6", "gpiochip10"}; !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	b := Board{DevDir: dir}
	chips, err := b.Chips()
	if err != nil || len(chips) != 5 {
		t.Fatal(chips, err)
	}
	wantError(t, chips[0].Err, unix.ENOTTY, "not a GPIO chip")
	wantError(t, chips[2].Err, fs.ErrNotExist)
	wantError(t, chips[3].Err, nil, "is not a GPIO chip: give a /dev/gpiochipN") // not even opened
	wantError(t, openOutput(b, Line{Chip: filepath.Join(dir, "gpiochip2")}), unix.ENOTTY)
	wantError(t, openOutput(b, Line{Chip: filepath.Join(dir, "null")}), nil, "is not a GPIO chip")
	_, err = Board{DevDir: filepath.Join(dir, "none")}.Lines()
	wantError(t, err, fs.ErrNotExist)
}

// Links and device nodes for one device are one chip: /dev/null stands in for it.
func TestChipPathsOfOneDevice(t *testing.T) {
	dir := t.TempDir()
	for i := range 3 {
		if err := os.Symlink("/dev/null", filepath.Join(dir, fmt.Sprintf("gpiochip%d", i))); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := (linux{}).ChipPaths(dir); err != nil || len(got) != 1 {
		t.Errorf("found %v, %v", got, err)
	}
}

func TestBiasText(t *testing.T) {
	for text, want := range map[string]Bias{"as-is": BiasAsIs, "disabled": BiasDisabled, "pull-up": BiasPullUp, "pull-down": BiasPullDown} {
		var b Bias
		if err := b.UnmarshalText([]byte(text)); err != nil || b != want || b.String() != text {
			t.Errorf("%s: %v, %v", text, b, err)
		}
	}
	b := BiasPullUp
	wantError(t, b.UnmarshalText([]byte("up")), nil, `"up"`, "pull-up")
	if b != BiasPullUp {
		t.Error("changed by what it could not read")
	}
}
