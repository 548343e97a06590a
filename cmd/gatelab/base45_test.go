package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

type base45Vector struct {
	ID      string `json:"id"`
	Hex     string `json:"hex"`
	Encoded string `json:"encoded"`
	Valid   bool   `json:"valid"`
}

func base45Vectors(t *testing.T) []base45Vector {
	t.Helper()
	var vectors []base45Vector
	if err := json.Unmarshal(readFile(t, "testdata/base45.json"), &vectors); err != nil {
		t.Fatal(err)
	}
	return vectors
}

func TestBase45(t *testing.T) {
	valid := 0
	for _, v := range base45Vectors(t) {
		if !v.Valid {
			continue
		}
		valid++
		data, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatal(err)
		}
		if got := encodeBase45(data); got != v.Encoded {
			t.Errorf("%s: %s became %q, want %q", v.ID, v.Hex, got, v.Encoded)
		}
	}
	if valid != 13 {
		t.Fatalf("%d valid vectors, want 13", valid)
	}
}

// The decoder of these tests has to be right too, or it would prove nothing about passes.
func TestBase45OfTheTests(t *testing.T) {
	for _, v := range base45Vectors(t) {
		got, err := decodeBase45(v.Encoded)
		if (err == nil) != v.Valid {
			t.Errorf("%s: error %v, valid %v", v.ID, err, v.Valid)
		} else if hex.EncodeToString(got) != v.Hex {
			t.Errorf("%s: got %x, want %s", v.ID, got, v.Hex)
		}
	}
	for n := range 1 << 16 {
		data := []byte{byte(n >> 8), byte(n)}
		if got, err := decodeBase45(encodeBase45(data)); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%x came back as %x, %v", data, got, err)
		}
	}
}

// decodeBase45 reads RFC 9285 section 4 backwards; it spells the alphabet out, to share nothing with the encoder.
func decodeBase45(text string) ([]byte, error) {
	var data []byte
	for len(text) > 0 {
		group := text[:min(3, len(text))]
		text = text[len(group):]
		n, weight := 0, 1
		for _, c := range []byte(group) {
			digit := strings.IndexByte("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:", c)
			if digit < 0 {
				return nil, errors.New("character outside the alphabet")
			}
			n += digit * weight
			weight *= 45
		}
		switch {
		case len(group) == 3 && n <= 0xffff:
			data = append(data, byte(n>>8), byte(n))
		case len(group) == 2 && n <= 0xff:
			data = append(data, byte(n))
		default:
			return nil, errors.New("group of the wrong length or value")
		}
	}
	return data, nil
}
