package main

import (
	"bufio"
	"encoding/json"
	"net"
	"path/filepath"
	"testing"
	"time"

	"gatescan/driver/drivertest/guest"
)

// host is the other side of an agent that runs here instead of on a board.
type host struct {
	t    *testing.T
	from *json.Decoder
	to   *json.Encoder
}

// All in one test: an agent takes every child of its process.
func TestAgent(t *testing.T) {
	here, there := net.Pipe()
	t.Cleanup(func() { here.Close() })
	if err := here.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	a := newAgent(there)
	go a.reap()
	go func() {
		for requests := json.NewDecoder(bufio.NewReader(there)); ; {
			var r guest.Request
			if requests.Decode(&r) != nil {
				return
			}
			a.handle(r)
		}
	}()
	h := host{t: t, from: json.NewDecoder(here), to: json.NewEncoder(here)}

	h.ask(guest.Request{ID: 1, Op: guest.Start, Args: []string{"/bin/sh", "-c", "echo out; echo err >&2; printf last; exit 3"}})
	pid := h.hear(guest.Message{ID: 1}).PID
	h.hear(guest.Message{Event: guest.Output, PID: pid, Data: []byte("out")})
	h.hear(guest.Message{Event: guest.Output, PID: pid, Data: []byte("err")})
	h.hear(guest.Message{Event: guest.Output, PID: pid, Data: []byte("last")})
	h.hear(guest.Message{Event: guest.Exit, PID: pid, Code: 3})

	h.ask(guest.Request{ID: 2, Op: guest.Start, Args: []string{"/bin/cat"}, Env: []string{"A=B"}})
	pid = h.hear(guest.Message{ID: 2}).PID
	h.ask(guest.Request{ID: 3, Op: guest.Input, PID: pid, Data: []byte("echo\n")})
	for range 2 { // in either order
		switch m := h.next(); {
		case m.ID == 3 && m.Error == "":
		case m.Event == guest.Output && string(m.Data) == "echo":
		default:
			t.Fatalf("%+v", m)
		}
	}
	h.ask(guest.Request{ID: 4, Op: guest.Signal, PID: pid, Number: 9})
	h.hear(guest.Message{ID: 4})
	h.hear(guest.Message{Event: guest.Exit, PID: pid, Number: 9})

	// A descendant that keeps the output open must not hide the end for long.
	h.ask(guest.Request{ID: 5, Op: guest.Start, Args: []string{"/bin/sh", "-c", "sleep 5 & exit 0"}})
	pid = h.hear(guest.Message{ID: 5}).PID
	began := time.Now()
	h.hear(guest.Message{Event: guest.Exit, PID: pid})
	if took := time.Since(began); took > 4*time.Second {
		t.Errorf("the end was heard after %v", took)
	}

	path := filepath.Join(t.TempDir(), "file")
	h.ask(guest.Request{ID: 6, Op: guest.Write, Path: path, Data: []byte("text")})
	h.hear(guest.Message{ID: 6})
	h.ask(guest.Request{ID: 7, Op: guest.Read, Path: path})
	h.hear(guest.Message{ID: 7, Data: []byte("text")})
	h.ask(guest.Request{ID: 8, Op: guest.Glob, Path: path[:len(path)-1] + "*"})
	if m := h.next(); m.ID != 8 || len(m.Names) != 1 || m.Names[0] != path {
		t.Errorf("%+v", m)
	}
	for id, r := range map[uint64]guest.Request{
		10: {Op: guest.Read, Path: path + "/no"},
		11: {Op: guest.Start, Args: []string{path}},
		12: {Op: guest.Start},
		13: {Op: guest.Input, PID: pid, Data: []byte("x")},
		14: {Op: guest.Signal, PID: 1 << 30, Number: 9},
		15: {Op: "nonsense"},
	} {
		r.ID = id
		h.ask(r)
		if m := h.next(); m.ID != id || m.Error == "" {
			t.Errorf("%+v was answered with %+v", r, m)
		}
	}
}

func (h host) ask(r guest.Request) {
	h.t.Helper()
	if err := h.to.Encode(r); err != nil {
		h.t.Fatal(err)
	}
}

func (h host) next() (m guest.Message) {
	h.t.Helper()
	if err := h.from.Decode(&m); err != nil {
		h.t.Fatal(err)
	}
	return m
}

// hear takes the next message, which must be as wanted; a PID of 0 is any.
func (h host) hear(want guest.Message) guest.Message {
	h.t.Helper()
	m := h.next()
	if m.ID != want.ID || m.Error != "" || m.Event != want.Event || want.PID != 0 && m.PID != want.PID ||
		m.Code != want.Code || m.Number != want.Number || string(m.Data) != string(want.Data) {
		h.t.Fatalf("heard %+v, want %+v", m, want)
	}
	return m
}
