package fetch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// parseMirror reads the URL of a mirror. Without a signature of its own, what comes from there is protected by TLS alone.
func parseMirror(raw string, signed bool) (*url.URL, error) {
	if len(raw) > maxURLSize {
		return nil, fmt.Errorf("URL of %d bytes (%d are allowed)", len(raw), maxURLSize)
	}
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Opaque != "":
		return nil, fmt.Errorf("URL %s: cannot be read; write it as https://host/path", Quote(WithoutQuery(raw)))
	case u.User != nil: // not shown: it is a secret
		return nil, fmt.Errorf("URL of %s with a user name: give it as an Authorization header", Quote(u.Host))
	case u.Fragment != "" || strings.HasSuffix(raw, "#"):
		return nil, fmt.Errorf("URL %s: leave out the part from # on", Quote(WithoutQuery(raw)))
	case u.Scheme == "file":
		if err := checkFileMirror(u, signed); err != nil {
			return nil, fmt.Errorf("URL %s: %w", Quote(WithoutQuery(raw)), err)
		}
		return u, nil
	case u.Scheme == "http" && !signed:
		return nil, fmt.Errorf("URL %s: what comes from there is not signed, and only TLS protects it; write https://", Quote(WithoutQuery(raw)))
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("URL %s: write it as https://host/path", Quote(WithoutQuery(raw)))
	case u.Hostname() == "":
		return nil, fmt.Errorf("URL %s: names no host", Quote(WithoutQuery(raw)))
	}
	return u, nil
}

// appendPath appends path, which may be or hold a query, to the URL of a mirror.
func appendPath(mirror, path string) (string, error) {
	switch {
	case path == "":
		return mirror, nil
	case strings.Contains(mirror, "?"):
		return "", errors.New("a path is to be appended to this URL: leave out its query")
	case strings.HasPrefix(path, "?"):
		return mirror + path, nil
	}
	return strings.TrimSuffix(mirror, "/") + "/" + strings.TrimPrefix(path, "/"), nil
}

// checkHeader says early what sending would complain of. Values may be secret and are not shown.
func checkHeader(header map[string]string) error {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" // RFC 9110 §5.6.2
	for name, value := range header {
		if name == "" || strings.Trim(name, token) != "" {
			return fmt.Errorf("header %s: not the name of a header", Quote(name))
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
			return fmt.Errorf("header %s: its value holds a control character (a line end, perhaps)", Quote(name))
		}
	}
	return nil
}

// proxyOf is the proxy of that URL, or the one that the environment names. A proxy that is itself reached by TLS would be
// judged by the pins and authorities of the server.
func proxyOf(raw string) (func(*http.Request) (*url.URL, error), error) {
	errScheme := errors.New("proxy: write it as http://host:port or socks5://host:port") // the URL may hold a password
	usable := func(u *url.URL) bool {
		return (u.Scheme == "http" || u.Scheme == "socks5" || u.Scheme == "socks5h") && u.Hostname() != ""
	}
	if raw == "" {
		return func(req *http.Request) (*url.URL, error) {
			u, err := http.ProxyFromEnvironment(req)
			if err == nil && u != nil && !usable(u) {
				err = fmt.Errorf("from the environment: %w", errScheme)
			}
			return u, err
		}, nil
	}
	u, err := url.Parse(raw)
	if err != nil || !usable(u) {
		return nil, errScheme
	}
	return http.ProxyURL(u), nil
}
