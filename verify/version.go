package verify

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strings"
)

// Version is a semantic version (semver.org 2.0.0). Build metadata have no precedence and are not kept.
type Version struct {
	Major, Minor, Patch uint32
	Pre                 string // pre-release, without the hyphen; empty for a release
}

var errVersion = errors.New("not a semantic version like 1.0.3")

// maxPre bounds the pre-release of a version, in bytes.
const maxPre = 32

// ParseVersion reads a version of the form 1.0.3, 1.0.3-rc.1 or 1.0.3+build.
func ParseVersion(s string) (v Version, err error) {
	core, _, _ := strings.Cut(s, "+")
	core, pre, isPre := strings.Cut(core, "-")
	v, ok := parseVersion(core)
	v.Pre = pre
	if !ok || isPre != isPreRelease(pre) {
		return Version{}, fmt.Errorf("%.40q is %w", s, errVersion)
	}
	return v, nil
}

// parseVersion reads three numbers. It does not allocate.
func parseVersion[T string | []byte](s T) (v Version, ok bool) {
	numbers := [...]*uint32{&v.Major, &v.Minor, &v.Patch}
	field, digits := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == '.' && digits > 0 && field < len(numbers)-1:
			field, digits = field+1, 0
		case '0' <= c && c <= '9':
			n := uint64(*numbers[field])*10 + uint64(c-'0')
			if n > math.MaxUint32 {
				return Version{}, false
			}
			*numbers[field] = uint32(n)
			digits++
		default:
			return Version{}, false
		}
	}
	return v, digits > 0 && field == len(numbers)-1
}

func isPreRelease(pre string) bool {
	if pre == "" || len(pre) > maxPre {
		return false
	}
	for part := range strings.SplitSeq(pre, ".") {
		if part == "" || strings.Trim(part, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-") != "" {
			return false
		}
	}
	return true
}

// Compare is -1, 0 or 1 as v precedes w, is the same, or comes after it (semver.org §11).
func (v Version) Compare(w Version) int {
	return cmp.Or(cmp.Compare(v.Major, w.Major), cmp.Compare(v.Minor, w.Minor), cmp.Compare(v.Patch, w.Patch), comparePre(v.Pre, w.Pre))
}

// comparePre compares pre-releases part by part; there is none in a release, which comes after all of them.
func comparePre(a, b string) int {
	if a == b {
		return 0
	}
	if a == "" || b == "" {
		return cmp.Compare(len(b), len(a))
	}
	left, right := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(left), len(right)) {
		if c := comparePart(left[i], right[i]); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(left), len(right))
}

// comparePart compares numbers as numbers; a number precedes what is none.
func comparePart(a, b string) int {
	aNumber, bNumber := strings.Trim(a, "0123456789") == "", strings.Trim(b, "0123456789") == ""
	switch {
	case aNumber && bNumber:
		a, b = strings.TrimLeft(a, "0"), strings.TrimLeft(b, "0")
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	case aNumber:
		return -1
	case bNumber:
		return 1
	}
	return cmp.Compare(a, b)
}

func (v Version) String() string {
	s := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	return s
}
