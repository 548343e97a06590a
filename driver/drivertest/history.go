package drivertest

import (
	"errors"
	"slices"
	"sync"
	"time"
)

var errNotSeen = errors.New("did not come in time")

// history is a list that only grows, and that can be waited for. The zero history is empty.
type history[T any] struct {
	mu    sync.Mutex
	items []T
	more  chan struct{} // closed when something is added
	end   error         // nothing is added any more, and why
}

func (h *history[T]) add(item T) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.items = append(h.items, item)
	h.wake()
}

func (h *history[T]) close(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.end == nil {
		h.end = why
		h.wake()
	}
}

func (h *history[T]) wake() {
	if h.more != nil {
		close(h.more)
		h.more = nil
	}
}

func (h *history[T]) len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.items)
}

// since returns a copy of what was added from index from on, and why nothing more will be, if so.
func (h *history[T]) since(from int) ([]T, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.items[min(max(from, 0), len(h.items)):]), h.end
}

// await returns the first item from index from on that matches, waiting for it if need be.
func (h *history[T]) await(from int, timeout time.Duration, match func(T) bool) (T, error) {
	late := time.After(timeout)
	var none T
	for i := max(from, 0); ; {
		h.mu.Lock()
		for ; i < len(h.items); i++ {
			if item := h.items[i]; match(item) {
				h.mu.Unlock()
				return item, nil
			}
		}
		if h.end != nil {
			h.mu.Unlock()
			return none, h.end
		}
		if h.more == nil {
			h.more = make(chan struct{})
		}
		more := h.more
		h.mu.Unlock()
		select {
		case <-more:
		case <-late:
			return none, errNotSeen
		}
	}
}
