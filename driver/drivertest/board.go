package drivertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"gatescan/driver/drivertest/guest"
)

// Options say how a board differs from the plain one.
type Options struct {
	Files  map[string]string // more files for the guest: its absolute path there, where to find it here
	Clock  time.Time         // what the board's clock shows at power-on; zero means the right time
	Card   string            // a disk image, /dev/vda in the guest; it is written to
	Icount string            // QEMU's -icount: "shift=0,sleep=off" makes an instruction a nanosecond of guest time
	Disk   *Disk             // DiskPath in the guest, in place of a card; nil for none
	Args   []string          // more arguments for QEMU
	Append string            // more words for the kernel's command line
}

// Board is a running board. Close switches it off.
type Board struct {
	*Guest
	Serial *Serial
	Took   time.Duration // from power-on until the guest was ready

	qmp     *qmp
	qtest   *qtest
	pins    string // the GPIO controller in QEMU's object tree
	changes history[Change]
	console history[string]

	cmd    *exec.Cmd
	dir    string
	conns  []net.Conn
	exited chan struct{} // closed when QEMU is over
	once   sync.Once
}

// machine is the hardware. Without highmem=off the 32-bit kernel cannot reach the PCI configuration space.
var machine = []string{"-machine", "virt,highmem=off", "-cpu", "cortex-a7", "-m", "256", "-nic", "none", "-display", "none"}

// Power makes a board of the parts, with init as the guest's first process, and switches it on. It returns when the guest is
// ready. The board goes off with ctx at the latest.
func Power(ctx context.Context, parts *Parts, init string, o Options) (*Board, error) {
	if err := need(toRun...); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "board-")
	if err != nil {
		return nil, err
	}
	b := &Board{dir: dir, exited: make(chan struct{})}
	if err := b.power(ctx, parts, init, o); err != nil {
		b.Close()
		return nil, fmt.Errorf("%w\nconsole:\n%s", err, b.Console())
	}
	return b, nil
}

func (b *Board) power(ctx context.Context, parts *Parts, init string, o Options) error {
	initrd := filepath.Join(b.dir, "initrd.gz")
	modules := parts.Modules
	if o.Card != "" || o.Disk != nil {
		modules = slices.Concat(modules, parts.Card)
	}
	if err := initramfs(initrd, init, parts, modules, o.Files); err != nil {
		return err
	}
	tree, err := deviceTree(ctx, b.dir, machine)
	if err != nil {
		return err
	}
	qemu, err := find("qemu-system-arm")
	if err != nil {
		return err
	}
	b.cmd = exec.CommandContext(ctx, qemu, machine...)
	b.cmd.Args = append(b.cmd.Args,
		"-kernel", parts.Kernel, "-initrd", initrd, "-dtb", tree,
		"-append", strings.TrimSpace("console=ttyAMA0 panic=-1 quiet "+o.Append),
		"-accel", "tcg", "-monitor", "none", "-serial", "stdio", "-no-reboot",
		"-trace", "enable="+traceEvent, "-msg", "timestamp=on",
		"-device", "qemu-xhci,id=xhci", "-device", "virtio-serial-pci")
	base := "utc"
	if !o.Clock.IsZero() {
		base = o.Clock.UTC().Format("2006-01-02T15:04:05")
	}
	b.cmd.Args = append(b.cmd.Args, "-rtc", "clock=vm,base="+base) // so that it keeps pace with the guest's own time
	if o.Card != "" {
		b.cmd.Args = append(b.cmd.Args, "-drive", "if=none,id=card,format=raw,file="+strings.ReplaceAll(o.Card, ",", ",,"), "-device", "virtio-blk-pci,drive=card")
	}
	if o.Icount != "" {
		b.cmd.Args = append(b.cmd.Args, "-icount", o.Icount)
	}
	// QEMU dies with the thread that started it, and so with a test that was killed.
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	control, errC := b.socket("control", "-device", "virtserialport,chardev=control,name="+guest.Port)
	serial, errS := b.socket(serialDevice, "-device", "usb-serial,bus=xhci.0,chardev="+serialDevice+",id="+serialDevice)
	monitor, errM := b.socket("qmp", "-mon", "mode=control,chardev=qmp")
	tests, errT := b.socket("qtest", "-qtest", "chardev:qtest", "-qtest-log", "/dev/null")
	trace, traceWriter, errP := os.Pipe()
	if err := errors.Join(errC, errS, errM, errT, errP); err != nil {
		return err
	}
	b.cmd.Args = append(b.cmd.Args, "-D", b.inherit(traceWriter))
	if o.Disk != nil {
		b.cmd.Args = append(b.cmd.Args, o.Disk.args()...)
	}
	b.cmd.Args = append(b.cmd.Args, o.Args...)
	start := time.Now()
	if err := b.start(trace); err != nil {
		return err
	}
	b.qtest = newQtest(tests)
	b.Guest = newGuest(control)
	if b.qmp, err = newQMP(monitor); err != nil {
		return err
	}
	b.Serial = &Serial{Conn: serial, qmp: b.qmp}
	if b.pins, err = b.qmp.child("/machine/unattached", "pl061"); err != nil {
		return err
	}
	select {
	case <-b.ready:
	case <-ctx.Done():
		return fmt.Errorf("the guest did not get ready: %w", context.Cause(ctx))
	}
	b.Took = time.Since(start)
	return b.why()
}

