package flashtest

import (
	"maps"
	"path"
	"strings"

	"gatescan/driver/flash"
)

// node is a file or a directory.
type node struct {
	access            flash.Access
	data, durableData []byte // of a file: as it is read, and as of the last Sync

	entries map[string]*node // of a directory: as it is read; nil for a file
	durable map[string]*node // as of the last SyncDir
	pending []entry          // changes since then, in their order
}

func newDirectory(a flash.Access) *node {
	return &node{access: a, entries: map[string]*node{}, durable: map[string]*node{}}
}

// entry is a change of a directory: from goes away if it is still that node, to becomes it.
type entry struct {
	from, to string
	node     *node
}

func (e entry) apply(entries map[string]*node) {
	if e.from != "" && entries[e.from] == e.node {
		delete(entries, e.from)
	}
	if e.to != "" {
		entries[e.to] = e.node
	}
}

func (n *node) change(e entry) {
	e.apply(n.entries)
	n.pending = append(n.pending, e)
}

func (n *node) settle() { n.durable, n.pending = maps.Clone(n.entries), nil }

func (n *node) settleAll() {
	n.durableData = n.data
	if n.entries != nil {
		n.settle()
	}
	for _, e := range n.entries {
		e.settleAll()
	}
}

func (n *node) write(p []byte, at int64) {
	data := make([]byte, max(int(at)+len(p), len(n.data)))
	copy(data, n.data)
	copy(data[at:], p)
	n.data = data
}

// at returns the node of a path, nil if there is none.
func (n *node) at(name string) *node {
	if name = path.Clean(name); name == "." {
		return n
	}
	for part := range strings.SplitSeq(name, "/") {
		if n == nil {
			return nil
		}
		n = n.entries[part]
	}
	return n
}

// walk calls f with each file, in the order of names.
func (n *node) walk(prefix string, f func(name string, n *node)) {
	for _, name := range n.names() {
		if e := n.entries[name]; e.entries != nil {
			e.walk(prefix+name+"/", f)
		} else {
			f(prefix+name, e)
		}
	}
}

// Copy is deep. It takes over neither Before nor Fail nor the faults.
func (d *Disk) Copy() *Disk {
	same := map[*node]*node{}
	return &Disk{root: d.root.copy(same)}
}

func (n *node) copy(same map[*node]*node) *node {
	if same[n] != nil {
		return same[n]
	}
	c := &node{access: n.access, data: n.data, durableData: n.durableData}
	same[n] = c
	if n.entries == nil {
		return c
	}
	c.entries, c.durable = make(map[string]*node, len(n.entries)), make(map[string]*node, len(n.durable))
	for name, e := range n.entries {
		c.entries[name] = e.copy(same)
	}
	for name, e := range n.durable {
		c.durable[name] = e.copy(same)
	}
	for _, e := range n.pending {
		c.pending = append(c.pending, entry{e.from, e.to, e.node.copy(same)})
	}
	return c
}
