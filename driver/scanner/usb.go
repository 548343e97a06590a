package scanner

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Ports is where serial ports are looked for: in sysfs, without opening one. The listing of the serial library opens and
// reprograms every port it finds, a console in use included. The zero Ports is this machine.
type Ports struct {
	SysDir string // default /sys
	DevDir string // default /dev
}

// USBPort is the serial port of a USB device.
type USBPort struct {
	Path      string // of the tty
	Vendor    string // four hexadecimal digits
	Product   string // four hexadecimal digits
	Serial    string // empty if the device has none
	Name      string // manufacturer and product in their own words, may be empty
	Port      string // where it is plugged in: bus, and the numbers of the hubs' ports, as in 1-1.2
	Interface string // which of the device's interfaces, as in 1-1.2:1.0
}

func (u USBPort) String() string {
	s := fmt.Sprintf("usb:%s:%s", u.Vendor, u.Product)
	if u.Serial != "" {
		s += fmt.Sprintf(" usb-serial:%s", u.Serial)
	}
	s += fmt.Sprintf(" usb-port:%s is %s", u.Port, u.Path)
	if u.Name != "" {
		s += fmt.Sprintf(" (%s)", u.Name)
	}
	return s
}

func (p Ports) withDefaults() Ports {
	if p.SysDir == "" {
		p.SysDir = "/sys"
	}
	if p.DevDir == "" {
		p.DevDir = "/dev"
	}
	return p
}

// USB lists the serial ports of USB devices.
func (p Ports) USB() ([]USBPort, error) {
	p = p.withDefaults()
	class := filepath.Join(p.SysDir, "class", "tty")
	entries, err := os.ReadDir(class)
	if err != nil {
		return nil, fmt.Errorf("looking for serial ports: %w", err)
	}
	var ports []USBPort
	for _, entry := range entries {
		// The 64 virtual terminals are passed over by their names: reading their links is most of what a look costs.
		number, isTTY := strings.CutPrefix(entry.Name(), "tty")
		if isTTY && strings.Trim(number, "0123456789") == "" {
			continue
		}
		// The link leads below the interface of the device (cdc-acm), a port of that (usb-serial), or elsewhere.
		link, err := os.Readlink(filepath.Join(class, entry.Name()))
		if err != nil || !strings.Contains(link, "/usb") {
			continue
		}
		dir := filepath.Dir(filepath.Dir(filepath.Join(class, link))) // without tty/ttyACM0
		if port, ok := p.usbPort(dir); ok {
			port.Path = filepath.Join(p.DevDir, entry.Name())
			ports = append(ports, port)
		}
	}
	return ports, nil
}

// usbPort looks for the USB device above dir. Hubs do not nest deeper than 7.
func (p Ports) usbPort(dir string) (port USBPort, ok bool) {
	for range 4 {
		below := filepath.Base(dir)
		dir = filepath.Dir(dir)
		if !strings.HasPrefix(dir, p.SysDir) {
			return port, false
		}
		vendor, product := attribute(dir, "idVendor"), attribute(dir, "idProduct")
		if vendor != "" && product != "" {
			return USBPort{
				Vendor: vendor, Product: product, Serial: attribute(dir, "serial"), Port: filepath.Base(dir), Interface: below,
				Name: strings.TrimSpace(attribute(dir, "manufacturer") + " " + attribute(dir, "product")),
			}, true
		}
	}
	return port, false
}

// attribute reads a file of sysfs; empty if there is none. A device words its own names: only printable ASCII is kept, and
// of that 64 bytes.
func attribute(dir, name string) string {
	f, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return ""
	}
	return printable(b)
}

// deviceSpec is what Config.Device says: a path, or what a USB port must be like.
type deviceSpec struct {
	path            string
	vendor, product string
	serial          string
	port            string
}

// How a USB device is written.
const (
	usbPrefix       = "usb:"
	usbSerialPrefix = "usb-serial:"
	usbPortPrefix   = "usb-port:"
)

func parseDevice(text string) (d deviceSpec, err error) {
	if id, ok := strings.CutPrefix(text, usbPrefix); ok {
		vendor, product, _ := strings.Cut(strings.ToLower(id), ":")
		if !isID(vendor) || !isID(product) {
			return d, errors.New("write vendor and product as lsusb shows them, such as usb:1eab:1d06")
		}
		return deviceSpec{vendor: vendor, product: product}, nil
	}
	if serial, ok := strings.CutPrefix(text, usbSerialPrefix); ok {
		if serial == "" || serial != printable([]byte(serial)) {
			return d, errors.New("write the serial number of the USB device behind usb-serial:, as it is in its file serial in /sys")
		}
		return deviceSpec{serial: serial}, nil
	}
	if port, ok := strings.CutPrefix(text, usbPortPrefix); ok {
		if port == "" || strings.Trim(port, "0123456789-.:") != "" {
			return d, errors.New("write where it is plugged in behind usb-port:, as the directories in /sys/bus/usb/devices are called, such as usb-port:1-1.2")
		}
		return deviceSpec{port: port}, nil
	}
	if !filepath.IsAbs(text) {
		return d, errors.New("give the full path of the serial port, such as /dev/ttyACM0, or a USB device, such as usb:1eab:1d06")
	}
	return deviceSpec{path: text}, nil
}

func isID(s string) bool { return len(s) == 4 && strings.Trim(s, "0123456789abcdef") == "" }

func (d deviceSpec) is(u USBPort) bool {
	switch {
	case d.vendor != "":
		return strings.EqualFold(u.Vendor, d.vendor) && strings.EqualFold(u.Product, d.product)
	case d.serial != "":
		return u.Serial == d.serial
	}
	return u.Port == d.port || u.Interface == d.port
}

// Find returns the path of the tty that device, see [Config], stands for now. It is an error if there is none, and if there
// are several.
func (p Ports) Find(device string) (path string, err error) {
	spec, err := parseDevice(device)
	if err != nil {
		return "", fmt.Errorf("device %q: %w", device, err)
	}
	if spec.path != "" {
		return spec.path, nil
	}
	ports, err := p.USB()
	if err != nil {
		return "", err
	}
	matches := slices.DeleteFunc(slices.Clone(ports), func(u USBPort) bool { return !spec.is(u) })
	switch len(matches) {
	case 0:
		return "", fmt.Errorf("%s is not plugged in, or is no serial port; there are: %s", device, listPorts(ports, USBPort.String))
	case 1:
		return matches[0].Path, nil
	}
	return "", fmt.Errorf("%s is several: %s; tell them apart by where they are plugged in", device, listPorts(matches, func(u USBPort) string {
		port := u.Port
		if slices.ContainsFunc(matches, func(other USBPort) bool { return other.Port == u.Port && other != u }) {
			port = u.Interface // two ports of one device
		}
		return fmt.Sprintf("%s is %s%s", u.Path, usbPortPrefix, port)
	}))
}

// maxListed bounds what a message lists.
const maxListed = 16

func listPorts(ports []USBPort, text func(USBPort) string) string {
	if len(ports) == 0 {
		return "none"
	}
	var words []string
	for i, u := range ports {
		if i == maxListed {
			words = append(words, fmt.Sprintf("and %d more", len(ports)-i))
			break
		}
		words = append(words, text(u))
	}
	return strings.Join(words, ", ")
}
