package status

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Limits of connections. What comes beyond them is closed unheard.
const (
	maxConnections = 64
	maxOfAddress   = 16 // of one host, other than this one
)

// listen opens the address of a configuration.
func listen(ctx context.Context, c *Config) (net.Listener, error) {
	var listener net.Listener
	var err error
	if path := c.socket(); path != "" {
		listener, err = listenSocket(ctx, path, c.Group)
	} else {
		listener, err = new(net.ListenConfig).Listen(ctx, "tcp", c.Address)
	}
	if err != nil {
		return nil, err
	}
	return &bounded{Listener: listener, of: map[netip.Addr]int{}}, nil
}

// listenSocket makes a unix socket for the daemon's user and a group, over that of a dead daemon.
func listenSocket(ctx context.Context, path string, group int) (net.Listener, error) {
	switch info, err := os.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("%s is something else than a socket; remove it", path)
	default:
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	// The mode of an unbound socket is that of its file once it is bound, less the umask: nobody connects before it belongs
	// to the group.
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = syscall.Fchmod(int(fd), 0o600) })
		return errors.Join(err, failed)
	}}
	listener, err := private.Listen(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	if group != 0 {
		err = os.Chown(path, -1, group)
	}
	if err == nil {
		err = os.Chmod(path, 0o660)
	}
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

// bounded is a listener with so many connections at once and no more.
type bounded struct {
	net.Listener
	mu    sync.Mutex
	total int
	of    map[netip.Addr]int // no address that has none
}

func (b *bounded) Accept() (net.Conn, error) {
	for {
		conn, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := neighbours(conn.RemoteAddr().String())
		if b.enter(from) {
			return &counted{Conn: conn, leave: sync.OnceFunc(func() { b.leave(from) })}, nil
		}
		_ = conn.Close()
	}
}

func (b *bounded) enter(from netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	distant := from.IsValid() && !from.IsLoopback()
	if b.total >= maxConnections || distant && b.of[from] >= maxOfAddress {
		return false
	}
	b.total++
	b.of[from]++
	return true
}

func (b *bounded) leave(from netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total--
	if b.of[from]--; b.of[from] == 0 {
		delete(b.of, from)
	}
}

// counted is a connection that gives its place back.
type counted struct {
	net.Conn
	leave func()
}

func (c *counted) Close() error {
	c.leave()
	return c.Conn.Close()
}
