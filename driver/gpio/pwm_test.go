package gpio

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/conn/v3/gpio/gpioreg"
	"periph.io/x/conn/v3/physic"
)

func openPWM(t *testing.T, b Board) *PWM {
	t.Helper()
	p, err := b.OpenPWM("fe20c000.pwm", 1)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The life of a channel that nobody had before. Only the first write, which makes sure that it is silent, is refused.
func TestPWMWrites(t *testing.T) {
	k, b := newPWMTree(t)
	p := openPWM(t, b)
	k.wrote(t, "export 1")
	tone := func(duty gpio.Duty, f physic.Frequency) func() error { return func() error { return p.PWM(duty, f) } }
	out := func(level gpio.Level) func() error { return func() error { return p.Out(level) } }
	for _, tc := range []struct {
		name string
		do   func() error
		want []string
	}{
		{"silence without a period", out(gpio.Low), nil},
		{"1 kHz", tone(gpio.DutyHalf, physic.KiloHertz), []string{"period 1000000", "duty_cycle 500000", "enable 1"}},
		{"higher", tone(gpio.DutyHalf, 4*physic.KiloHertz), []string{"duty_cycle 125000", "period 250000", "enable 1"}},
		{"lower", tone(gpio.DutyHalf, 500*physic.Hertz), []string{"period 2000000", "duty_cycle 1000000", "enable 1"}},
		{"shriller", tone(gpio.DutyMax/4, 500*physic.Hertz), []string{"period 2000000", "duty_cycle 500000", "enable 1"}},
		{"full on", tone(gpio.DutyMax, 1*physic.KiloHertz), []string{"duty_cycle 1000000", "period 1000000", "enable 1"}},
		{"highest", tone(gpio.DutyMax, 20*physic.KiloHertz), []string{"duty_cycle 50000", "period 50000", "enable 1"}},
		{"lowest", tone(gpio.DutyMax, 20*physic.Hertz), []string{"period 50000000", "duty_cycle 50000000", "enable 1"}},
		{"Low", out(gpio.Low), []string{"enable 0"}},
		{"High", out(gpio.High), []string{"duty_cycle 200000", "period 400000", "enable 1"}},
		{"no duty", tone(0, physic.KiloHertz), []string{"enable 0"}},
		{"no frequency", tone(gpio.DutyHalf, 0), []string{"enable 0"}},
		{"Halt", p.Halt, []string{"enable 0"}},
		{"Close", p.Close, []string{"enable 0", "unexport 1"}},
		{"Close again", p.Close, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if err := tc.do(); err != nil {
				t.Error(err)
			}
			k.wrote(t, tc.want...)
		})
	}
	wantError(t, p.Out(gpio.High), os.ErrClosed, "PWM channel 1 of fe20c000.pwm")
	if k.open != 0 || k.value("enable") != "" || k.invalid != 1 {
		t.Errorf("%d descriptors open, channel is still there: %q, %d writes refused", k.open, k.value("enable"), k.invalid)
	}
}

// A channel that somebody left sounding is silenced first, and stays exported in the end.
func TestPWMFoundSounding(t *testing.T) {
	k, b := newPWMTree(t)
	k.channel("pwmchip0", 1, "1000000", "900000", "1")
	p := openPWM(t, b)
	k.wrote(t, "enable 0")
	if err := p.PWM(gpio.DutyHalf, 2*physic.KiloHertz); err != nil {
		t.Fatal(err)
	}
	k.wrote(t, "duty_cycle 0", "period 500000", "duty_cycle 250000", "enable 1") // its period is not known
	if err := p.Close(); err != nil || k.open != 0 {
		t.Error(err, k.open)
	}
	k.wrote(t, "enable 0")
	if got := k.value("enable") + " " + k.value("polarity"); got != "0 normal" {
		t.Errorf("left behind %q", got)
	}
}

// A later kernel takes enable 0 from a channel without a period.
func TestPWMOfALaterKernel(t *testing.T) {
	k, b := newPWMTree(t)
	k.later = true
	p := openPWM(t, b)
	if err := errors.Join(p.Out(gpio.Low), p.Out(gpio.High), p.Close()); err != nil {
		t.Error(err)
	}
	k.wrote(t, "export 1", "enable 0", "enable 0", "duty_cycle 0", "period 400000", "duty_cycle 200000", "enable 1", "enable 0", "unexport 1")
}

