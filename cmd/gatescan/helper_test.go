package main

import (
	"context"
	"io"
	"log/slog"

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
	helperHolds: func(dir string, _ []string) (io.Closer, error) { return acquireLock(dir) },
	helperListens: func(dir string, _ []string) (io.Closer, error) {
		held, err := acquireLock(dir)
		if err != nil {
			return nil, err
		}
		_, err = listenControl(held, "", slog.New(slog.DiscardHandler))
		return held, err
	},
	helperHangs: func(dir string, _ []string) (io.Closer, error) {
		held, err := acquireLock(dir)
		if err != nil {
			return nil, err
		}
		socket, err := listenControl(held, "", slog.New(slog.DiscardHandler))
		if err != nil {
			return nil, err
		}
		go socket.serve(context.Background(), handlers{
			commandRelease: func(context.Context, request) (any, error) { select {} },
		})
		return held, nil
	},
	helperLocks: func(dir string, _ []string) (io.Closer, error) {
		_, err := acquireLock(dir)
		return nil, err
	},
	helperAsks: func(dir string, _ []string) (io.Closer, error) {
		_, err := askControl(context.Background(), dir, request{Command: commandState})
		return nil, err
	},
}
