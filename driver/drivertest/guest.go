package drivertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"gatescan/driver/drivertest/guest"
)

// Guest is what runs on the board.
type Guest struct {
	Release string // of its kernel

	mu      sync.Mutex
	to      net.Conn
	id      uint64
	asked   map[uint64]*question
	running map[int]*Process
	ended   error
	ready   chan struct{} // closed when the board is up, or never will be
}

type question struct {
	answer  chan guest.Message
	process *Process // if it asks for one
}

// Process is a process on the board that the test has started.
type Process struct {
	PID    int
	guest  *Guest
	output history[string] // lines
	exited history[Status]
}

// Status is how a process ended: with an exit code, or by a signal, which is 0 otherwise.
type Status struct {
	Code   int
	Signal syscall.Signal
}

func newGuest(port net.Conn) *Guest {
	g := &Guest{
		to: port, asked: map[uint64]*question{}, running: map[int]*Process{}, ready: make(chan struct{}),
	}
	go g.read(port)
	return g
}

func (g *Guest) read(port io.Reader) {
	messages := json.NewDecoder(bufio.NewReader(port))
	for {
		var m guest.Message
		if err := messages.Decode(&m); err != nil {
			g.end(fmt.Errorf("the guest says nothing any more: %w", err))
			return
		}
		g.heard(m)
	}
}

func (g *Guest) heard(m guest.Message) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch p := g.running[m.PID]; {
	case m.Event == guest.Ready:
		g.Release = string(m.Data)
		close(g.ready)
	case m.Event == guest.Output && p != nil:
		p.output.add(string(m.Data))
	case m.Event == guest.Exit && p != nil:
		s := Status{Code: m.Code, Signal: syscall.Signal(m.Number)}
		p.exited.add(s)
		p.output.close(fmt.Errorf("the process has ended with %+v", s))
		delete(g.running, m.PID)
	case m.Event == "" && g.asked[m.ID] != nil:
		q := g.asked[m.ID]
		delete(g.asked, m.ID)
		if q.process != nil && m.Error == "" {
			q.process.PID = m.PID
			g.running[m.PID] = q.process // before its first output is read
		}
		q.answer <- m
	}
}

func (g *Guest) end(why error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = why
	for _, q := range g.asked {
		close(q.answer)
	}
	for _, p := range g.running {
		p.output.close(why)
		p.exited.close(why)
	}
	select {
	case <-g.ready:
	default:
		close(g.ready)
	}
}

func (g *Guest) ask(r guest.Request, p *Process) (guest.Message, error) {
	q := &question{answer: make(chan guest.Message, 1), process: p}
	g.mu.Lock()
	if g.ended != nil {
		g.mu.Unlock()
		return guest.Message{}, g.ended
	}
	g.id++
	r.ID = g.id
	g.asked[r.ID] = q
	err := g.send(r)
	g.mu.Unlock()
	if err != nil {
		return guest.Message{}, err
	}
	select {
	case m, ok := <-q.answer:
		switch {
		case !ok:
			return m, fmt.Errorf("guest, %s: the board went off", r.Op)
		case m.Error != "":
			return m, fmt.Errorf("guest, %s %s%s: %s", r.Op, strings.Join(r.Args, " "), r.Path, m.Error)
		}
		return m, nil
	case <-time.After(callTimeout):
		return guest.Message{}, fmt.Errorf("guest, %s: the answer %w", r.Op, errNotSeen)
	}
}

func (g *Guest) send(r guest.Request) error {
	if err := g.to.SetWriteDeadline(time.Now().Add(callTimeout)); err != nil {
		return err
	}
	return json.NewEncoder(g.to).Encode(r)
}

// why is why the guest has nothing to say any more, nil while it has.
func (g *Guest) why() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.ended
}

// Start runs a program on the board; its name is a full path.
func (g *Guest) Start(args ...string) (*Process, error) {
	p := &Process{guest: g}
	_, err := g.ask(guest.Request{Op: guest.Start, Args: args}, p)
	return p, err
}

// Shell runs a line of busybox's sh to its end and returns what it put out.
func (g *Guest) Shell(line string, timeout time.Duration) (string, error) {
	p, err := g.Start("/bin/sh", "-c", line)
	if err != nil {
		return "", err
	}
	s, err := p.Wait(timeout)
	if err == nil && s != (Status{}) {
		err = fmt.Errorf("%s: ended with %+v", line, s)
	}
	return p.Output(), err
}

// ReadFile reads a file of the board, [guest.MaxFile] bytes at most.
func (g *Guest) ReadFile(path string) (string, error) {
	m, err := g.ask(guest.Request{Op: guest.Read, Path: path}, nil)
	return string(m.Data), err
}

// WriteFile writes a file of the board, as echo does.
func (g *Guest) WriteFile(path, text string) error {
	_, err := g.ask(guest.Request{Op: guest.Write, Path: path, Data: []byte(text)}, nil)
	return err
}

// AwaitPath waits until there is a file of that path on the board, or none.
func (g *Guest) AwaitPath(path string, there bool, timeout time.Duration) error {
	for late := time.Now().Add(timeout); ; time.Sleep(20 * time.Millisecond) {
		m, err := g.ask(guest.Request{Op: guest.Glob, Path: path}, nil)
		switch {
		case err != nil:
			return err
		case len(m.Names) > 0 == there:
			return nil
		case time.Now().After(late):
			return fmt.Errorf("guest: %s there=%t %w", path, there, errNotSeen)
		}
	}
}

// Signal sends a signal to the process.
func (p *Process) Signal(s syscall.Signal) error {
	_, err := p.guest.ask(guest.Request{Op: guest.Signal, PID: p.PID, Number: int(s)}, nil)
	return err
}

// Input writes to the standard input of the process; an empty text closes it.
func (p *Process) Input(text string) error {
	_, err := p.guest.ask(guest.Request{Op: guest.Input, PID: p.PID, Data: []byte(text)}, nil)
	return err
}

// Output returns what the process has put out so far.
func (p *Process) Output() string {
	lines, _ := p.output.since(0)
	return strings.Join(lines, "\n")
}

// Lines returns how many lines the process has put out so far.
func (p *Process) Lines() int { return p.output.len() }

// Expect waits for a line, of those from number from on, that contains text, and returns it.
func (p *Process) Expect(from int, text string, timeout time.Duration) (string, error) {
	line, err := p.output.await(from, timeout, func(line string) bool { return strings.Contains(line, text) })
	if err != nil {
		return "", fmt.Errorf("output with %q: %w; so far:\n%s", text, err, p.Output())
	}
	return line, nil
}

// Wait waits for the end of the process.
func (p *Process) Wait(timeout time.Duration) (Status, error) {
	s, err := p.exited.await(0, timeout, func(Status) bool { return true })
	if errors.Is(err, errNotSeen) {
		err = fmt.Errorf("the end of process %d %w; so far:\n%s", p.PID, err, p.Output())
	}
	return s, err
}