func TestPWMChips(t *testing.T) {
	k, b := newPWMTree(t)
	k.file(filepath.Join(k.dir, "class", "pwmchip3", "npwm"), "many")
	k.file(filepath.Join(k.dir, "class", "README"), "no chip")
	chips, err := b.PWMChips()
	const want = `pwmchip0 (fe20c000.pwm, 2 channels), pwmchip2 (48300000.epwmss, 1 channels), ` +
		`pwmchip3 (no device, npwm is "many", must be a number above 0), pwmchip10 (48300000.epwmss, 1 channels)`
	if got := list(chips); err != nil || got != want {
		t.Errorf("%v\n\t%s\nwant\n\t%s", err, got, want)
	}
	for name, tc := range map[string]struct {
		chip    string
		channel int
		says    []string
	}{
		"no such":        {"pwmchip1", 0, []string{"PWM channel 0 of pwmchip1: no such chip", want}},
		"elsewhere":      {"../class/pwmchip0", 0, []string{"no such chip"}},
		"empty":          {"", 0, []string{"no such chip", want}},
		"ambiguous":      {"48300000.epwmss", 0, []string{"pwmchip2 (48300000.epwmss, 1 channels), pwmchip10 (48300000.epwmss, 1 channels); give the pwmchip of one"}},
		"no such line":   {"pwmchip0", 2, []string{"PWM channel 2 of pwmchip0: that chip has channels 0 to 1"}},
		"negative":       {"fe20c000.pwm", -1, []string{"channels 0 to 1"}},
		"not to be read": {"pwmchip3", 0, []string{`npwm is "many"`}},
	} {
		if _, err := b.OpenPWM(tc.chip, tc.channel); err == nil {
			t.Errorf("%s: no error", name)
		} else {
			wantError(t, err, nil, tc.says...)
		}
	}
	k.wrote(t)
	for _, chip := range []string{"pwmchip2", "pwmchip10"} { // each by its own name
		p, err := b.OpenPWM(chip, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(k.dir, "class", chip, "pwm0", "enable")); err != nil {
			t.Error("another channel was exported:", err)
		}
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err = Board{PWMDir: "/nonexistent"}.OpenPWM("pwmchip0", 0)
	wantError(t, err, nil, "no PWM chip in /nonexistent: load its driver")
	_, err = Board{PWMDir: "/dev/null"}.PWMChips()
	wantError(t, err, unix.ENOTDIR, "looking for PWM chips")
}

func TestPWMOpenErrors(t *testing.T) {
	for name, tc := range map[string]struct {
		set  func(*pwmTree)
		is   error
		says []string
	}{
		"used by the kernel": {func(k *pwmTree) { k.refuse["export"] = unix.EBUSY }, unix.EBUSY, []string{"/sys/kernel/debug/pwm", "device tree"}},
		"no right to export": {func(k *pwmTree) { k.refuse["export"] = unix.EACCES }, fs.ErrPermission, []string{"export", "udev rule"}},
		"sandboxed":          {func(k *pwmTree) { k.refuse["export"] = unix.EROFS }, unix.EROFS, []string{"ProtectKernelTunables"}},
		"gone":               {func(k *pwmTree) { k.refuse["export"] = unix.ENODEV }, unix.ENODEV, []string{"the chip is gone"}},
		"not silenced":       {func(k *pwmTree) { k.refuse["enable"] = unix.EIO }, unix.EIO, []string{"PWM channel 1 of pwmchip0: enable: "}},
		"sounds, and is not silenced": {func(k *pwmTree) {
			k.channel("pwmchip0", 1, "1000", "500", "1")
			k.refuse["enable"] = unix.EINVAL
		}, unix.EINVAL, []string{"enable"}},
		"no period": {func(k *pwmTree) {
			k.channel("pwmchip0", 1, "1000", "500", "1")
			k.absent = "period"
		}, fs.ErrNotExist, []string{"period", "the chip is gone"}},
		"never handed over": {func(k *pwmTree) { k.udev = time.Now().Add(time.Hour) }, fs.ErrPermission, []string{"enable", "udev rule"}},
		"no directory":      {func(k *pwmTree) { k.made = time.Now().Add(time.Hour) }, fs.ErrNotExist, []string{"enable"}},
		"cannot be unexported": {func(k *pwmTree) {
			k.refuse["enable"], k.refuse["unexport"] = unix.EIO, unix.EACCES
		}, unix.EIO, []string{"enable", "unexport: no permission"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				k, b := newPWMTree(t)
				tc.set(k)
				before := k.value("enable")
				_, err := b.OpenPWM("pwmchip0", 1)
				wantError(t, err, tc.is, tc.says...)
				if k.open != 0 {
					t.Errorf("%d descriptors left open", k.open)
				}
				k.made = time.Time{}
				if still := k.value("enable"); (still == "") != (before == "") && name != "cannot be unexported" {
					t.Errorf("a channel that was %q is left %q", before, still)
				}
			})
		})
	}
}

