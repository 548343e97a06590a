package verify

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"hash/adler32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
)

// oracleInflate is what the standard library makes of src: ok only if it is one whole stream with nothing behind it.
func oracleInflate(src []byte, limit int) (out []byte, ok bool) {
	r := bytes.NewReader(src)
	z, err := zlib.NewReader(r)
	if err != nil {
		return nil, false
	}
	out, err = io.ReadAll(io.LimitReader(z, int64(limit)+1))
	if err != nil || len(out) > limit {
		return out, false
	}
	return out, r.Len() == 0
}

func deflate(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := zlib.NewWriterLevel(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestInflateEveryLevelAndSize(t *testing.T) {
	var f inflater
	random := rand.New(rand.NewPCG(1, 2))
	dst := make([]byte, maxCWT)
	for _, level := range []int{flate.NoCompression, 1, 6, 9, flate.HuffmanOnly} {
		for size := 0; size <= maxCWT; size = size*5/3 + 1 {
			data := make([]byte, size)
			for i := range data {
				data[i] = "abcdefgh"[random.IntN(8)] // compresses, with matches near and far
			}
			src := deflate(t, data, level)
			got, status := f.inflate(dst, src)
			if status != inflateOK || !bytes.Equal(got, data) {
				t.Fatalf("level %d, %d bytes: status %d", level, size, status)
			}
			if size > 0 {
				if got, status := f.inflate(dst[:size-1], src); status != inflateTooLarge || len(got) > size-1 {
					t.Fatalf("level %d, %d bytes into %d: status %d", level, size, size-1, status)
				}
			}
			for cut := range src {
				if cut < 40 || cut > len(src)-8 {
					if _, status := f.inflate(dst, src[:cut]); status != inflateBad {
						t.Fatalf("level %d, %d bytes, cut at %d: status %d", level, size, cut, status)
					}
				}
			}
		}
	}
}

func TestInflateRefuses(t *testing.T) {
	good := deflate(t, []byte(strings.Repeat("HCERT ", 20)), 9)
	with := func(change func(b []byte) []byte) []byte { return change(bytes.Clone(good)) }
	fixHeader := func(b []byte) []byte {
		b[1] &^= 31
		b[1] += byte(31 - binary.BigEndian.Uint16(b)%31)
		return b
	}
	var dictionary bytes.Buffer
	w, err := zlib.NewWriterLevelDict(&dictionary, 9, []byte("HCERT"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("HCERT")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		src  []byte
		want inflateStatus
	}{
		"good":              {good, inflateOK},
		"empty":             {nil, inflateBad},
		"header only":       {good[:2], inflateBad},
		"trailing byte":     {append(bytes.Clone(good), 0), inflateBad},
		"two streams":       {append(bytes.Clone(good), good...), inflateBad},
		"bad Adler-32":      {with(func(b []byte) []byte { b[len(b)-1] ^= 1; return b }), inflateBad},
		"no Adler-32":       {good[:len(good)-4], inflateBad},
		"preset dictionary": {dictionary.Bytes(), inflateBad},
		"bad check bits":    {with(func(b []byte) []byte { b[1] ^= 1; return b }), inflateBad},
		"method 9":          {with(func(b []byte) []byte { b[0] = 0x79; return fixHeader(b) }), inflateBad},
		"window 64 KiB":     {with(func(b []byte) []byte { b[0] = 0x88; return fixHeader(b) }), inflateBad},
		"block type 3":      {[]byte{0x78, 0x9c, 0x07, 0, 0, 0, 1}, inflateBad},
		"bomb":              {deflate(t, make([]byte, 1<<20), 9), inflateTooLarge},
	} {
		var f inflater
		if _, got := f.inflate(make([]byte, maxCWT), tc.src); got != tc.want {
			t.Errorf("%s: status %d, want %d", name, got, tc.want)
		}
		if _, ok := oracleInflate(tc.src, maxCWT); ok != (tc.want == inflateOK) {
			t.Errorf("%s: the standard library says %v", name, ok)
		}
	}
}

// Codes that no encoder makes: what is allowed of incomplete ones is what zlib allows.
func TestHuffmanBuild(t *testing.T) {
	for name, tc := range map[string]struct {
		lengths []uint8
		want    codeStatus
	}{
		"none":                 {make([]uint8, 30), codeIncomplete},
		"one of one bit":       {[]uint8{0, 0, 1}, codeIncomplete},
		"one of two bits":      {[]uint8{0, 2}, codeBad},
		"two of one bit":       {[]uint8{1, 0, 1}, codeComplete},
		"three of one bit":     {[]uint8{1, 1, 1}, codeBad},
		"two of two bits":      {[]uint8{2, 2}, codeBad},
		"one, two, two":        {[]uint8{1, 2, 2}, codeComplete},
		"to fifteen bits":      {[]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15}, codeComplete},
		"fifteen, one missing": {[]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, codeBad},
	} {
		var h huffman
		if got := h.build(tc.lengths); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	var h huffman
	h.build([]uint8{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 15})
	for symbol := range 16 { // symbol n is n ones, then a zero
		acc := uint32(1)<<symbol - 1
		if got, length := h.lookup(acc); int(got) != symbol || int(length) != min(symbol+1, 15) {
			t.Errorf("%b: symbol %d of %d bits", acc, got, length)
		}
	}
}

func FuzzInflate(f *testing.F) {
	buf := make([]byte, maxCompressed)
	for _, p := range readPasses(f, "dgc-testdata.jsonl") {
		if compressed, ok := decodeBase45(buf, []byte(strings.TrimPrefix(p.Text, prefix))); ok && len(p.Text) < 500 {
			f.Add(bytes.Clone(compressed))
		}
	}
	for level := flate.HuffmanOnly; level <= 9; level++ {
		f.Add(deflate(f, []byte(strings.Repeat("to be or not to be ", 9)), level))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		const limit = 2048
		var in inflater
		try := func(src []byte) {
			dst := bytes.Repeat([]byte{0xaa}, limit+1)
			got, status := in.inflate(dst[:limit], src)
			want, ok := oracleInflate(src, limit)
			if dst[limit] != 0xaa {
				t.Fatal("wrote behind its buffer")
			}
			if (status == inflateOK) != ok || ok && !bytes.Equal(got, want) {
				t.Fatalf("status %d, the standard library says %v", status, ok)
			}
			if status == inflateTooLarge && len(want) <= limit {
				t.Fatalf("too large, but the standard library makes %d bytes", len(want))
			}
		}
		try(src)
		// The same with the checks of the container put right, so that the fuzzer gets past them.
		if len(src) > 6 {
			src = bytes.Clone(src)
			src[0], src[1] = 0x78, 0x9c
			if got, _ := in.inflate(make([]byte, limit), src); len(got) > 0 {
				binary.BigEndian.PutUint32(src[len(src)-4:], adler32.Checksum(got))
			}
			try(src)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	var streams [][]byte
	for _, p := range readPasses(b, "dgc-testdata.jsonl") {
		buf := make([]byte, maxCompressed)
		if compressed, ok := decodeBase45(buf, []byte(strings.TrimPrefix(p.Text, prefix))); ok {
			streams = append(streams, compressed)
		}
	}
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		var f inflater
		dst := make([]byte, maxCWT)
		for i := 0; b.Loop(); i++ {
			f.inflate(dst, streams[i%len(streams)])
		}
	})
	b.Run("compress-zlib", func(b *testing.B) {
		b.ReportAllocs()
		r := bytes.NewReader(nil)
		z, err := zlib.NewReader(bytes.NewReader(streams[0]))
		if err != nil {
			b.Fatal(err)
		}
		dst := make([]byte, maxCWT)
		for i := 0; b.Loop(); i++ {
			r.Reset(streams[i%len(streams)])
			if err := z.(zlib.Resetter).Reset(r, nil); err == nil {
				io.ReadFull(z, dst)
			}
		}
	})
}
