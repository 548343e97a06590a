// Package who is the source of WHO's Global Digital Health Certification Network: did.json documents, whose signature is over canonical N-Quads,
// and the references between them. It must never know the Syncer, the store or another source.
//
// The quads are written here and not by a library: the documents are so simple that their lines come in order, and a JSON-LD library
// would fetch contexts and allocate without bound.
package who

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
)

const Kind = "who"

// New makes the source of the WHO's Global Digital Health Certification Network, version 2. A URL is that of a did.json: a
// list with keys, or one with references to other lists, which are followed (walk.go). A mirror must keep the
// path: it tells what was asked for, and the document that comes must have the name that belongs to it.
//
// Every document has the time at which it was signed, and no end.
func New(c sources.Config) (source.Source, error) {
	a, err := pki.ParseAnchors(c.Anchors)
	if err != nil {
		return nil, err
	}
	if err := pki.AllP256(a.Keys); err != nil {
		return nil, err
	}
	f, err := newWHOFilter(c)
	if err != nil {
		return nil, err
	}
	for _, raw := range c.URLs {
		if err := checkWHOURL(raw); err != nil {
			return nil, err
		}
	}
	asker, err := fetch.New(c.URLs, c.Transport, true)
	if err != nil {
		return nil, err
	}
	return &who{asker, c.URLs, c.Transport, a, f, whoQuestion(c)}, nil
}

// checkWHOURL says early what is wrong with a URL that New would take.
func checkWHOURL(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil: // New says it better
		return nil
	case u.RawQuery != "" || u.ForceQuery:
		return fmt.Errorf("URL %s: leave out its query", fetch.Quote(fetch.WithoutQuery(raw)))
	case !strings.HasSuffix(raw, "/did.json"):
		return fmt.Errorf("URL %s: name a document, as in %s", fetch.Quote(raw), whoListURL)
	case strings.HasSuffix(raw, "/trustlist/did.json") && !strings.HasSuffix(raw, "/v2/trustlist/did.json"):
		return fmt.Errorf("URL %s is of a version 1 document, whose signature nobody could yet check; use version 2, as in %s", fetch.Quote(raw), whoListURL)
	}
	return nil
}

// who is the source of one document, and of those that it refers to.
type who struct {
	client    *fetch.Client
	urls      []string
	transport fetch.Transport
	anchors   pki.Anchors
	filter    whoFilter
	question  string
}

// Traits implements Source.
func (s *who) Traits() source.Traits {
	return source.Traits{
		Kind: Kind, Signs: "each document, with a pinned key", Age: source.AgeSigned, Rollback: true, Absence: "no longer listed",
	}
}

// Fetch implements Source. If there are references, Signed is the time of the oldest document that was used: a part that
// is held back shows in the age of the whole.
func (s *who) Fetch(ctx context.Context, now source.Moment) (*source.Holding, source.Report, error) {
	last := s.cursor(now.Last)
	r := fetch.Request{Limit: maxDIDSize, Header: map[string]string{}}
	if last.ETag != "" {
		r.Header["If-None-Match"] = last.ETag
	}
	var root *didDocument
	var got *fetch.Response
	err := s.client.Get(ctx, now, r, func(answer *fetch.Response) (err error) {
		if answer.NotModified() && last.ETag != "" {
			return source.ErrUnchanged
		}
		got = answer
		root, err = s.open(answer, now)
		if err == nil {
			err = source.CheckWindow(now, root.created(), time.Time{}, 0)
		}
		return err
	})
	if err != nil {
		return nil, source.Report{}, err
	}
	walk := newWHOWalk(s, root)
	defer walk.close()
	walk.first, walk.hadNot = last.Digest == nil, last.Missing
	if err := walk.run(ctx, now, root, got.Body); err != nil {
		return nil, source.Report{}, err
	}
	next := whoCursor{Question: s.question, Digest: walk.digest.Sum(nil), Missing: walk.missing}
	if string(next.Digest) == string(last.Digest) {
		return nil, source.Report{}, source.ErrUnchanged
	}
	if walk.documents == 1 {
		next.ETag = got.ETag()
	}
	if err := source.CheckWindow(now, walk.signed, time.Time{}, 0); err != nil {
		return nil, source.Report{}, err
	}
	signers, report := walk.list.done()
	return &source.Holding{Signers: signers, Signed: walk.signed, Cursor: next.bytes()}, report, nil
}

