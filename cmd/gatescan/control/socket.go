package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What the other commands may ask of a living daemon.
const (
	CommandRelease = "release" // answered with []released
	CommandState   = "state"
	CommandTrust   = "trust"    // answered with a trustsync.State
	CommandSync    = "sync"     // asks every source now; answered with the trustsync.State before
	CommandForget  = "forget"   // forgets the floor of request.Source
	CommandVouch   = "vouch"    // somebody says that the wall clock is right
	CommandTest    = "selftest" // does request.Step of a self-test
)

// Limits of the control socket.
const (
	maxRequest     = 4 << 10
	maxAnswer      = 1 << 20
	maxConnections = 8
	Timeout        = 2 * time.Second // to send a request, to take an answer; the client's for both
)

// Request is the one line that a client sends.
type Request struct {
	Command string `json:"command"`
	Source  string `json:"source,omitempty"`
	Step    string `json:"step,omitempty"` // of a self-test, with its token
	Token   string `json:"token,omitempty"`
	Signal  string `json:"signal,omitempty"`
}

// Answer is the one line that it gets: an error, or the result of the command.
type Answer struct {
	Error  string          `json:"error,omitempty"`
	Result json.RawMessage `json:"result,omitempty"`
}

// Handlers has one function for each command; the result must be something that encoding/json can write. They run on
// a goroutine of the connection, several at once if several ask. ctx ends with the daemon.
type Handlers map[string]func(ctx context.Context, asked Request) (any, error)

// Socket is the control socket of a living daemon: a unix stream socket for one request a connection.
type Socket struct {
	listener *net.UnixListener
	log      *slog.Logger
}

// Listen makes the control socket, for root, the daemon's user and the operators' group (a name or a number;
// empty for no group). It puts it over that of a dead daemon, which is why the lock must be held. Clients may connect
// from now on; they are answered by Serve.
func Listen(held *Lock, group string, log *slog.Logger) (*Socket, error) {
	gid, err := FindGroup(group)
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	switch info, err := held.root.Lstat(socketFile); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, fmt.Errorf("control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return nil, fmt.Errorf("control socket: %s is something else; remove it", filepath.Join(held.dir, socketFile))
	default:
		if err := held.root.Remove(socketFile); err != nil {
			return nil, fmt.Errorf("control socket: %w", err)
		}
	}
	// The mode of an unbound socket is that of its file once it is bound, less the umask: so nobody can connect before it
	// belongs to the group.
	private := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), 0o600) })
		return errors.Join(err, failed)
	}}
	listener, err := private.Listen(context.Background(), "unix", filepath.Join(held.dir, socketFile))
	if err != nil {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	c := &Socket{listener: listener.(*net.UnixListener), log: log}
	if err := held.root.Chown(socketFile, -1, gid); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: group %s: %w; run the daemon with this group", group, err), c.Close())
	}
	if err := held.root.Chmod(socketFile, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), c.Close())
	}
	return c, nil
}

// FindGroup returns the number of a group, -1 for none.
func FindGroup(name string) (gid int, err error) {
	if name == "" {
		return -1, nil
	}
	if gid, err := strconv.ParseUint(name, 10, 31); err == nil {
		return int(gid), nil
	}
	group, err := user.LookupGroup(name)
	if err != nil {
		return 0, fmt.Errorf("there is no group %q; create it, or name another one", name)
	}
	return strconv.Atoi(group.Gid)
}

// Close ends the listening and removes the socket. The lock must still be held.
func (c *Socket) Close() error {
	if err := c.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Serve answers requests until ctx ends or c is closed, and waits for those in progress.
func (c *Socket) Serve(ctx context.Context, commands Handlers) {
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	var answering sync.WaitGroup
	defer answering.Wait()
	slots := make(chan struct{}, maxConnections)
	for {
		conn, err := c.listener.AcceptUnix()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // no descriptor left, say
			c.log.Warn("control socket", "err", err)
			time.Sleep(100 * time.Millisecond)
			continue
		}
		select {
		case slots <- struct{}{}:
			answering.Go(func() {
				defer func() { <-slots }()
				c.connected(ctx, conn, commands)
			})
		default:
			reply(conn, Answer{Error: "too many ask at once; try again"})
			_ = conn.Close()
		}
	}
}

// connected answers the one request of a connection.
func (c *Socket) connected(ctx context.Context, conn *net.UnixConn, commands Handlers) {
	defer conn.Close()
	log := c.log
	if peer, err := peerOf(conn); err == nil {
		log = log.With("uid", peer.Uid, "pid", peer.Pid)
	}
	_ = conn.SetReadDeadline(time.Now().Add(Timeout))
	asked, err := readRequest(conn)
	if err != nil {
		log.Warn("control: not understood", "err", err)
		reply(conn, Answer{Error: err.Error()})
		return
	}
	run := commands[asked.Command]
	if run == nil {
		log.Warn("control: no such command", "command", shorten(asked.Command))
		reply(conn, Answer{Error: fmt.Sprintf("this daemon knows no command %q", shorten(asked.Command))})
		return
	}
	result, err := run(ctx, asked)
	level := slog.LevelInfo
	if asked.Command == CommandState || asked.Command == CommandTrust { // monitors ask every few seconds
		level = slog.LevelDebug
	}
	log.Log(ctx, level, "control", "command", asked.Command, "err", err)
	if err != nil {
		reply(conn, Answer{Error: err.Error()})
		return
	}
	encoded, err := json.Marshal(result)
	if err != nil {
		reply(conn, Answer{Error: err.Error()})
		return
	}
	reply(conn, Answer{Result: encoded})
}

// readRequest reads one line, strictly.
func readRequest(r io.Reader) (asked Request, err error) {
	line, err := bufio.NewReaderSize(r, maxRequest).ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return Request{}, fmt.Errorf("the request is longer than %d bytes", maxRequest)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return Request{}, fmt.Errorf("no request came within %v", Timeout)
	case err != nil:
		return Request{}, errors.New("the request has no end; it must be one line")
	}
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		return Request{}, fmt.Errorf(`the request is not of the form {"command":"state"}: %w`, err)
	}
	if decoder.More() || asked.Command == "" {
		return Request{}, errors.New(`the request is not of the form {"command":"state"}`)
	}
	return asked, nil
}

// reply sends one line. A client that does not take it has gone, or is let go.
func reply(conn net.Conn, a Answer) {
	line, err := json.Marshal(a)
	if err != nil { // only a handler's own MarshalJSON could do that
		line = []byte(`{"error":"the answer cannot be written"}`)
	}
	_ = conn.SetWriteDeadline(time.Now().Add(Timeout))
	_, _ = conn.Write(append(line, '\n'))
}

// peerOf says who connected (SO_PEERCRED, unix(7)).
func peerOf(conn *net.UnixConn) (peer *unix.Ucred, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		peer, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	return peer, errors.Join(controlErr, err)
}

// shorten keeps what a stranger sent from filling the log.
func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
