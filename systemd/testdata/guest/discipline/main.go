// Command discipline says to the kernel what a time server's client does: that its clock is off by so many microseconds at
// the most. For 32-bit ARM, as the guest is.
package main

import (
	"log"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func main() {
	us, err := strconv.ParseInt(os.Args[1], 10, 32)
	if err != nil {
		log.Fatal(err)
	}
	t := unix.Timex{Modes: unix.ADJ_MAXERROR | unix.ADJ_STATUS, Maxerror: int32(us)}
	if _, err := unix.Adjtimex(&t); err != nil {
		log.Fatal(err)
	}
}
