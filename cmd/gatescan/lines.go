package main

import (
	"fmt"
	"strconv"
	"strings"

	"gatescan/cmd/gatescan/output"
	"gatescan/driver/gpio"
)

// How outputs and inputs are written in a configuration: a kind, and what it needs.
const (
	outputForms = `"simulated", "oneshot NAME" or "led NAME" (of /sys/class/leds), "line CHIP OFFSET" or "line NAME", with "active-low" behind it where it is so, ` +
		`and "pwm CHIP CHANNEL" for a buzzer of two tones`
	inputForms = `"line CHIP OFFSET" or "line NAME", and behind it "active-low", "pull-up", "pull-down" or "disabled" (no pull)`
)

// outputSpec is an output in a configuration. Empty is one that is not wired.
type outputSpec struct{ output.Output }

func (s outputSpec) wired() bool { return s.Kind != "" }

func (s *outputSpec) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	*s = outputSpec{}
	if len(words) == 0 {
		return nil
	}
	s.Kind = output.Kind(words[0])
	var err error
	switch words = words[1:]; {
	case s.Kind == output.Line:
		var line gpio.Line
		line, err = parseLine(words, false)
		s.Chip, s.Offset, s.Name, s.ActiveLow = line.Chip, line.Offset, line.Name, line.ActiveLow
	case s.Kind == output.PWM && len(words) == 2:
		s.Chip = words[0]
		if s.Offset, err = strconv.Atoi(words[1]); err != nil {
			err = fmt.Errorf("%q is no channel of a PWM chip", words[1])
		}
	case len(words) == 1 && s.Kind != output.Simulated:
		s.Name = words[0]
	case len(words) > 0:
		err = fmt.Errorf("%q is too much", strings.Join(words, " "))
	}
	if err == nil {
		err = s.Validate()
	}
	if err != nil {
		return fmt.Errorf("%q is no output: %w; there are %s", text, err, outputForms)
	}
	return nil
}

func (s outputSpec) MarshalText() ([]byte, error) {
	switch {
	case s.Kind == output.Line:
		return []byte(formatLine(s.Line())), nil
	case s.Kind == output.PWM:
		return []byte(s.Output.String()), nil
	case s.Name != "":
		return []byte(string(s.Kind) + " " + s.Name), nil
	}
	return []byte(s.Kind), nil
}

// keyedOutput is an output with its key.
type keyedOutput struct {
	key  string
	spec outputSpec
}

// The directions of a turnstile, as its maker names them: A and B.
const (
	directionA = "a"
	directionB = "b"
)

// relays lists the relays, that of the direction which the reader serves first.
func (c *config) relays() (relays [2]keyedOutput) {
	relays = [2]keyedOutput{{"outputs.relay", c.Outputs.Relay}, {"outputs.relay_b", c.Outputs.RelayB}}
	if c.Turnstile.Direction == directionB {
		relays[0], relays[1] = relays[1], relays[0]
	}
	return relays
}

// keyedInput is an input with its key.
type keyedInput struct {
	key  string
	spec inputSpec
}

// passages lists the passage inputs, that of the direction which the reader serves first.
func (c *config) passages() (passages [2]keyedInput) {
	passages = [2]keyedInput{{"inputs.passage", c.Inputs.Passage}, {"inputs.passage_b", c.Inputs.PassageB}}
	if c.Turnstile.Direction == directionB {
		passages[0], passages[1] = passages[1], passages[0]
	}
	return passages
}

// granted is the relay of the direction which the reader serves, and the input that tells of a passage in it.
func (c *config) granted() (relay keyedOutput, passage keyedInput) {
	return c.relays()[0], c.passages()[0]
}

func (o *outputsConfig) lamps() []keyedOutput {
	return []keyedOutput{
		{"outputs.green", o.Green}, {"outputs.red", o.Red}, {"outputs.yellow", o.Yellow}, {"outputs.buzzer", o.Buzzer},
	}
}

