package trustsync

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"gatescan/trustsync/internal/pki"
)

// jsonWalk reads a JSON document value by value, so that it is refused before much is allocated for it.
type jsonWalk struct{ *json.Decoder }

func walkJSON(document []byte) jsonWalk { return jsonWalk{json.NewDecoder(bytes.NewReader(document))} }

// object calls each for every member; each must read the value.
func (w jsonWalk) object(each func(key string) error) error {
	if err := w.delimiter('{'); err != nil {
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
	return w.delimiter('}')
}

// array calls each for every element; each must read it.
func (w jsonWalk) array(each func() error) error {
	if err := w.delimiter('['); err != nil {
		return err
	}
	for w.More() {
		if err := each(); err != nil {
			return err
		}
	}
	return w.delimiter(']')
}

// value reads the next value into v. wrong says that it is not of the shape of v; err that the document is broken.
func (w jsonWalk) value(v any) (wrong, err error) {
	err = w.Decode(v)
	var shape *json.UnmarshalTypeError
	if errors.As(err, &shape) {
		return fmt.Errorf("a %.20s where it does not belong", shape.Value), nil
	}
	return nil, err
}

// skip passes over the next value.
func (w jsonWalk) skip() error { return w.Decode(&anything{}) }

// end fails if anything but space follows.
func (w jsonWalk) end() error {
	switch _, err := w.Token(); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return err
	}
	return pki.ErrTrailingData
}

func (w jsonWalk) delimiter(d json.Delim) error {
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
