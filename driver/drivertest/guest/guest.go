// Package guest is what an emulated board's init and the test on the host say to each other: JSON, one value a line, over
// a virtio serial port of the name [Port]. The host asks with a [Request]; the guest answers each with a [Message] of the same
// ID, and adds messages with an Event on its own.
package guest

// Port is the name of the serial port, below /sys/class/virtio-ports.
const Port = "gatescan.control"

// What the host can ask for.
const (
	Start  = "start"  // run Args, Args[0] being a path; answers with the PID
	Signal = "signal" // send Number to PID
	Input  = "input"  // write Data to the standard input of PID; no Data closes it
	Read   = "read"   // answers with the Data of the file Path, up to MaxFile bytes
	Write  = "write"  // write Data to Path, which is made with mode 0644 if missing
	Glob   = "glob"   // answers with the Names that match Path
)

// What happens by itself.
const (
	Ready  = "ready"  // the first message: the board is up; Data is the kernel's release
	Output = "output" // Data is one line, without its LF, of the standard output or error of PID
	Exit   = "exit"   // PID is over; Code is its exit code, or Number the signal that killed it
)

// MaxFile bounds what can be read in one go.
const MaxFile = 4 << 20

// Request is what the host asks for.
type Request struct {
	ID     uint64
	Op     string
	Args   []string `json:",omitempty"`
	Env    []string `json:",omitempty"`
	Path   string   `json:",omitempty"`
	Data   []byte   `json:",omitempty"`
	PID    int      `json:",omitempty"`
	Number int      `json:",omitempty"`
}

// Message is what the guest says.
type Message struct {
	ID     uint64   `json:",omitempty"`
	Error  string   `json:",omitempty"`
	Event  string   `json:",omitempty"`
	PID    int      `json:",omitempty"`
	Code   int      `json:",omitempty"`
	Number int      `json:",omitempty"`
	Data   []byte   `json:",omitempty"`
	Names  []string `json:",omitempty"`
}