// Open reads an answer if it is authentic and what was asked for: any document of the network is authentic, and one country's
// list in the place of all would take away the others.
func (s *who) open(answer *fetch.Response, now source.Moment) (*didDocument, error) {
	if err := answer.OK(); err != nil {
		return nil, err
	}
	d, err := openDID(answer.Body, s.anchors)
	if err == nil {
		err = s.filter.environment.check(d)
	}
	if err != nil {
		return nil, err
	}
	name, err := parseDID(d.id)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	if !strings.HasSuffix(answer.URL, name.path()) {
		return nil, fmt.Errorf("%w: this is %s, which belongs to a URL that ends in %s", errWHOName, d.id, name.path())
	}
	now.Last = nil // the root alone is held against it: documents are not all signed at the same time
	return d, source.CheckWindow(now, d.created(), time.Time{}, 0)
}

// errWHOName: it is ErrNotAuthentic, for it is not what the signer put there.
var errWHOName = fmt.Errorf("%w: another document than was asked for", source.ErrNotAuthentic)

// whoCursor is what the source wants to be reminded of.
type whoCursor struct {
	Question string   // what was asked; of another question nothing else counts
	Digest   []byte   // of all documents
	ETag     string   `json:",omitempty"` // if there was only one
	Missing  []string `json:",omitempty"` // names of documents that were referred to and did not exist
}

// cursor reads the cursor of what was given last, the zero one if it has no use.
func (s *who) cursor(last *source.Holding) (c whoCursor) {
	if last == nil || json.Unmarshal(last.Cursor, &c) != nil || c.Question != s.question {
		return whoCursor{}
	}
	c.ETag = fetch.ValidETag(c.ETag)
	return c
}

func (c whoCursor) bytes() []byte {
	b, err := json.Marshal(c)
	if err == nil && len(b) > source.MaxCursor {
		c.ETag, c.Missing = "", nil
		b, err = json.Marshal(c)
	}
	if err != nil {
		return nil
	}
	return b
}

// whoQuestion tells apart configurations that make something else of the same documents.
func whoQuestion(c sources.Config) string {
	parts := []any{c.URLs, c.Anchors, c.CSCAs, c.Domain, c.Usage, c.Participants}
	if c.Environment != "" { // without one the question stays what it was
		parts = append(parts, c.Environment)
	}
	b, err := json.Marshal(parts)
	if err != nil { // strings and bytes: there is none
		return ""
	}
	sum := sha256.Sum256(b)
	return fmt.Sprintf("%x", sum[:8])
}

// didName is a did:web identifier in its parts (did:web §3.2).
type didName struct {
	host string // with its port, if it names one
	dirs []string
}

// parseDID reads the name of a document. Escapes are allowed only where there is no other way to write a port.
func parseDID(id string) (n didName, err error) {
	rest, ok := strings.CutPrefix(id, "did:web:")
	parts := strings.Split(rest, ":")
	host, port, hasPort := strings.Cut(strings.ToLower(parts[0]), "%3a")
	n.host, n.dirs = host, parts[1:]
	if hasPort {
		n.host += ":" + port
		ok = ok && isMadeOf(port, "0123456789")
	}
	ok = ok && isMadeOf(host, didLetters+".-")
	for _, dir := range n.dirs {
		ok = ok && isMadeOf(dir, didLetters+".-_") && dir != "." && dir != ".."
	}
	if !ok {
		return didName{}, fmt.Errorf("%.200q is not the name of a document", id)
	}
	return n, nil
}

// Path is where on its host the document is.
func (n didName) path() string {
	if len(n.dirs) == 0 {
		return "/.well-known/did.json"
	}
	return "/" + strings.Join(n.dirs, "/") + "/did.json"
}

// isMadeOf says whether s has only ASCII characters of set, and at least one.
func isMadeOf(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

var errWHOElsewhere = errors.New("not followed: on a host that is not among the URLs")
