package drivertest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// qtest speaks QEMU's test protocol (system/qtest.c): one line asks, one line answers.
type qtest struct {
	mu      sync.Mutex
	conn    net.Conn
	answers history[string]
	asked   int
}

func newQtest(conn net.Conn) *qtest {
	q := &qtest{conn: conn}
	go func() {
		lines := bufio.NewScanner(conn)
		for lines.Scan() {
			if !strings.HasPrefix(lines.Text(), "IRQ ") { // may come at any time
				q.answers.add(lines.Text())
			}
		}
		q.answers.close(io.ErrUnexpectedEOF)
	}()
	return q
}

// ask returns what follows the OK.
func (q *qtest) ask(format string, args ...any) (string, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	question := fmt.Sprintf(format, args...)
	_ = q.conn.SetWriteDeadline(time.Now().Add(callTimeout))
	if _, err := io.WriteString(q.conn, question+"\n"); err != nil {
		return "", fmt.Errorf("qtest %s: %w", question, err)
	}
	answer, err := q.answers.await(q.asked, callTimeout, func(string) bool { return true })
	if err != nil {
		return "", fmt.Errorf("qtest %s: the answer %w", question, err)
	}
	q.asked++
	value, ok := strings.CutPrefix(answer, "OK")
	if !ok {
		return "", fmt.Errorf("qtest %s: %s", question, answer)
	}
	return strings.TrimSpace(value), nil
}

// read32 reads a word of the guest's physical memory, or a register there.
func (q *qtest) read32(address uint64) (uint32, error) {
	text, err := q.ask("readl %#x", address)
	if err != nil {
		return 0, err
	}
	value, err := strconv.ParseUint(text, 0, 64)
	return uint32(value), err
}
