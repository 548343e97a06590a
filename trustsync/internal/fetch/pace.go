package fetch

import (
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"time"
)

// patience is how long the steps of a request may take, within its deadline.
type patience struct {
	dial, handshake, header time.Duration
	idle                    time.Duration // that a connection is kept for the next request

	// In each window at least floor bytes of a body must come: one byte a second would keep a gate busy until the deadline.
	window time.Duration
	floor  int64
}

// The floor is a tenth of what GPRS gives.
var defaultPatience = patience{
	dial: 15 * time.Second, handshake: 15 * time.Second, header: 20 * time.Second, idle: 15 * time.Second,
	window: 15 * time.Second, floor: 15 * 400,
}

// paced counts what comes of a body.
type paced struct {
	io.Reader
	got atomic.Int64 // bytes in the window
}

func (p *paced) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	p.got.Add(int64(n))
	return n, err
}

// watch ends the request by stop if the body comes too slowly, until ctx ends.
func (c *Client) watch(ctx context.Context, stop context.CancelCauseFunc, body io.Reader) io.Reader {
	p := &paced{Reader: body}
	go func() {
		window := time.NewTicker(c.patience.window)
		defer window.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-window.C:
				if got := p.got.Swap(0); got < c.patience.floor {
					stop(fmt.Errorf("too slow: %d bytes in %v", got, c.patience.window))
					return
				}
			}
		}
	}()
	return p
}
