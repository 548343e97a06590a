package scanner

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// gap stands for an idle gap in the inputs of these tests. No module sends this byte.
const gap = "\xff"

// loadTexts returns real QR texts.
func loadTexts(t testing.TB) []string {
	t.Helper()
	file, err := os.Open("testdata/texts.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var texts []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var row struct{ Text string }
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			t.Fatal(err)
		}
		texts = append(texts, row.Text)
	}
	if len(texts) != 6 {
		t.Fatalf("%d texts, want 6", len(texts))
	}
	return texts
}

// frames feeds input in chunks of size bytes and returns copies of all frames.
func frames(f *Framer, input string, size int) []string {
	var got []string
	for i, part := range strings.Split(input, gap) {
		if i > 0 {
			if frame := f.Gap(); frame.Text != nil {
				got = append(got, string(frame.Text))
			}
		}
		for chunk := range slices.Chunk([]byte(part), size) {
			for len(chunk) > 0 {
				var frame Frame
				if frame, chunk = f.Next(chunk); frame.Text != nil {
					got = append(got, string(frame.Text))
				}
			}
		}
	}
	return got
}

func TestFramer(t *testing.T) {
	longest := strings.Repeat("A", maxText)
	cut := strings.Repeat("Z", MaxFrame)
	tests := []struct {
		name  string
		input string
		want  []string
	}{
		{"nothing", "", nil},
		{"CR", "HC1:A\r", []string{"HC1:A"}},
		{"LF", "HC1:A\n", []string{"HC1:A"}},
		{"TAB", "HC1:A\t", []string{"HC1:A"}},
		{"ETX", "HC1:A\x03", []string{"HC1:A"}},
		{"CR LF is one end", "HC1:A\r\nHC1:B\r\n", []string{"HC1:A", "HC1:B"}},
		{"only ends", "\r\n\x03\t\r" + gap + "\n", nil},
		{"idle gap", "HC1:A" + gap, []string{"HC1:A"}},
		{"idle gap after an end", "HC1:A\r" + gap + gap, []string{"HC1:A"}},
		{"half a frame, then silence", "HC1:AB" + gap + "CD\r", []string{"HC1:AB", "CD"}},
		{"unfinished", "HC1:A", nil},
		{"spaces are data", " HC1:A  \r", []string{" HC1:A  "}},

		{"Access-IS standard", "\x027HC1:A\r\x03\x027HC1:B\r\x03", []string{"HC1:A", "HC1:B"}},
		{"Access-IS raw", "sHC1:A" + gap, []string{"HC1:A"}},
		{"STX after a torn frame", "HC1:TORN\x02HC1:A\x03", []string{"HC1:A"}},
		{"STX after an overlong torn frame", cut + "Z\x02HC1:A\x03", []string{"HC1:A"}},
		{"two STX", "\x02\x02HC1:A\x03", []string{"HC1:A"}},
		{"STX, then silence", "HC1:TORN\x02" + gap + "A\r", []string{"A"}},

		{"AIM", "]Q1HC1:A\r", []string{"HC1:A"}},
		{"AIM with letter modifier", "]dAHC1:A\r", []string{"HC1:A"}},
		{"AIM and code-id", "]Q1QHC1:A\r", []string{"HC1:A"}},
		{"AIM before other text", "]C0ABC\r", []string{"ABC"}},
		{"AIM alone", "]Q1\r", nil},
		{"AIM twice", "]Q1]Q1A\r", []string{"]Q1A"}},
		{"no AIM: digit for letter", "]11A\r", []string{"]11A"}},
		{"no AIM: bad modifier", "]Q:A\r", []string{"]Q:A"}},
		{"no AIM: too short", "]Q\r", []string{"]Q"}},
		{"code-id digit", "7HC1:A\r", []string{"HC1:A"}},
		{"code-id letter", "QHC9:A\r", []string{"HC9:A"}},
		{"code-id H", "HHCZ:A\r", []string{"HCZ:A"}},
		{"one code-id only", "77HC1:A\r", []string{"77HC1:A"}},
		{"context without code-id", "HC1:HC1:A\r", []string{"HC1:HC1:A"}},
		{"no code-id: version 0", "7HC0:A\r", []string{"7HC0:A"}},
		{"no code-id: lower case", "7HCa:A\r", []string{"7HCa:A"}},
		{"no code-id: no colon", "7HC12A\r", []string{"7HC12A"}},
		{"no code-id: short", "7HC1\r", []string{"7HC1"}},
		{"code-id and bare context", "7HC1:\r", []string{"HC1:"}},

		{"ECI", `\000026HC1:A` + "\r", []string{"HC1:A"}},
		{"ECI of Latin-1", `\000003HC1:A` + "\r\n", []string{"HC1:A"}},
		{"AIM and ECI", `]Q2\000026HC1:A` + "\r", []string{"HC1:A"}},
		{"STX, AIM, code-id and ECI", "\x02" + `]d5s\000020HC1:A` + "\r\x03", []string{"HC1:A"}},
		{"code-id and ECI", `Q\000026HC1:A` + "\r", []string{"HC1:A"}},
		{"ECI and code-id", `\000899QHC1:A` + "\r", []string{"HC1:A"}},
		{"ECI before other text", `]Q2\000026https://example.eu` + "\r", []string{"https://example.eu"}},
		{"ECI alone", `]Q2\000026` + "\r", nil},
		{"no ECI: a digit short", `\00026HC1:A` + "\r", []string{`\00026HC1:A`}},
		{"no ECI: a letter", `\00002AHC1:A` + "\r", []string{`\00002AHC1:A`}},
		{"one ECI only", `\000026\000026HC1:A` + "\r", []string{`\000026HC1:A`}},
		{"Symbol code-id", "P01HC1:A\r", []string{"HC1:A"}},
		{"Symbol code-id and ECI", `P00\000026HC1:A` + "\r", []string{"HC1:A"}},
		{"no Symbol code-id", "P1HC1:A\rP0:HC1:A\rP01A\r", []string{"P1HC1:A", "P0:HC1:A", "P01A"}},
		{"lower case stays", "hc1:a\r", []string{"hc1:a"}},

		{"NULs around", "\x00\x00HC1:A\x00\x00\r", []string{"HC1:A"}},
		{"NUL within", "HC1:\x00A\r", []string{"HC1:\x00A"}},
		{"only NULs", "\x00\x00\x00" + gap + "\x00\r", nil},
		{"NUL between STX and code-id", "\x02\x007HC1:A\r", []string{"HC1:A"}},
		{"break without end", strings.Repeat("\x00", 3*MaxFrame) + "HC1:A\r", []string{"HC1:A"}},

		{"longest text", longest + "\r", []string{longest}},
		{"longest text in full dress", "\x02" + `]Q1\000026P01\000026HC1:` + longest[4:] + strings.Repeat("\x00", 12) + "\r\x03", []string{"HC1:" + longest[4:]}},
		{"at the bound", cut + "\rA\r", []string{cut, "A"}},
		{"one too many", cut + "Z\rA\r", []string{cut, "A"}},
		{"overlong, then silence", cut + cut + cut + gap + "A\r", []string{cut, "A"}},
		{"overlong stays too long without its prefix", "]Q17HC1:" + cut + "\r", []string{"HC1:" + cut[:MaxFrame-8]}},
		{"overlong by NULs keeps them", "HC1:A" + strings.Repeat("\x00", MaxFrame) + "\r", []string{"HC1:A" + strings.Repeat("\x00", MaxFrame-5)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, size := range []int{1, 2, 3, 64, 1 << 20} {
				var f Framer
				if got := frames(&f, tt.input, size); !slices.Equal(got, tt.want) {
					t.Errorf("in chunks of %d: %.60q, want %.60q", size, got, tt.want)
				}
			}
		})
	}
}

