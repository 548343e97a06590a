package gpio

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctl is ioctl(2), repeated when a signal came in between, as one does on a chip behind a slow bus.
func ioctl(fd int, request uintptr, arg unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(arg))
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

func ioctlChipInfo(fd int, info *unix.GPIOChipInfo) error {
	return ioctl(fd, unix.GPIO_GET_CHIPINFO_IOCTL, unsafe.Pointer(info))
}

func ioctlLineInfo(fd int, info *unix.GPIOV2LineInfo) error {
	return ioctl(fd, unix.GPIO_V2_GET_LINEINFO_IOCTL, unsafe.Pointer(info))
}

func ioctlGetLine(fd int, request *unix.GPIOV2LineRequest) error {
	return ioctl(fd, unix.GPIO_V2_GET_LINE_IOCTL, unsafe.Pointer(request))
}

func ioctlGetValues(fd int, values *unix.GPIOV2LineValues) error {
	return ioctl(fd, unix.GPIO_V2_LINE_GET_VALUES_IOCTL, unsafe.Pointer(values))
}

func ioctlSetValues(fd int, values *unix.GPIOV2LineValues) error {
	return ioctl(fd, unix.GPIO_V2_LINE_SET_VALUES_IOCTL, unsafe.Pointer(values))
}
