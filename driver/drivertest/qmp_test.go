package drivertest

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
)

// monitor answers each line with what script has for it.
func monitor(t *testing.T, greeting string, script map[string]string) net.Conn {
	t.Helper()
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	go func() {
		defer there.Close()
		fmt.Fprint(there, greeting)
		for lines := bufio.NewScanner(there); lines.Scan(); {
			answer, ok := script[lines.Text()]
			if !ok {
				t.Errorf("asked for %s", lines.Text())
				return
			}
			fmt.Fprint(there, answer)
		}
	}()
	return here
}

func TestQMP(t *testing.T) {
	q, err := newQMP(monitor(t, `{"QMP":{"version":{},"capabilities":[]}}`+"\n", map[string]string{
		`{"execute":"qmp_capabilities","id":1}`: `{"return":{},"id":1}`,
		`{"arguments":{"path":"/m"},"execute":"qom-list","id":2}`: `{"event":"RESUME","timestamp":{}}
			{"return":[{"name":"device[5]","type":"child<pl031>"},{"name":"device[6]","type":"child<pl061>"}],"id":2}`,
		`{"arguments":{"path":"/m"},"execute":"qom-list","id":3}`: `{"return":[],"id":3}`,
		`{"execute":"quit","id":4}`:                               `{"error":{"class":"GenericError","desc":"not now"},"id":4}`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	if path, err := q.child("/m", "pl061"); path != "/m/device[6]" || err != nil {
		t.Errorf("%q, %v", path, err)
	}
	if events, err := q.events.since(0); len(events) != 1 || err != nil || events[0].Event != "RESUME" {
		t.Errorf("events %v, %v", events, err)
	}
	if _, err := q.child("/m", "pl061"); err == nil {
		t.Error("a machine without the device has it")
	}
	if err := q.call("quit", nil, nil); err == nil || !strings.Contains(err.Error(), "not now") {
		t.Errorf("error %v", err)
	}
}

func TestQtest(t *testing.T) {
	q := newQtest(monitor(t, "", map[string]string{
		"readl 0x90303fc":                   "IRQ raise 3\nOK 0x0000000000000010\n",
		"set_irq_in /m unnamed-gpio-in 2 1": "OK\n",
		"nonsense":                          "FAIL Unknown command 'nonsense'\n",
	}))
	b := &Board{qtest: q, pins: "/m"}
	for line, want := range map[int]bool{4: true, 5: false} {
		if high, err := b.Level(line); high != want || err != nil {
			t.Errorf("line %d: %t, %v", line, high, err)
		}
	}
	if err := b.Set(2, true); err != nil {
		t.Error(err)
	}
	if _, err := q.ask("nonsense"); err == nil || !strings.Contains(err.Error(), "Unknown command") {
		t.Errorf("error %v", err)
	}
	q.conn.Close()
	if err := b.Set(2, true); err == nil {
		t.Error("QEMU is gone, and answers")
	}
}