// check names what cannot be together; granted is the key of the relay that the reader's direction has.
func (o *outputsConfig) check(granted string) (mistakes []mistake) {
	bad := func(key, format string, args ...any) {
		mistakes = append(mistakes, mistake{key: key, text: fmt.Sprintf(format, args...)})
	}
	for _, lamp := range o.lamps() {
		switch {
		case lamp.spec.Kind == output.Oneshot || lamp.spec.Kind == output.Simulated:
			bad(lamp.key, "%q is only for the relay; a lamp is \"led NAME\" or \"line …\"", lamp.spec.Output)
		case lamp.spec.Kind == output.PWM && lamp.key != "outputs.buzzer":
			bad(lamp.key, "%q is only for a buzzer; a lamp is \"led NAME\" or \"line …\"", lamp.spec.Output)
		case lamp.spec.wired() && o.Relay.Kind == output.Simulated:
			bad(lamp.key, "the relay is simulated, and with it the lamps; wire outputs.relay first")
		}
	}
	if (o.Relay.Kind == output.Simulated) != (o.RelayB.Kind == output.Simulated) && o.RelayB.wired() {
		bad("outputs.relay_b", "one relay is simulated and the other is not; a simulated turnstile has one, outputs.relay")
	} else if o.RelayB.Kind == output.Simulated {
		bad("outputs.relay_b", "a simulated turnstile has one relay, outputs.relay")
	}
	for _, relay := range []keyedOutput{{"outputs.relay", o.Relay}, {"outputs.relay_b", o.RelayB}} {
		switch relay.spec.Kind {
		case "":
			if relay.key == granted {
				bad(relay.key, "is empty; a gate has a relay, if only a simulated one")
			}
		case output.LED:
			bad(relay.key, "a LED has no pulse of its own; write \"oneshot %s\", so that the kernel ends it", relay.spec.Name)
		case output.PWM:
			bad(relay.key, "%q is only for a buzzer", relay.spec.Output)
		}
	}
	return mistakes
}

// outputs lists what a configuration has the gate drive, the relay first.
func (c *config) outputs() (outputs []output.Output) {
	relays := c.relays()
	for _, o := range append(relays[:], c.Outputs.lamps()...) {
		if o.spec.wired() {
			outputs = append(outputs, o.spec.Output)
		}
	}
	return outputs
}

// inputSpec is an input in a configuration. The zero inputSpec is one that is not wired.
type inputSpec struct {
	wired bool
	line  gpio.Line
}

func (s *inputSpec) UnmarshalText(text []byte) error {
	words := strings.Fields(string(text))
	*s = inputSpec{}
	if len(words) == 0 {
		return nil
	}
	err := fmt.Errorf("%q is no kind of input", words[0])
	if words[0] == string(output.Line) {
		s.line, err = parseLine(words[1:], true)
	}
	if err == nil {
		err = s.line.Validate()
	}
	if err != nil {
		return fmt.Errorf("%q is no input: %w; write %s", text, err, inputForms)
	}
	s.wired = true
	return nil
}

func (s inputSpec) MarshalText() ([]byte, error) {
	if !s.wired {
		return nil, nil
	}
	return []byte(formatLine(s.line)), nil
}

// parseLine reads "CHIP OFFSET" or "NAME", and the words for how it is wired.
func parseLine(words []string, input bool) (l gpio.Line, err error) {
	var names []string
	for _, word := range words {
		switch {
		case word == "active-low":
			l.ActiveLow = true
		case input && l.Bias.UnmarshalText([]byte(word)) == nil:
		default:
			names = append(names, word)
		}
	}
	switch len(names) {
	case 1:
		l.Name = names[0]
	case 2:
		l.Chip = names[0]
		if l.Offset, err = strconv.Atoi(names[1]); err != nil {
			return l, fmt.Errorf("%q is no offset on a chip", names[1])
		}
	default:
		return l, fmt.Errorf("a line has a chip and an offset, or a name")
	}
	return l, nil
}

func formatLine(l gpio.Line) string {
	s := string(output.Line) + " "
	if l.Name != "" {
		s += l.Name
	} else {
		s += l.Chip + " " + strconv.Itoa(l.Offset)
	}
	if l.ActiveLow {
		s += " active-low"
	}
	if l.Bias != gpio.BiasAsIs {
		s += " " + l.Bias.String()
	}
	return s
}
