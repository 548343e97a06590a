package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Why a daemon did not answer.
var (
	ErrNoSocket     = errors.New("no daemon has made a control socket")
	ErrNotListening = errors.New("the daemon behind the control socket is gone")
	errNoAnswer     = errors.New("the daemon does not answer")
)

// Ask asks the daemon of a runtime directory, and waits for its answer until ctx ends, at most Timeout if
// ctx has no deadline. The error is, or wraps, one of the three above or fs.ErrPermission; that the daemon could not do
// it is said in the answer.
func Ask(ctx context.Context, dir string, ask Request) (Answer, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, Timeout)
		defer cancel()
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unix", filepath.Join(dir, socketFile))
	if err != nil {
		return Answer{}, whyNoAnswer(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()

	line, err := json.Marshal(ask)
	if err != nil {
		return Answer{}, err
	}
	// A daemon that has too much to do answers without having read: so a failed write is no reason not to read.
	_, _ = conn.Write(append(line, '\n'))
	line, err = bufio.NewReaderSize(conn, maxAnswer).ReadSlice('\n')
	if err != nil {
		return Answer{}, whyNoAnswer(err)
	}
	var a Answer
	if err := json.Unmarshal(line, &a); err != nil {
		return Answer{}, fmt.Errorf("the daemon's answer makes no sense: %w", err)
	}
	return a, nil
}

func whyNoAnswer(err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		return ErrNoSocket
	case errors.Is(err, unix.ECONNREFUSED), errors.Is(err, io.EOF), errors.Is(err, unix.ECONNRESET), errors.Is(err, unix.EPIPE):
		return ErrNotListening
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, unix.EAGAIN): // its queue is full of others that wait
		return errNoAnswer
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("you may not speak to the daemon; be root or of its operators' group: %w", err)
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("the daemon's answer is longer than %d bytes", maxAnswer)
	}
	return err
}
