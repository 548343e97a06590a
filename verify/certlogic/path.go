package certlogic

import (
	"slices"
	"strings"
)

// fragment is one step of a path: a name, or an index if it consists of digits.
type fragment struct {
	name  string
	index int32 // -1 for a name
}

// noSuchIndex is an index that no array reaches.
const noSuchIndex = 1<<31 - 1

// splitPath takes a path apart. The empty path has no fragments; otherwise no fragment may be empty.
func splitPath(path string) (fragments []fragment, ok bool) {
	if path == "" {
		return nil, true
	}
	for name := range strings.SplitSeq(path, ".") {
		if name == "" {
			return nil, false
		}
		fragments = append(fragments, fragment{name: name, index: indexOf(name)})
	}
	return fragments, true
}

// indexOf reads an index, or -1 if it is none.
func indexOf(name string) int32 {
	n := int32(0)
	for i := range len(name) {
		switch digit := int32(name[i]) - '0'; {
		case digit < 0 || digit > 9:
			return -1
		case n > (noSuchIndex-digit)/10:
			n = noSuchIndex
		default:
			n = n*10 + digit
		}
	}
	return n
}

// branch is a place in the data that some rule reads, or passes on its way. A set's branches are one tree, so that a
// single walk over a payload finds them all; the first is the whole data. A branch's number is that of its slot.
type branch struct {
	names   []edge // open-addressed by hashName; a power of two, or none
	indexes []edge // in ascending order
}

// edge leads from a branch to the next.
type edge struct {
	fragment
	to int32 // 0 in names: no edge; nothing leads to the first branch
}

func hashName[T string | []byte](name T) uint32 {
	if len(name) == 0 {
		return 0
	}
	return uint32(name[0])*7 + uint32(name[len(name)-1])*31 + uint32(len(name))
}

// find finds where a name leads, or 0.
func (b *branch) find(name []byte) int32 {
	mask := uint32(len(b.names)) - 1
	for i := hashName(name); ; i++ {
		e := &b.names[i&mask]
		if e.to == 0 || e.name == string(name) {
			return e.to
		}
	}
}

// next finds where a fragment leads, or 0.
func (b *branch) next(f fragment) int32 {
	if f.index >= 0 {
		for _, e := range b.indexes {
			if e.index == f.index { // however many zeros were written before it
				return e.to
			}
		}
		return 0
	}
	if len(b.names) == 0 {
		return 0
	}
	return b.find([]byte(f.name))
}

// add adds an edge that is not there yet.
func (b *branch) add(e edge) {
	if e.index >= 0 {
		at, _ := slices.BinarySearchFunc(b.indexes, e.index, func(e edge, index int32) int { return int(e.index) - int(index) })
		b.indexes = slices.Insert(b.indexes, at, e)
		return
	}
	all := []edge{e}
	for _, old := range b.names {
		if old.to != 0 {
			all = append(all, old)
		}
	}
	size := 4
	for size < 2*len(all)+1 { // at least half of it is free, so find ends soon
		size *= 2
	}
	b.names = make([]edge, size)
	for _, e := range all {
		i := hashName(e.name)
		for b.names[i&uint32(size-1)].to != 0 {
			i++
		}
		b.names[i&uint32(size-1)] = e
	}
}
