// Command periph sets a line high through periph's own character-device driver. It is here to show that the test of our
// driver can fail, in a module of its own so that nothing else can import that driver.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	"periph.io/x/conn/v3/driver/driverreg"
	"periph.io/x/conn/v3/gpio"
	"periph.io/x/host/v3/gpioioctl"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: periph CHIP OFFSET")
	}
	offset, err := strconv.Atoi(os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	if _, err := driverreg.Init(); err != nil {
		log.Fatal(err)
	}
	for _, chip := range gpioioctl.Chips {
		if chip.Label() != os.Args[1] {
			continue
		}
		if err := chip.ByNumber(offset).Out(gpio.High); err != nil {
			log.Fatal(err)
		}
		fmt.Println("high")
		return
	}
	log.Fatalf("there is no chip %s", os.Args[1])
}
