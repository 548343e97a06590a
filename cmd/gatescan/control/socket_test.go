package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gatescan/cmd/gatescan/control/controltest"

	"golang.org/x/sys/unix"
)

// newControl serves commands in a new runtime directory until the test ends.
func newControl(t *testing.T, group string, commands Handlers) (dir string, logged func() string, end func()) {
	t.Helper()
	dir = controltest.New(t).Dir
	held, err := Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var text bytes.Buffer
	socket, err := Listen(held, group, slog.New(slog.NewTextHandler(syncWriter{&mu, &text}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var serving sync.WaitGroup
	serving.Go(func() { socket.Serve(ctx, commands) })
	end = func() {
		cancel()
		serving.Wait()
		held.Close()
	}
	t.Cleanup(end)
	return dir, func() string {
		mu.Lock()
		defer mu.Unlock()
		return text.String()
	}, end
}

// exchange sends bytes as they are, and returns all that comes back until the daemon hangs up.
func exchange(t *testing.T, dir, sent string) string {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, "control.sock"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, sent)
	if !strings.HasSuffix(sent, "\n") {
		conn.(*net.UnixConn).CloseWrite()
	}
	got, err := io.ReadAll(conn)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) { // it hung up before it had read all
		t.Errorf("after %.40q: %v", sent, err)
	}
	return string(got)
}

func TestControl(t *testing.T) {
	dir, logged, _ := newControl(t, "", Handlers{
		"state":   func(context.Context, Request) (any, error) { return map[string]int{"passes": 7}, nil },
		"release": func(context.Context, Request) (any, error) { return nil, errors.New("the relay is gone") },
		"strange": func(context.Context, Request) (any, error) { return func() {}, nil },
	})
	for _, c := range []struct{ sent, want string }{
		{`{"command":"state"}` + "\n", `{"result":{"passes":7}}` + "\n"},
		{"  { \"command\" : \"state\" }\r\n", `{"result":{"passes":7}}` + "\n"},
		{`{"command":"release"}` + "\n", `{"error":"the relay is gone"}` + "\n"},
		{`{"command":"state"}` + "\n" + `{"command":"release"}` + "\n", `{"result":{"passes":7}}` + "\n"},
		{`{"command":"open"}` + "\n", `{"error":"this daemon knows no command \"open\""}` + "\n"},
		{`{"command":"` + strings.Repeat("o", 100) + `"}` + "\n", `{"error":"this daemon knows no command \"` + strings.Repeat("o", 40) + `...\""}` + "\n"},
		{`{"command":"strange"}` + "\n", "unsupported type"},
		{`{"command":""}` + "\n", "is not of the form"},
		{`{"command":"state","at":1}` + "\n", `unknown field`},
		{`{"command":"state"} {}` + "\n", "is not of the form"},
		{`{"command":7}` + "\n", "is not of the form"},
		{"state\n", "is not of the form"},
		{"\n", "is not of the form"},
		{"", "one line"},
		{`{"command":"state"}`, "one line"},
		{strings.Repeat(" ", 5000) + "\n", "longer than 4096 bytes"},
		{strings.Repeat("x", 1<<20), "longer than 4096 bytes"},
		{"\x00\xff\xfe\n", "is not of the form"},
	} {
		got := exchange(t, dir, c.sent)
		exact := strings.HasSuffix(c.want, "\n")
		if exact && got != c.want || !exact && (!strings.HasPrefix(got, `{"error":`) || !strings.Contains(got, c.want)) || strings.Count(got, "\n") != 1 {
			t.Errorf("%.60q: %q, want %q", c.sent, got, c.want)
		}
	}
	if want := fmt.Sprintf("uid=%d pid=%d command=release err=\"the relay is gone\"", os.Geteuid(), os.Getpid()); !strings.Contains(logged(), want) {
		t.Errorf("the log has no %q:\n%s", want, logged())
	}
	if strings.Contains(logged(), "command=state") || strings.Contains(logged(), strings.Repeat("o", 41)) {
		t.Errorf("the log has too much:\n%s", logged())
	}
}

// Nobody can keep others from asking by saying nothing, and not more than a few can try.
func TestControlCrowd(t *testing.T) {
	dir, _, _ := newControl(t, "", Handlers{"state": func(context.Context, Request) (any, error) { return true, nil }})
	begin := time.Now()
	var silent []net.Conn
	for range maxConnections {
		conn, err := net.Dial("unix", filepath.Join(dir, "control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, conn)
	}
	a, err := Ask(t.Context(), dir, Request{Command: CommandState})
	if err != nil || a.Error != "too many ask at once; try again" {
		t.Errorf("one too many: %+v, %v", a, err)
	}
	for _, conn := range silent {
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		if got, err := io.ReadAll(conn); err != nil || string(got) != `{"error":"no request came within 2s"}`+"\n" {
			t.Errorf("who says nothing hears %q, %v", got, err)
		}
	}
	if took := time.Since(begin); took < Timeout || took > 2*Timeout {
		t.Errorf("after %v", took)
	}
	for range 50 {
		if a, err := Ask(t.Context(), dir, Request{Command: CommandState}); err != nil || string(a.Result) != "true" {
			t.Fatalf("afterwards: %+v, %v", a, err)
		}
	}
}

func TestControlErrors(t *testing.T) {
	ask := func(dir string) error {
		_, err := Ask(t.Context(), dir, Request{Command: CommandState})
		return err
	}
	dir, _, end := newControl(t, "", Handlers{})
	if err := ask(dir); err != nil {
		t.Errorf("a living daemon: %v", err)
	}
	end()
	if err := ask(dir); !errors.Is(err, ErrNoSocket) {
		t.Errorf("a daemon that ended: %v", err)
	}
	if err := ask(filepath.Join(dir, "lock", "no")); !errors.Is(err, ErrNoSocket) {
		t.Errorf("no directory: %v", err)
	}

	h := controltest.New(t)
	h.MustStart(helperListens)
	begin := time.Now()
	if err := ask(h.Dir); !errors.Is(err, errNoAnswer) || time.Since(begin) < Timeout {
		t.Errorf("a deaf daemon: %v after %v", err, time.Since(begin))
	}
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(50*time.Millisecond, cancel)
	begin = time.Now()
	if _, err := Ask(ctx, h.Dir, Request{Command: CommandState}); !errors.Is(err, errNoAnswer) || time.Since(begin) > Timeout/2 {
		t.Errorf("when nobody waits any more: %v after %v", err, time.Since(begin))
	}
	var queue []net.Conn
	for { // until the kernel's queue is full
		conn, err := net.Dial("unix", filepath.Join(h.Dir, "control.sock"))
		if err != nil {
			break
		}
		defer conn.Close()
		if queue = append(queue, conn); len(queue) > 100_000 {
			t.Fatal("the queue has no end")
		}
	}
	if err := ask(h.Dir); !errors.Is(err, errNoAnswer) {
		t.Errorf("a deaf daemon with %d that wait: %v", len(queue), err)
	}
	h.Signal(syscall.SIGKILL)
	h.End()
	if err := ask(h.Dir); !errors.Is(err, ErrNotListening) {
		t.Errorf("a dead daemon: %v", err)
	}

	// Its socket is replaced by whoever holds the lock then.
	held, err := Acquire(h.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	socket, err := Listen(held, "", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	go socket.Serve(t.Context(), Handlers{})
	if err := ask(h.Dir); err != nil {
		t.Errorf("the next daemon: %v", err)
	}
}

// The daemon may be killed while somebody waits for its answer.
func TestControlDaemonDies(t *testing.T) {
	h := controltest.New(t)
	h.MustStart(helperHangs)
	time.AfterFunc(100*time.Millisecond, func() { h.Signal(syscall.SIGKILL) })
	if _, err := Ask(t.Context(), h.Dir, Request{Command: CommandRelease}); !errors.Is(err, ErrNotListening) {
		t.Error(err)
	}
}

func TestControlHostileAnswer(t *testing.T) {
	for text, want := range map[string]string{
		"hello\n":                         "makes no sense",
		"":                                "is gone",
		`{"result":`:                      "is gone",
		strings.Repeat(" ", 2<<20) + "\n": "longer than 1048576 bytes",
		`{"result":true,"later":"extension"}` + "\n": "",
	} {
		h := controltest.New(t)
		if err := os.Mkdir(h.Dir, 0o755); err != nil {
			t.Fatal(err)
		}
		listener, err := net.Listen("unix", filepath.Join(h.Dir, "control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			conn, err := listener.Accept()
			if err == nil {
				conn.Read(make([]byte, 100))
				io.WriteString(conn, text)
				conn.Close()
			}
		}()
		if _, err := Ask(t.Context(), h.Dir, Request{Command: CommandState}); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v", text, err)
		}
		listener.Close()
	}
}

func TestControlSocketFile(t *testing.T) {
	h := controltest.New(t)
	held, err := Acquire(h.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	log := slog.New(slog.DiscardHandler)
	if _, err := Listen(held, "no such group", log); err == nil || !strings.Contains(err.Error(), `no group "no such group"`) {
		t.Errorf("an unknown group: %v", err)
	}
	path := filepath.Join(h.Dir, "control.sock")
	writeFile(t, path, "")
	if _, err := Listen(held, "", log); err == nil || !strings.Contains(err.Error(), "something else") {
		t.Errorf("over a file: %v", err)
	}
	os.Remove(path)

	// Whoever may not use it in the end must not be able to use it before either, whatever the umask.
	old := unix.Umask(0)
	socket, err := Listen(held, fmt.Sprint(os.Getegid()), log)
	unix.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	var stat unix.Stat_t
	if err := unix.Stat(path, &stat); err != nil || stat.Mode != unix.S_IFSOCK|0o660 || int(stat.Gid) != os.Getegid() {
		t.Errorf("the socket has mode %o, group %d, %v", stat.Mode, stat.Gid, err)
	}
	if err := errors.Join(socket.Close(), socket.Close()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket stays behind: %v", err)
	}
	if gid, err := FindGroup("root"); err != nil || gid != 0 {
		t.Errorf("group root is %d, %v", gid, err)
	}
	if gid, err := FindGroup("-1"); err == nil {
		t.Errorf("group -1 is %d", gid)
	}
}

func TestControlOperators(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT TESTED: who may use the control socket; only root can test it")
	}
	const operator, stranger = 65533, 65534
	dir, _, _ := newControl(t, fmt.Sprint(operator), Handlers{"state": func(context.Context, Request) (any, error) { return true, nil }})
	for user, want := range map[int]string{operator: "EOF", stranger: "failed: you may not speak to the daemon; be root or of its operators' group"} {
		h := controltest.At(t, dir)
		if said := h.Start(user, helperAsks); !strings.HasPrefix(said, want) {
			t.Errorf("user %d: %s, want %s", user, said, want)
		}
	}
}
