package drivertest

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// callTimeout bounds every request to QEMU. It answers within milliseconds; a loaded host may keep it waiting.
const callTimeout = 20 * time.Second

// qmp speaks the QEMU Machine Protocol (docs/interop/qmp-spec.txt).
type qmp struct {
	mu      sync.Mutex // one command at a time
	conn    net.Conn
	id      uint64
	answers history[qmpMessage]
	events  history[qmpMessage]
}

// qmpMessage is whatever QEMU says: a greeting, the answer to the command with that ID, or an event.
type qmpMessage struct {
	ID     uint64          `json:"id"`
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class       string `json:"class"`
		Description string `json:"desc"`
	} `json:"error"`

	Event string          `json:"event"`
	Data  json.RawMessage `json:"data"`
}

// newQMP begins the session.
func newQMP(conn net.Conn) (*qmp, error) {
	q := &qmp{conn: conn}
	go q.read(conn)
	return q, q.call("qmp_capabilities", nil, nil)
}

func (q *qmp) read(conn io.Reader) {
	for messages := json.NewDecoder(conn); ; {
		var m qmpMessage
		if err := messages.Decode(&m); err != nil {
			q.answers.close(err)
			q.events.close(err)
			return
		}
		switch {
		case m.Event != "":
			q.events.add(m)
		case m.Return != nil || m.Error != nil:
			q.answers.add(m)
		}
	}
}

// call runs a command and decodes what it returns into result, unless that is nil.
func (q *qmp) call(command string, arguments, result any) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.id++
	request := map[string]any{"execute": command, "id": q.id}
	if arguments != nil {
		request["arguments"] = arguments
	}
	_ = q.conn.SetWriteDeadline(time.Now().Add(callTimeout))
	if err := json.NewEncoder(q.conn).Encode(request); err != nil {
		return fmt.Errorf("QMP %s: %w", command, err)
	}
	answer, err := q.answers.await(int(q.id)-1, callTimeout, func(m qmpMessage) bool { return m.ID == q.id })
	if err != nil {
		return fmt.Errorf("QMP %s: the answer %w", command, err)
	}
	if answer.Error != nil {
		return fmt.Errorf("QMP %s: %s: %s", command, answer.Error.Class, answer.Error.Description)
	}
	if result == nil {
		return nil
	}
	return json.Unmarshal(answer.Return, result)
}

// child returns the path of the first child of parent in QEMU's object tree that is of the type.
func (q *qmp) child(parent, kind string) (string, error) {
	var children []struct{ Name, Type string }
	if err := q.call("qom-list", map[string]any{"path": parent}, &children); err != nil {
		return "", err
	}
	for _, c := range children {
		if c.Type == "child<"+kind+">" {
			return parent + "/" + c.Name, nil
		}
	}
	return "", fmt.Errorf("the machine has no %s below %s", kind, parent)
}