// Whoever exports the channel at the same moment has done what was wanted.
func TestPWMExportRace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := newPWMTree(t)
		k.channel("pwmchip0", 1, "0", "0", "0")
		raced := &racingTree{k, 1}
		b.kernel = raced
		p := openPWM(t, b)
		if err := p.Close(); err != nil {
			t.Error(err)
		}
		k.wrote(t) // above all, no unexport
	})
}

// racingTree hides a channel from the first looks.
type racingTree struct {
	*pwmTree
	looks int
}

func (k *racingTree) ReadAttribute(path string) (string, error) {
	if filepath.Base(path) == "enable" && k.looks > 0 {
		k.looks--
		return "", fs.ErrNotExist
	}
	return k.pwmTree.ReadAttribute(path)
}

// The directory of a channel and its permissions may take a moment, a second together at the most.
func TestPWMWaitsForUdev(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, b := newPWMTree(t)
		start := time.Now()
		k.made, k.udev = start.Add(300*time.Millisecond), start.Add(700*time.Millisecond)
		if err := openPWM(t, b).Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d < 700*time.Millisecond || d > 720*time.Millisecond {
			t.Errorf("waited %v", d)
		}
		start = time.Now()
		k.udev = start.Add(handover + time.Second)
		_, err := b.OpenPWM("pwmchip0", 1)
		wantError(t, err, fs.ErrPermission, "enable", "udev rule")
		if d := time.Since(start); d < handover || d > handover+20*time.Millisecond {
			t.Errorf("gave up after %v", d)
		}
	})
}

func TestPWMToneErrors(t *testing.T) {
	k, b := newPWMTree(t)
	p := openPWM(t, b)
	k.writes = nil
	for _, tc := range []struct {
		duty gpio.Duty
		f    physic.Frequency
		says string
	}{
		{-1, physic.KiloHertz, "a duty of -1: must be 0 to 16777216"},
		{gpio.DutyMax + 1, physic.KiloHertz, "a duty of 16777217"},
		{gpio.DutyHalf, MinTone - 1, "must be 20Hz to 20kHz, or 0 for silence"},
		{gpio.DutyHalf, MaxTone + 1, "must be 20Hz"},
		{gpio.DutyHalf, -physic.KiloHertz, "a tone of -1kHz"},
	} {
		wantError(t, p.PWM(tc.duty, tc.f), nil, "PWM channel 1 of fe20c000.pwm: ", tc.says)
	}
	k.wrote(t)

	tone := func(f physic.Frequency) error { return p.PWM(gpio.DutyHalf, f) }
	if err := tone(physic.KiloHertz); err != nil {
		t.Fatal(err)
	}
	k.writes = nil
	// What may or may not have arrived is no longer known, so the next tone goes the way that is always accepted.
	k.refuse["duty_cycle"] = unix.EIO
	wantError(t, tone(500*physic.Hertz), unix.EIO, "duty_cycle")
	k.wrote(t, "period 2000000", "enable 0")
	delete(k.refuse, "duty_cycle")
	if err := tone(1500 * physic.Hertz); err != nil {
		t.Error(err)
	}
	k.wrote(t, "duty_cycle 0", "period 666667", "duty_cycle 333333", "enable 1")
	for _, file := range []string{"period", "duty_cycle"} {
		k.refuse[file] = unix.EINVAL
		wantError(t, tone(3*physic.KiloHertz), unix.EINVAL, file, "cannot make this frequency")
		delete(k.refuse, file)
		if k.value("enable") != "0" {
			t.Errorf("%s refused: the tone before goes on", file)
		}
		if err := tone(physic.KiloHertz); err != nil {
			t.Error(err)
		}
		k.writes = nil
	}
	k.refuse["enable"] = unix.ENODEV // somebody gave the channel back
	wantError(t, tone(physic.KiloHertz), unix.ENODEV, "enable: the channel is not there")
	k.writes = nil
	wantError(t, p.Close(), unix.ENODEV) // and yet it is closed and given back
	k.wrote(t, "unexport 1")
	if err := p.Close(); err != nil || k.open != 0 {
		t.Errorf("%v, %d descriptors open", err, k.open)
	}
}

func TestPWMIsAPin(t *testing.T) {
	_, b := newPWMTree(t)
	p := openPWM(t, b)
	if p.String() != "PWM channel 1 of fe20c000.pwm" || p.Name() != p.String() || p.Number() != 1 || p.Function() != "PWM" {
		t.Error(p, p.Name(), p.Number(), p.Function())
	}
	if all := gpioreg.All(); len(all) != 0 {
		t.Errorf("registered: %v", all)
	}
}
