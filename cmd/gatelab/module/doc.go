// Package module plays serial barcode modules on a pseudo terminal, as their manuals say: with their registers, their flash, the
// speed of their wire, and what goes wrong with them. It shares no code with the driver, so that the two can find each
// other's mistakes.
//
// A [Module] has a factory state, flash that survives a loss of power, and settings that do not. Bytes cross the pseudo terminal
// at the speed that the module has; if the host has set another one, what arrives is garbage, in either direction. A
// module with a USB port has no speed.
//
// What each type knows:
//
//	gm65          registers, CRC, save, factory reset with its reboot to 9600, heartbeat, setup codes, same-code delay
//	newland       ~ SOH 0000 commands, 50 ms apart, # and @, queries
//	honeywell     SYN M CR commands, ! and ., queries, SYN T CR
//	ssi           packets with checksum, parameters, sleep, acknowledgements and what is sent again without them
//	accessis      STX symbology text CR ETX, 7 data bits and even parity; takes no commands
//	accessis-raw  symbology text; takes no commands
//
// What may be wrong with any of them: no power, no answers, lost answers, a prefix in front of each text, messages that nothing was
// read, bytes without end.
package module
