package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"gatescan/trustsync/internal/files"
	"gatescan/trustsync/internal/source"
)

// checkFileMirror judges a mirror that is a place in the file system, such as file:///media/stick/did.json: a stick that a
// technician brings. What lies there is judged as what comes from the network, so it must be signed itself.
func checkFileMirror(u *url.URL, signed bool) error {
	switch {
	case !signed:
		return errors.New("what lies there is not signed; a source of this kind needs https://")
	case u.Host != "" && u.Host != "localhost", u.Path == "" || u.Path[0] != '/':
		return errors.New("write it with the whole path, as in file:///media/stick/list")
	case u.RawQuery != "" || u.ForceQuery:
		return errors.New("a file has no query")
	}
	return nil
}

// readFileMirror answers with a regular file. There is no header, and so no condition that could hold.
func readFileMirror(target string, limit int64) (*Response, error) {
	u, err := url.Parse(target)
	if err != nil {
		return nil, brief(err)
	}
	data, err := files.Read(u.Path, limit)
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: more than %d bytes", source.ErrTooLarge, limit)
	}
	return &Response{http.StatusOK, http.Header{}, data, target}, nil
}
