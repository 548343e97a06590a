package drivertest

import (
	"encoding/json"
	"net"
	"time"
)

// Serial is the other end of the guest's USB serial port: what a barcode module would write to and read from. The guest
// sees an FTDI converter. What is written while it is unplugged arrives after it has been plugged in.
type Serial struct {
	net.Conn
	qmp *qmp
}

const serialDevice = "scanner" // its ID in QEMU

// Unplug pulls the plug. It returns once QEMU has, not the guest.
func (s *Serial) Unplug() error {
	from := s.qmp.events.len()
	if err := s.qmp.call("device_del", map[string]any{"id": serialDevice}, nil); err != nil {
		return err
	}
	_, err := s.qmp.events.await(from, callTimeout, func(m qmpMessage) bool {
		var data struct{ Device string }
		return m.Event == "DEVICE_DELETED" && json.Unmarshal(m.Data, &data) == nil && data.Device == serialDevice
	})
	return err
}

// Plug puts the plug back.
func (s *Serial) Plug() error {
	return s.qmp.call("device_add", map[string]any{
		"driver": "usb-serial", "id": serialDevice, "chardev": serialDevice, "bus": "xhci.0",
	}, nil)
}

// writeTimeout bounds a write to a port that the guest does not read.
const writeTimeout = 10 * time.Second

// Write sends b to the guest.
func (s *Serial) Write(b []byte) (int, error) {
	if err := s.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	return s.Conn.Write(b)
}
