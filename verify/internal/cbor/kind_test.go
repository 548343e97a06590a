package cbor

import "testing"

func TestKind(t *testing.T) {
	for _, tt := range []struct {
		data string
		want Kind
	}{
		{"\x00", Uint},
		{"\x1b", Uint},
		{"\x20", Negative},
		{"\x40", Bytes},
		{"\x60", Text},
		{"\x80", Array},
		{"\x9f", Array},
		{"\xa0", Map},
		{"\xc0", Tag},
		{"\xf5", Simple},
		{"\xfa", Simple},
		{"\xff", None},
		{"", None},
	} {
		if c := NewCursor([]byte(tt.data), nil); c.Kind() != tt.want {
			t.Errorf("%x: kind %d, want %d", tt.data, c.Kind(), tt.want)
		}
	}
}

func TestSimple(t *testing.T) {
	for _, tt := range []struct {
		data string
		want byte
		ok   bool
	}{
		{"\xf4", False, true},
		{"\xf5", True, true},
		{"\xf6", Null, true},
		{"\xf7", Undefined, true},
		{"\xe0", 0, true},
		{"\xf8\xff", 255, true},
		{"\xf8\x18", 0, false},
		{"\xf8", 0, false},
		{"\xf9\x00\x00", 0, false},
		{"\xff", 0, false},
		{"\x14", 0, false},
		{"", 0, false},
	} {
		c := NewCursor([]byte(tt.data), nil)
		if v, ok := c.Simple(); v != tt.want || ok != tt.ok || ok != c.Done() && tt.data != "" {
			t.Errorf("%x: %d %v, done %v", tt.data, v, ok, c.Done())
		}
	}
}

// A cursor may be set to where it once was, and to nowhere.
func TestAt(t *testing.T) {
	c := NewCursor([]byte("\x82\x01\x02"), nil)
	c.Array()
	start := c.Offset()
	c.Skip()
	back := c.At(start)
	if v, ok := back.Uint(); !ok || v != 1 {
		t.Errorf("read %d %v, want 1", v, ok)
	}
	for _, offset := range []int{-1, 3, 4, 1 << 30} {
		if nowhere := c.At(offset); !nowhere.Done() || nowhere.Skip() {
			t.Errorf("something is at %d", offset)
		}
	}
}
