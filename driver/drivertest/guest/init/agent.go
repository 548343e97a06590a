package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"gatescan/driver/drivertest/guest"
)

// lastWords is how long the end of a process waits for output that a descendant may still be holding open.
const lastWords = 500 * time.Millisecond

// agent does what the host asks for. It alone waits for processes, since as init it gets everybody's orphans.
type agent struct {
	sayMu sync.Mutex
	to    *json.Encoder

	mu        sync.Mutex
	processes map[int]*process
}

type process struct {
	stdin  *os.File
	silent chan struct{} // closed at the end of its output
}

func newAgent(to io.Writer) *agent {
	return &agent{to: json.NewEncoder(to), processes: map[int]*process{}}
}

func (a *agent) say(m guest.Message) {
	a.sayMu.Lock()
	defer a.sayMu.Unlock()
	if err := a.to.Encode(m); err != nil {
		log.Fatal(err)
	}
}

func (a *agent) handle(r guest.Request) {
	m, err := a.do(r)
	m.ID = r.ID
	if err != nil {
		m.Error = err.Error()
	}
	if r.Op != guest.Start || err != nil { // start has answered before the first output
		a.say(m)
	}
}

func (a *agent) do(r guest.Request) (m guest.Message, err error) {
	switch r.Op {
	case guest.Start:
		err = a.start(r)
	case guest.Signal:
		err = unix.Kill(r.PID, unix.Signal(r.Number))
	case guest.Input:
		err = a.input(r.PID, r.Data)
	case guest.Read:
		m.Data, err = readFile(r.Path)
	case guest.Write:
		err = os.WriteFile(r.Path, r.Data, 0o644)
	case guest.Glob:
		m.Names, err = filepath.Glob(r.Path)
	default:
		err = fmt.Errorf("unknown request %q", r.Op)
	}
	return m, err
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, guest.MaxFile))
}

func (a *agent) start(r guest.Request) error {
	if len(r.Args) == 0 {
		return fmt.Errorf("nothing to start")
	}
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		in.Close()
		return err
	}
	defer theirOut.Close()

	a.mu.Lock() // reap must know the process before it looks for it
	defer a.mu.Unlock()
	started, err := os.StartProcess(r.Args[0], r.Args, &os.ProcAttr{
		Env: append(os.Environ(), r.Env...), Files: []*os.File{theirIn, theirOut, theirOut},
	})
	if err != nil {
		in.Close()
		out.Close()
		return err
	}
	p := &process{stdin: in, silent: make(chan struct{})}
	pid := started.Pid
	a.processes[pid] = p
	_ = started.Release()
	a.say(guest.Message{ID: r.ID, PID: pid})
	go func() {
		defer close(p.silent)
		defer out.Close()
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadBytes('\n')
			if len(line) > 0 {
				a.say(guest.Message{Event: guest.Output, PID: pid, Data: trimLF(line)})
			}
			if err != nil {
				return
			}
		}
	}()
	return nil
}

func trimLF(line []byte) []byte {
	if n := len(line); line[n-1] == '\n' {
		return line[:n-1]
	}
	return line
}

func (a *agent) input(pid int, data []byte) error {
	a.mu.Lock()
	p := a.processes[pid]
	a.mu.Unlock()
	if p == nil {
		return unix.ESRCH
	}
	if len(data) == 0 {
		return p.stdin.Close()
	}
	_, err := p.stdin.Write(data)
	return err
}

func (a *agent) reap() {
	died := make(chan os.Signal, 1)
	signal.Notify(died, unix.SIGCHLD)
	for range died {
		for {
			var status unix.WaitStatus
			pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
			if err != nil || pid <= 0 {
				break
			}
			a.mu.Lock()
			p := a.processes[pid]
			delete(a.processes, pid)
			a.mu.Unlock()
			if p != nil {
				go a.exited(pid, p, status)
			}
		}
	}
}

func (a *agent) exited(pid int, p *process, status unix.WaitStatus) {
	p.stdin.Close()
	select {
	case <-p.silent:
	case <-time.After(lastWords):
	}
	m := guest.Message{Event: guest.Exit, PID: pid}
	if status.Signaled() {
		m.Number = int(status.Signal())
	} else {
		m.Code = status.ExitStatus()
	}
	a.say(m)
}
