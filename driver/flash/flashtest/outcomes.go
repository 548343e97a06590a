package flashtest

import (
	"bytes"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
)

// parts is the number of lengths at which a file may be cut.
const parts = 6

// forms returns what a file may hold after the cut: what was synced, what was to be, a part of it with its sectors in any
// order, less, and zeros or rubbish where the flash was being written.
func (n *node) forms() [][]byte {
	if bytes.Equal(n.data, n.durableData) {
		return [][]byte{n.data}
	}
	const sector = 512
	size := len(n.data)
	old, rubbish := make([]byte, size), bytes.Repeat([]byte{0xa5}, size)
	copy(old, n.durableData)
	odd, even := bytes.Clone(n.data), bytes.Clone(n.data)
	for at := 0; at < size; at += sector {
		half := even
		if at/sector%2 == 1 {
			half = odd
		}
		copy(half[at:min(at+sector, size)], old[at:])
	}
	all := [][]byte{n.durableData, n.data, make([]byte, size), rubbish, odd, even}
	if size < 2 {
		return all
	}
	// The first kilobyte is where heads and checksums are, so it is cut more finely.
	for _, span := range []int{min(size, 1024), size} {
		for part := range parts {
			length := 1 + part*(span-2)/(parts-1)
			all = append(all, n.data[:length], slices.Concat(n.data[:length], make([]byte, size-length)),
				slices.Concat(n.data[:length], old[length:]), slices.Concat(n.data[:length], rubbish[length:]))
		}
	}
	return all
}

// cut is a disk at the moment at which its power goes: all that is undecided.
type cut struct {
	root    *node
	files   []*node // whose contents are not durable
	forms   map[*node][][]byte
	pending int // changes of directories
	total   int // outcomes, math.MaxInt if they are more than that
}

func newCut(root *node) *cut {
	c := &cut{root: root, forms: map[*node][][]byte{}, total: 1}
	seen := map[*node]bool{}
	c.look(root, seen)
	return c
}

func (c *cut) times(n int) {
	if c.total > math.MaxInt/n {
		c.total = math.MaxInt
	} else {
		c.total *= n
	}
}

// look finds each node that may be reached after the cut, in an order that is always the same.
func (c *cut) look(n *node, seen map[*node]bool) {
	if seen[n] {
		return
	}
	seen[n] = true
	if n.entries == nil {
		if forms := n.forms(); len(forms) > 1 {
			c.files, c.forms[n] = append(c.files, n), forms
			c.times(len(forms))
		}
		return
	}
	c.pending += len(n.pending)
	for range n.pending {
		c.times(2)
	}
	for _, entries := range []map[string]*node{n.entries, n.durable} {
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			c.look(entries[name], seen)
		}
	}
	for _, e := range n.pending {
		c.look(e.node, seen)
	}
}

// leave returns the disk that is found after the cut. choose returns one of n possibilities.
func (c *cut) leave(choose func(n int) int) *Disk {
	data := map[*node][]byte{}
	for _, f := range c.files {
		data[f] = c.forms[f][choose(len(c.forms[f]))]
	}
	happened := map[*node][]bool{} // by directory
	c.decide(c.root, happened, choose)
	made := map[*node]*node{}
	var settled func(n *node) *node
	settled = func(n *node) *node {
		if made[n] != nil {
			return made[n]
		}
		s := &node{access: n.access}
		made[n] = s
		if n.entries == nil {
			held, undecided := data[n]
			if !undecided {
				held = n.data
			}
			s.data, s.durableData = held, held
			return s
		}
		entries := maps.Clone(n.durable)
		for i, e := range n.pending {
			if happened[n][i] {
				e.apply(entries)
			}
		}
		s.entries = make(map[string]*node, len(entries))
		for name, e := range entries {
			s.entries[name] = settled(e)
		}
		s.durable = maps.Clone(s.entries)
		return s
	}
	return &Disk{root: settled(c.root)}
}

// decide chooses which changes of directories happened.
func (c *cut) decide(n *node, happened map[*node][]bool, choose func(n int) int) {
	if n.entries == nil || happened[n] != nil {
		return
	}
	happened[n] = make([]bool, 0, len(n.pending))
	for range n.pending {
		happened[n] = append(happened[n], choose(2) == 1)
	}
	for _, entries := range []map[string]*node{n.entries, n.durable} {
		for _, name := range slices.Sorted(maps.Keys(entries)) {
			c.decide(entries[name], happened, choose)
		}
	}
	for _, e := range n.pending {
		c.decide(e.node, happened, choose)
	}
}

// Outcomes calls found with what a cut may leave: every change of a directory that is not durable happened or not, each by
// itself, and each file whose content is not durable is in one of its forms. If there are more than limit outcomes it takes
// a sample: that nothing happened, that all did, and random ones. It returns how many it tried.
func (d *Disk) Outcomes(limit int, random *rand.Rand, found func(*Disk)) (tried int) {
	c := newCut(d.root)
	if c.total <= limit {
		for k := range c.total {
			found(c.leave(func(n int) int {
				chosen := k % n
				k /= n
				return chosen
			}))
		}
		return c.total
	}
	for k := range limit {
		found(c.leave(func(n int) int {
			switch k {
			case 0:
				return 0
			case 1:
				return 1
			}
			return random.IntN(n)
		}))
	}
	return limit
}
