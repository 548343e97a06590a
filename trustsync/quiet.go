package trustsync

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// SpareProcessors is how much greater GOMAXPROCS should be than the number of processors. With no spare one Go's own scheduler, which
// knows no priorities, lets a pass wait until it takes a processor from a quiet thread, some 10 ms; with one for that thread
// and one for the collector of what it leaves behind, the kernel decides (BenchmarkVerifyWhileSyncing).
const SpareProcessors = 2

// leastPriority is the highest nice value (sched(7)).
const leastPriority = 19

// quietly does something on a thread that gives way to all others, and returns when it is done: a long list must not keep a
// pass waiting. The thread ends with it, for its priority could not be raised again without a privilege.
func quietly(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()                                    // and never unlocked
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, leastPriority) // 0 is the calling thread (setpriority(2), BUGS)
		f()
	}()
	<-done
}
