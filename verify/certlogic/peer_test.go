package certlogic

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// peerScript evaluates cases, a line each, with certlogic-js, and writes what each gives or why it does not.
const peerScript = `
const { evaluate } = require(process.argv[1])
const lines = require("fs").readFileSync(0, "utf8").trim().split("\n")
console.log(lines.map(line => {
	const { logic, data } = JSON.parse(line)
	try { return JSON.stringify({ result: evaluate(logic, data) ?? null }) } catch (e) { return JSON.stringify({ error: e.message }) }
}).join("\n"))`

// peerBench evaluates rules over data, all of them as often as it is told, and writes how many ns that took. It warms
// up first.
const peerBench = `
const { evaluate } = require(process.argv[1])
const { logics, data, n } = JSON.parse(require("fs").readFileSync(0, "utf8"))
const run = times => {
	for (let i = 0; i < times; i++) for (const logic of logics) { try { evaluate(logic, data) } catch (e) {} }
}
run(2000)
const begin = process.hrtime.bigint()
run(n)
console.log(String(process.hrtime.bigint() - begin))`

// peerFolder is where certlogic-js is.
func peerFolder(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("GATESCAN_CERTLOGIC_JS")
	if folder == "" {
		t.Skip("SKIPPED: set GATESCAN_CERTLOGIC_JS to the folder of the npm package certlogic-js to compare with it")
	}
	return folder
}

// runPeer runs a script in node with the folder of certlogic-js.
func runPeer(t testing.TB, script string, input []byte) []byte {
	t.Helper()
	command := exec.Command("node", "-e", script, peerFolder(t))
	command.Stdin = bytes.NewReader(input)
	command.Stderr = os.Stderr
	output, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	return output
}

// benchPeer judges by rules as certlogic-js does, whose own clock is what counts.
func benchPeer(b *testing.B, logics [][]byte, data any) {
	rules := make([]json.RawMessage, len(logics))
	for i := range logics {
		rules[i] = logics[i]
	}
	n := max(b.N, 2000) // to start node may take as long as a benchmark should
	input, err := json.Marshal(map[string]any{"logics": rules, "data": data, "n": n})
	if err != nil {
		b.Fatal(err)
	}
	var took float64
	if _, err := fmt.Sscan(string(runPeer(b, peerBench, input)), &took); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(took/float64(n), "ns/op")
}

// How the two may differ; a fault means that certlogic-js has a result.
const (
	oddIndex     = "an index of a text or an object"
	negativeYear = "a year before 0000, as text"
)

var known = []string{oddIndex, negativeYear, BadDateTime.String(), NoTruth.String(), NotComparable.String()}

// TestAgainstCertLogicJS needs node and the npm package certlogic-js, whose folder GATESCAN_CERTLOGIC_JS names. Where
// the two differ it must be in one of the ways that the package documentation lists.
func TestAgainstCertLogicJS(t *testing.T) {
	peerFolder(t)
	const cases = 30_000
	g := newGenerator(11)
	var input bytes.Buffer
	all := make([]generatedCase, cases)
	for i := range all {
		all[i] = g.makeCase(t)
		line, err := json.Marshal(all[i])
		if err != nil {
			t.Fatal(err)
		}
		input.Write(append(line, '\n'))
	}
	output := runPeer(t, peerScript, input.Bytes())
	results := bufio.NewScanner(bytes.NewReader(output))
	results.Buffer(nil, 1<<20)
	m := NewMachine()
	agree, classes := 0, map[string]int{}
	for i := range all {
		if !results.Scan() {
			t.Fatalf("%d results, want %d", i, cases)
		}
		var peer struct {
			Result json.RawMessage
			Error  *string
		}
		decodeJSON(t, results.Bytes(), &peer)
		got := valueOf(m, compile(t, all[i].Logic), wholeData(t, treeOf(t, all[i].Data)))
		ours, theirs := got, "fault"
		if peer.Error == nil {
			theirs = toJSON(treeOf(t, peer.Result))
		}
		fault, isFault := strings.CutPrefix(got, "fault: ")
		if isFault {
			ours = "fault"
		} else {
			ours = toJSON(treeOf(t, []byte(ours)))
		}
		if ours == theirs {
			agree++
			continue
		}
		odd := refOddIndexes
		referenceJSON(treeOf(t, all[i].Logic), treeOf(t, all[i].Data))
		class := fault
		switch {
		case refOddIndexes > odd:
			class = oddIndex
		case strings.HasPrefix(got, `"-`) && strings.HasPrefix(theirs, `"-00`):
			class = negativeYear
		case !isFault:
			class = "other result"
		case peer.Error != nil:
			t.Fatal("two faults differ")
		}
		classes[class]++
		if classes[class] == 1 && testing.Verbose() {
			t.Logf("%s\n  %s\n  over %s\n  here %s, there %s", class, all[i].Logic, all[i].Data, got, results.Bytes())
		}
	}
	t.Logf("%d of %d cases agree; the others: %v", agree, cases, classes)
	for class := range classes {
		if !slices.Contains(known, class) {
			t.Errorf("%d cases: %s", classes[class], class)
		}
	}
}
