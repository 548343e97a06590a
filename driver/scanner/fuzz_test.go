package scanner

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	modelEnd     = regexp.MustCompile(`[\r\n\t\x03\xff]`)
	modelTorn    = regexp.MustCompile(`(?s)^.*\x02`)
	modelNULs    = regexp.MustCompile(`^\x00+`)
	modelAIM     = regexp.MustCompile(`^\][A-Za-z][0-9A-Za-z]`)
	modelECI     = regexp.MustCompile(`^\\[0-9]{6}`)
	modelCodeID  = regexp.MustCompile(`(?s)^(?:[^ ]|P0[0-9A-Za-z])(?:\\[0-9]{6})?(HC[1-9A-Z]:)`)
	modelLastNUL = regexp.MustCompile(`\x00+$`)
)

// modelFrames says the rules of framing again, with regular expressions over the whole input instead of a state per byte.
func modelFrames(input string) []string {
	var want []string
	for _, piece := range modelEnd.Split(latin1(input), -1) {
		piece = modelTorn.ReplaceAllString(piece, "")
		piece = modelNULs.ReplaceAllString(piece, "")
		if runes := []rune(piece); len(runes) > MaxFrame {
			piece = string(runes[:MaxFrame])
		} else {
			piece = modelLastNUL.ReplaceAllString(piece, "")
		}
		piece = modelAIM.ReplaceAllString(piece, "")
		piece = modelECI.ReplaceAllString(piece, "")
		piece = modelCodeID.ReplaceAllString(piece, "$1")
		if piece != "" {
			want = append(want, bytesOf(piece))
		}
	}
	return want
}

// latin1 makes one character of each byte, for the regular expressions.
func latin1(s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i]))
	}
	return b.String()
}

func bytesOf(latin1 string) string {
	var b []byte
	for _, r := range latin1 {
		b = append(b, byte(r))
	}
	return string(b)
}

func FuzzFramer(f *testing.F) {
	texts := loadTexts(f)
	for i, text := range texts {
		next := texts[(i+1)%len(texts)]
		f.Add([]byte(text+"\r\n"+next+"\r"), []byte{63})
		f.Add([]byte("\x027"+text+"\r\x03\x027"+next+"\r\x03"), []byte{0})
		f.Add([]byte("s"+text+gap+"s"+next+gap), []byte{7, 1, 200})
		f.Add([]byte(text[:100]+"\x02]Q1"+next+"\x03\x00\x00"+text[100:]+gap), []byte{15, 0, 99})
		f.Add([]byte(`\000026`+text+"\r"+`]Q2\000003P01`+next+"\r\n"), []byte{3})
		f.Add([]byte(strings.Repeat(text, 11)+"\t"+next), []byte{255, 3})
	}
	f.Fuzz(func(t *testing.T, input, cuts []byte) {
		want := modelFrames(string(input) + gap)
		var fr Framer
		if got := frames(&fr, string(input)+gap, max(1, len(input))); !slices.Equal(got, want) {
			t.Fatalf("whole: %.80q\nwant %.80q", got, want)
		}
		// The same framer again, so that what the first pass left behind would show.
		var got []string
		for i, rest := 0, input; len(rest) > 0; i++ {
			size := 1
			if len(cuts) > 0 {
				size += int(cuts[i%len(cuts)])
			}
			size = min(size, len(rest))
			got = append(got, frames(&fr, string(rest[:size]), size)...)
			rest = rest[size:]
		}
		got = append(got, frames(&fr, gap, 1)...)
		if !slices.Equal(got, want) {
			t.Fatalf("in chunks: %.80q\nwant %.80q", got, want)
		}
		for _, frame := range got {
			if len(frame) == 0 || len(frame) > MaxFrame || strings.ContainsAny(frame, "\r\n\t\x02\x03") {
				t.Fatalf("impossible frame of %d bytes: %.80q", len(frame), frame)
			}
		}
		// Whatever came before: after a silence the next text is whole.
		if got := frames(&fr, "]Q1"+texts[0]+"\r", 64); len(got) != 1 || got[0] != texts[0] {
			t.Fatalf("after noise: %.80q", got)
		}
		if fr.Reset(); bytes.Count(fr.buf[:], []byte{0}) != len(fr.buf) {
			t.Fatal("something was left in memory")
		}
	})
}
