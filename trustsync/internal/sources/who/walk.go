package who

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"net/url"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync/internal/fetch"
	"gatescan/trustsync/internal/source"
)

// Bounds of a tree of references. The published one has four levels: domain, participant, usage, and the lists.
const (
	maxWHODepth     = 4
	maxWHODocuments = 500
)

// whoWalk follows references. Either all documents are had, or nothing is: keys of some countries only would look like
// the withdrawal of the others.
type whoWalk struct {
	*who
	list      *whoList
	home      string                   // host of the root's name
	bases     []string                 // URLs of the mirrors without the path of the root
	clients   map[string]*fetch.Client // by host
	seen      map[string]bool          // names of documents
	queue     []whoReference
	documents int
	first     bool     // nothing was ever had of these documents
	hadNot    []string // names of documents that were missing the last time
	missing   []string // likewise this time
	room      int64    // bytes that may still come
	signed    time.Time
	digest    hash.Hash
}

type whoReference struct {
	id    string
	depth int
}

func newWHOWalk(s *who, root *didDocument) *whoWalk {
	w := &whoWalk{
		who: s, list: newWHOList(s.filter), clients: map[string]*fetch.Client{}, seen: map[string]bool{root.id: true},
		room: source.MaxListSize, digest: sha256.New(),
	}
	name, err := parseDID(root.id)
	if err != nil { // open has read it
		return w
	}
	w.home = name.host
	for _, raw := range s.urls {
		if base, ok := strings.CutSuffix(raw, name.path()); ok {
			w.bases = append(w.bases, base)
		}
	}
	w.take(root, 0)
	return w
}

// Take notes what a document refers to.
func (w *whoWalk) take(d *didDocument, depth int) {
	if w.signed.IsZero() || d.created().Before(w.signed) {
		w.signed = d.created()
	}
	for _, m := range d.methods {
		if !m.reference || w.seen[m.id] {
			continue
		}
		w.seen[m.id] = true
		if err := w.follows(m.id); err != nil {
			if !errors.Is(err, errWHOOthers) {
				w.list.SkipNamed(m.id, err)
			}
			continue
		}
		w.queue = append(w.queue, whoReference{m.id, depth + 1})
	}
}

// follows says why a reference is not followed.
func (w *whoWalk) follows(id string) error {
	name, err := parseDID(id)
	if err != nil {
		return fmt.Errorf("not followed: %w", err)
	}
	if name.host != w.home && !w.isListed(name.host) {
		return errWHOElsewhere
	}
	if len(name.dirs) < 2 || name.dirs[0] != "v2" {
		return errors.New("not followed: no document of version 2")
	}
	// /v2/{trustlist,trustlist-ref}/domain/participant/usage, each of which may be - for all or absent.
	wanted := [][]string{{w.filter.domain}, w.filter.participants, {w.filter.usage}}
	if name.dirs[1] != "trustlist" && name.dirs[1] != "trustlist-ref" {
		return nil
	}
	for i, part := range name.dirs[2:] {
		if i >= len(wanted) || part == "-" || len(wanted[i]) == 0 {
			continue
		}
		if part == "SCA" {
			part = "CSCA"
		}
		if !slices.Contains(wanted[i], part) {
			return errWHOOthers
		}
	}
	const participant = 3 // behind v2, trustlist and domain
	if len(name.dirs) > participant && len(w.filter.participants) == 0 && !w.filter.virtual {
		if p := name.dirs[participant]; p != "-" && isVirtual(p) {
			return errWHOTest
		}
	}
	return nil
}

// isListed says whether a host is that of one of the URLs.
func (w *whoWalk) isListed(host string) bool {
	return slices.ContainsFunc(w.urls, func(raw string) bool {
		u, err := url.Parse(raw)
		return err == nil && strings.EqualFold(u.Host, host)
	})
}

// run takes the keys of the root, whose bytes are raw, and of all that it refers to.
func (w *whoWalk) run(ctx context.Context, now source.Moment, root *didDocument, raw []byte) error {
	if err := w.add(root, raw); err != nil {
		return err
	}
	for len(w.queue) > 0 {
		next := w.queue[0]
		w.queue = w.queue[1:]
		now.ReportProgress(w.documents, w.documents+len(w.queue)+1)
		d, raw, err := w.fetch(ctx, now, next)
		if isMissing(err) && w.neverHad(next.id) {
			w.missing = append(w.missing, next.id)
			w.list.SkipNamed(next.id, err)
			continue
		}
		if err == nil {
			err = w.add(d, raw)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", next.id, err)
		}
		w.take(d, next.depth)
	}
	now.ReportProgress(w.documents, w.documents)
	return nil
}

// isMissing reports whether an error says that a document does not exist.
func isMissing(err error) bool {
	var status *fetch.StatusError
	return errors.Is(err, fs.ErrNotExist) || errors.As(err, &status) && status.NotFound()
}

// neverHad reports whether nothing was ever taken from a document: then its absence withdraws nothing. A document that was there
// before and is gone ends the walk, so that the source keeps everything that it had.
func (w *whoWalk) neverHad(id string) bool { return w.first || slices.Contains(w.hadNot, id) }

// Add takes the keys of one document.
func (w *whoWalk) add(d *didDocument, raw []byte) error {
	w.documents++
	w.room -= int64(len(raw))
	sum := sha256.Sum256(raw)
	w.digest.Write(sum[:])
	return w.list.add(d)
}

// fetch gets the document of a reference.
func (w *whoWalk) fetch(ctx context.Context, now source.Moment, ref whoReference) (d *didDocument, raw []byte, err error) {
	switch {
	case ref.depth > maxWHODepth:
		return nil, nil, fmt.Errorf("%w: more than %d references deep", source.ErrTooLarge, maxWHODepth)
	case w.documents >= maxWHODocuments:
		return nil, nil, fmt.Errorf("%w: more than %d documents", source.ErrTooLarge, maxWHODocuments)
	case w.room <= 0:
		return nil, nil, fmt.Errorf("%w: more than %d bytes in all", source.ErrTooLarge, source.MaxListSize)
	}
	name, err := parseDID(ref.id)
	if err != nil {
		return nil, nil, err
	}
	from, err := w.clientOf(name.host)
	if err != nil {
		return nil, nil, err
	}
	err = from.Get(ctx, now, fetch.Request{Path: name.path(), Limit: min(w.room, maxDIDSize)}, func(answer *fetch.Response) (err error) {
		if d, err = w.open(answer, now); err != nil {
			return err
		}
		if d.id != ref.id {
			return fmt.Errorf("%w: %s", errWHOName, d.id)
		}
		raw = answer.Body
		return nil
	})
	return d, raw, err
}

// clientOf is how a host is asked: the root's by the mirrors that the operator named, any other by its own name.
func (w *whoWalk) clientOf(host string) (*fetch.Client, error) {
	if c := w.clients[host]; c != nil {
		return c, nil
	}
	bases := w.bases
	if host != w.home {
		bases = []string{"https://" + host}
	}
	c, err := fetch.New(bases, w.transport, true)
	if err == nil {
		w.clients[host] = c
	}
	return c, err
}

func (w *whoWalk) close() {
	for _, c := range w.clients {
		c.CloseIdle()
	}
}
