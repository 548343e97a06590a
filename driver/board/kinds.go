package board

// kind is a board by the string in the device tree's compatible that tells it from others.
type kind struct {
	compatible string
	Board
}

// header is the wiring of our images on the 40-pin header of a Raspberry Pi (gatescan.dtso). Lines from 9 on are pulled down at
// power-up (BCM2835 ARM Peripherals, table 6-31), so that a relay driver which is active high stays at rest.
var header = Wiring{Relay: 17, Green: 22, Red: 23, Yellow: 24, Buzzer: 27, Passage: 25}

// The chips of boards, by what Linux calls them: pinctrl-bcm2835.c (pinctrl-bcm2835 has 54 lines, pinctrl-bcm2711 58),
// gpio-omap.c (a label for each 32 lines, by their first and last number), pinctrl-stm32.c (st,bank-name).
var (
	bcm2835 = []Chip{{"pinctrl-bcm2835", 54}}
	bcm2711 = []Chip{{"pinctrl-bcm2711", 58}}
	am335x  = []Chip{{"gpio-0-31", 32}, {"gpio-32-63", 32}, {"gpio-64-95", 32}, {"gpio-96-127", 32}}
	stm32   = []Chip{
		{"GPIOA", 16},
		{"GPIOB", 16},
		{"GPIOC", 16},
		{"GPIOD", 16},
		{"GPIOE", 16},
		{"GPIOF", 16},
		{"GPIOG", 16},
		{"GPIOH", 16},
		{"GPIOI", 16},
		{"GPIOJ", 16},
		{"GPIOK", 8},
		{"GPIOZ", 8},
	}
)

// The serial port is the one that the header's pins 8 and 10 have; on boards with Bluetooth the mini UART takes it unless
// miniuart-bt gives it back, as our images do.
var kinds = []kind{
	{"raspberrypi,model-zero", Board{Name: "Raspberry Pi Zero", Chips: bcm2835, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,model-zero-w", Board{Name: "Raspberry Pi Zero W", Chips: bcm2835, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,model-zero-2-w", Board{Name: "Raspberry Pi Zero 2 W", Chips: bcm2835, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,model-zero-2", Board{Name: "Raspberry Pi Zero 2 W", Chips: bcm2835, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,3-model-b", Board{Name: "Raspberry Pi 3", Chips: bcm2835, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,3-model-b-plus", Board{Name: "Raspberry Pi 3", Chips: bcm2835, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,3-model-a-plus", Board{Name: "Raspberry Pi 3", Chips: bcm2835, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,4-model-b", Board{Name: "Raspberry Pi 4", Chips: bcm2711, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"raspberrypi,4-compute-module", Board{Name: "Raspberry Pi CM4", Chips: bcm2711, Serial: "/dev/ttyAMA0", Wiring: header}},
	{"ti,am335x-bone-black", Board{Name: "BeagleBone Black", Chips: am335x}},
	{"st,stm32mp157c-dk2", Board{Name: "STM32MP157 DK2", Chips: stm32}},
	{"st,stm32mp157a-dk1", Board{Name: "STM32MP157 DK1", Chips: stm32}},
}
