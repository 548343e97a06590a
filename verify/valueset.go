package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

// ParseValueSet reads a value set as the EU publishes it: valueSetId, and valueSetValues by code. The codes come sorted.
// Codes that are no longer active stay in, as they do for the apps of the EU: passes with them are still about.
func ParseValueSet(data []byte) (id string, codes []string, err error) {
	if len(data) > MaxValueSet {
		return "", nil, fmt.Errorf("value set: %d bytes, at most %d", len(data), MaxValueSet)
	}
	var set struct {
		ValueSetID     string                     `json:"valueSetId"`
		ValueSetValues map[string]json.RawMessage `json:"valueSetValues"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return "", nil, fmt.Errorf("value set %s: %w", set.ValueSetID, err)
	}
	switch {
	case set.ValueSetID == "":
		return "", nil, errors.New("value set: valueSetId is missing")
	case len(set.ValueSetID) > maxValueSetID:
		return "", nil, fmt.Errorf("value set %.20q...: valueSetId is longer than %d bytes", set.ValueSetID, maxValueSetID)
	case set.ValueSetValues == nil: // an empty one is a set all the same
		return "", nil, fmt.Errorf("value set %s: valueSetValues is missing", set.ValueSetID)
	}
	return set.ValueSetID, slices.Sorted(maps.Keys(set.ValueSetValues)), nil
}

// maxValueSetID bounds the id of a value set, in bytes.
const maxValueSetID = 100
