package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"gatescan/cmd/gatescan/control"
	"gatescan/cmd/gatescan/control/controltest"
	"gatescan/cmd/gatescan/output"

	"golang.org/x/sys/unix"
)

// The modes of a helper process.
const (
	helperServes   = "serves"   // a daemon: lock, outputs, a line, control socket
	helperStarts   = "starts"   // a daemon whose control socket comes late
	helperDeaf     = "deaf"     // a daemon that does not serve its control socket
	helperJammed   = "jammed"   // a daemon whose handlers never return
	helperUnable   = "unable"   // a daemon whose line does not obey
	helperMute     = "mute"     // holds the lock and nothing else
	helperImpostor = "impostor" // holds the lock, but the lock file names another process
)

// The test binary becomes a helper before it becomes a test.
func init() {
	controltest.Become(map[string]controltest.Mode{
		helperServes:   serves(helperServes),
		helperStarts:   serves(helperStarts),
		helperDeaf:     serves(helperDeaf),
		helperJammed:   serves(helperJammed),
		helperUnable:   serves(helperUnable),
		helperMute:     serves(helperMute),
		helperImpostor: serves(helperImpostor),
	})
}

// closers are closed together.
type closers []io.Closer

func (all closers) Close() (err error) {
	for _, one := range all {
		err = errors.Join(err, one.Close())
	}
	return err
}

// serves expects the file of the line as the first argument of a helper.
func serves(mode string) controltest.Mode {
	return func(dir string, args []string) (io.Closer, error) {
		held, err := control.Acquire(dir)
		if err != nil {
			return nil, err
		}
		line, err := openFileLine(args[0], "1")
		if err != nil {
			return nil, err
		}
		switch mode {
		case helperMute:
		case helperImpostor:
			var file *os.File
			if file, err = os.OpenFile(filepath.Join(dir, "lock"), os.O_WRONLY, 0); err == nil {
				_, err = fmt.Fprintf(io.NewOffsetWriter(file, 0), "%10s %20s\n", args[1], args[2])
				err = errors.Join(err, file.Close())
			}
		default:
			err = serveLine(mode, held, args[0])
		}
		return closers{held, line}, err
	}
}

// serveLine is a daemon with one line.
func serveLine(mode string, held *control.Lock, path string) error {
	if err := output.Write(held.Disk(), []output.Output{testLine}); err != nil {
		return err
	}
	if mode == helperStarts {
		fmt.Println(controltest.Ready)
		time.Sleep(300 * time.Millisecond)
	}
	socket, err := control.Listen(held, "", slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	closed := false
	commands := control.Handlers{
		control.CommandRelease: func(context.Context, control.Request) (any, error) {
			closed = true
			return releaseEach([]output.Output{testLine}, func(output.Output) error {
				if mode == helperUnable {
					return errors.New("input/output error")
				}
				return os.WriteFile(path, []byte("0"), 0)
			}), nil
		},
		control.CommandState: func(context.Context, control.Request) (any, error) { return map[string]bool{"closed": closed}, nil },
	}
	if mode == helperJammed {
		commands[control.CommandRelease] = func(context.Context, control.Request) (any, error) { select {} }
	}
	if mode != helperDeaf {
		go socket.Serve(context.Background(), commands)
	}
	return nil
}

var testLine = output.Output{Kind: output.Line, Chip: "pinctrl-bcm2711", Offset: 17, ActiveLow: true}

// openFileLine is a line whose level is in a file.
func openFileLine(path, level string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, unix.EBUSY)
	}
	_, err = f.WriteAt([]byte(level), 0)
	return f, err
}

// helper is a helper process with a line.
type helper struct {
	*controltest.Helper

	t    *testing.T
	line string // the file of its line
}

func newHelper(t *testing.T) helper {
	t.Helper()
	h := helper{controltest.New(t), t, ""}
	h.line = filepath.Join(filepath.Dir(h.Dir), "line")
	return h
}

func (h *helper) mustStart(mode string, more ...any) {
	h.t.Helper()
	h.MustStart(mode, append([]any{h.line}, more...)...)
}

func (h *helper) level() string {
	h.t.Helper()
	b, err := os.ReadFile(h.line)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

func mustJSON[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	return v
}
