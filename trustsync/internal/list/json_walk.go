package list

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gatescan/trustsync/internal/pki"
)

// JSON reads a JSON document value by value, so that it is refused before much is allocated for it.
type JSON struct{ *json.Decoder }

func WalkJSON(document []byte) JSON { return JSON{json.NewDecoder(bytes.NewReader(document))} }

// Object calls each for every member; each must read the value.
func (w JSON) Object(each func(key string) error) error {
	if err := w.Delimiter('{'); err != nil {
		return err
	}
	for w.More() {
		key, err := w.Token()
		if err != nil {
			return err
		}
		if err := each(key.(string)); err != nil { // a decoder gives nothing else there
			return err
		}
	}
	return w.Delimiter('}')
}

// Array calls each for every element; each must read it.
func (w JSON) Array(each func() error) error {
	if err := w.Delimiter('['); err != nil {
		return err
	}
	for w.More() {
		if err := each(); err != nil {
			return err
		}
	}
	return w.Delimiter(']')
}

// Value reads the next value into v. wrong says that it is not of the shape of v; err that the document is broken.
func (w JSON) Value(v any) (wrong, err error) {
	err = w.Decode(v)
	var shape *json.UnmarshalTypeError
	if errors.As(err, &shape) {
		return fmt.Errorf("a %.20s where it does not belong", shape.Value), nil
	}
	return nil, err
}

// Skip passes over the next value.
func (w JSON) Skip() error { return w.Decode(&anything{}) }

// End fails if anything but space follows.
func (w JSON) End() error {
	switch _, err := w.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return pki.ErrTrailingData
}

func (w JSON) Delimiter(d json.Delim) error {
	token, err := w.Token()
	if err != nil {
		return err
	}
	if token != d {
		return fmt.Errorf("%.40v where %v should be", token, d)
	}
	return nil
}

// anything is a value that is not kept.
type anything struct{}

func (*anything) UnmarshalJSON([]byte) error { return nil }
