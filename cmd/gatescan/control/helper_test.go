package control

import (
	"context"
	"io"
	"log/slog"
	"os"
	"sync"
	"testing"

	"gatescan/cmd/gatescan/control/controltest"
)

// The modes of a helper process.
const (
	helperHolds   = "holds"   // holds the lock and nothing else
	helperListens = "listens" // a daemon that does not serve its control socket
	helperHangs   = "hangs"   // a daemon whose handler never returns
	helperLocks   = "locks"   // tries to take the lock, says what came of it and ends
	helperAsks    = "asks"    // asks for the state, says what came of it and ends
)

var helpers = map[string]controltest.Mode{
	helperHolds: func(dir string, _ []string) (io.Closer, error) { return Acquire(dir) },
	helperListens: func(dir string, _ []string) (io.Closer, error) {
		held, err := Acquire(dir)
		if err != nil {
			return nil, err
		}
		_, err = Listen(held, "", slog.New(slog.DiscardHandler))
		return held, err
	},
	helperHangs: func(dir string, _ []string) (io.Closer, error) {
		held, err := Acquire(dir)
		if err != nil {
			return nil, err
		}
		socket, err := Listen(held, "", slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		go socket.Serve(context.Background(), Handlers{
			CommandRelease: func(context.Context, Request) (any, error) { select {} },
		})
		return held, nil
	},
	helperLocks: func(dir string, _ []string) (io.Closer, error) {
		_, err := Acquire(dir)
		return nil, err
	},
	helperAsks: func(dir string, _ []string) (io.Closer, error) {
		_, err := Ask(context.Background(), dir, Request{Command: CommandState})
		return nil, err
	},
}

// The test binary becomes a helper before it becomes a test.
func init() { controltest.Become(helpers) }

// syncWriter lets the test read a log while the socket writes it.
type syncWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (s syncWriter) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.w.Write(p)
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
