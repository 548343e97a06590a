// Package gpio gives the lines of a board as periph pins: single lines of the Linux GPIO character device (uAPI v2,
// linux/gpio.h, kernel 5.10 or later), the outputs that the kernel drives as LEDs (/sys/class/leds), and those of its PWM class
// (/sys/class/pwm). None of them is registered in periph's global registry, where anybody could take it.
//
// # Lines
//
// A line is named by the label of its chip and its offset there, or by its own name. The numbers of /dev/gpiochipN change
// with kernel and probe order, so they are the last resort.
//
// [Board.OpenOutput] requests a line in one ioctl, with its direction, its polarity and its level, which is the inert one:
// an active-low relay never fires because a program starts. High is always "energised", whatever the polarity.
// What a line does after its descriptor is closed, as it is when a process dies, is up to the chip: some keep the level,
// some make it an input. [Output.Close] therefore makes it inert first, and whoever needs that after a crash runs
// another process that opens the same line.
//
// # The pulse that software cannot stretch
//
// A frozen or crashed process cannot make its line inert. So the relay of a turnstile is better described to the kernel
// as an LED (device tree: gpio-leds) and driven by its trigger "oneshot" (CONFIG_LEDS_TRIGGER_ONESHOT;
// Documentation/leds/ledtrig-oneshot.rst, Documentation/ABI/testing/sysfs-class-led-trigger-oneshot). A [Oneshot] writes one
// byte to the file "shot". From then on a kernel timer alone switches the output on, and delay_on milliseconds later
// off; there is no write that a dying process would still owe. What drivers/leds/led-core.c makes of what else could be
// written, and what Oneshot does about it:
//
//   - A shot during a pulse, or within delay_off after it, is ignored: no pulse is longer than one. It would be ignored
//     silently, so [Oneshot.Pulse] says [ErrPulsing] instead.
//   - delay_on is read once, at the tick that switches on. A new value while idle is for the next pulse; Oneshot writes it
//     then only.
//   - delay_off 0 means "never off". Oneshot writes 1, which is less than any tick.
//   - invert 1 swaps the level at rest, and any write to invert switches the output at once: during a pulse the timer
//     would then find it off and begin another. Oneshot writes 0 once, when nothing runs.
//   - brightness 0 stops the timer, removes the trigger and switches off before the write returns: that is [Oneshot.Halt],
//     and any other process may do the same. Files of the trigger that are still open fail with ENODEV from then on.
//
// The kernel's timers are never early, and late by up to one eighth of their time and a tick (kernel/time/timer.c, "the timer
// wheel"): 400 ms may become 410 ms at 100 Hz and 436 ms at 250 Hz.
//
// The files of a trigger appear when it is set, and belong to root. A service that is not root needs a udev rule that
// hands them over at each "change" event of the LED; Oneshot waits 5 s for it.
//
// # Tones
//
// A passive piezo buzzer has no tone of its own: a [PWM] gives it one (Documentation/driver-api/pwm.rst,
// Documentation/ABI/testing/sysfs-class-pwm). Silence is "enable 0"; a buzzer hears no direct current, so the level at which a
// chip rests then does not matter. A channel goes on by itself: a tone outlives a process that dies in the middle of it, until
// somebody opens the channel again, which silences it.
//
// A channel must be exported before it has files. These belong to root; a service that is not root needs a udev rule that
// hands them over at each "change" event of the chip, and PWM waits 5 s for it. A channel that was exported already is not
// given back by Close.
package gpio