// inherit hands a file on to QEMU and returns its name there. The caller's copy is closed with the start.
func (b *Board) inherit(f *os.File) string {
	b.cmd.ExtraFiles = append(b.cmd.ExtraFiles, f)
	return "/dev/fd/" + strconv.Itoa(2+len(b.cmd.ExtraFiles))
}

// socket gives QEMU a character device with that ID, and the arguments that use it, and returns its other end.
func (b *Board) socket(id string, args ...string) (net.Conn, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	theirs, ours := os.NewFile(uintptr(pair[0]), id), os.NewFile(uintptr(pair[1]), id)
	defer ours.Close()
	fd := filepath.Base(b.inherit(theirs))
	b.cmd.Args = append(b.cmd.Args, "-chardev", "socket,id="+id+",fd="+fd)
	b.cmd.Args = append(b.cmd.Args, args...)
	conn, err := net.FileConn(ours)
	if err == nil {
		b.conns = append(b.conns, conn)
	}
	return conn, err
}

// start runs QEMU and reads what it says until it is over.
func (b *Board) start(trace *os.File) error {
	console, consoleWriter, err := os.Pipe()
	if err != nil {
		return err
	}
	b.cmd.Stdout, b.cmd.Stderr = consoleWriter, consoleWriter
	err = b.cmd.Start()
	for _, f := range append(b.cmd.ExtraFiles, consoleWriter) {
		f.Close()
	}
	if err != nil {
		b.cmd = nil
		return err
	}
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		defer trace.Close()
		readTrace(trace, &b.changes)
	}()
	go func() {
		defer close(b.exited)
		defer console.Close()
		for lines := bufio.NewScanner(console); lines.Scan(); {
			b.console.add(strings.TrimRight(lines.Text(), "\r"))
		}
		_, _ = io.Copy(io.Discard, console)
		_ = b.cmd.Wait()
		<-recorded
	}()
	return nil
}

// Close switches the board off at once, as a power cut does.
func (b *Board) Close() {
	b.once.Do(func() {
		if b.cmd != nil && b.cmd.Process != nil {
			_ = b.cmd.Process.Kill()
			<-b.exited
		}
		for _, c := range b.conns {
			c.Close()
		}
		os.RemoveAll(b.dir)
	})
}

// Off is closed when the board went off: by Close, by itself, or because the guest rebooted, which QEMU is told to end with.
func (b *Board) Off() <-chan struct{} { return b.exited }

// Console returns what the kernel and QEMU have said.
func (b *Board) Console() string {
	lines, _ := b.console.since(0)
	return strings.Join(lines, "\n")
}
