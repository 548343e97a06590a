package status

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
)

// listen opens the address of a configuration.
func listen(ctx context.Context, c *Config) (*bounded, error) {
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
	return &bounded{Listener: listener}, nil
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