func TestFramerOverlongIsRefusable(t *testing.T) {
	for _, input := range []string{"]Q17HC1:", `]Q1\000026P01\000026HC1:`, "\x02]Q1", "", "7HC1:"} {
		var f Framer
		got := frames(&f, input+strings.Repeat("Z", 2*MaxFrame)+"\r", 100)
		if len(got) != 1 || len(got[0]) <= maxText || len(got[0]) > MaxFrame {
			t.Errorf("behind %q: %d frames, the first of %d bytes; want one of %d to %d", input, len(got), len(got[0]), maxText+1, MaxFrame)
		}
	}
}

func TestFramerCounts(t *testing.T) {
	var f Framer
	cut := strings.Repeat("Z", MaxFrame)
	frames(&f, "TORN\x02A\r\x02\x02B\x03"+cut+"\r"+cut+"Z\r"+cut+cut+gap+cut+"Z\x02\x00\x00C\x00\r", 7)
	if f.Torn() != 2 || f.Overlong() != 2 || f.NULs() != 3 {
		t.Errorf("torn %d, overlong %d, NULs %d; want 2, 2, 3", f.Torn(), f.Overlong(), f.NULs())
	}
}

func TestFramerRealTexts(t *testing.T) {
	for _, text := range loadTexts(t) {
		for _, dress := range [][2]string{{"", "\r\n"}, {"\x027", "\r\x03"}, {"]Q1", "\r"}, {"s", gap}, {"", "\t"}, {"HC1:TORN\x02", "\x03"}} {
			var f Framer
			if got := frames(&f, dress[0]+text+dress[1], 64); len(got) != 1 || got[0] != text {
				t.Errorf("%q around %.12q: got %.20q", dress, text, got)
			}
		}
	}
}

// A frame must not let its receiver write, by appending, over what the framer holds.
func TestFrameHasNoSpareCapacity(t *testing.T) {
	var f Framer
	frame, _ := f.Next([]byte("HC1:A\x00\r"))
	if len(frame.Text) != 5 || cap(frame.Text) != 5 {
		t.Errorf("len %d, cap %d", len(frame.Text), cap(frame.Text))
	}
}

func BenchmarkFramer(b *testing.B) {
	input := []byte("]Q1HC1:" + strings.Repeat("6BFOXN%TSMAHN-H", 43)[:643] + "\r\n") // 650 bytes between prefix and end
	var f Framer
	b.SetBytes(int64(len(input)))
	b.ReportAllocs()
	for b.Loop() {
		if frame, _ := f.Next(input); len(frame.Text) != 647 {
			b.Fatal(len(frame.Text))
		}
		f.Reset()
	}
}
