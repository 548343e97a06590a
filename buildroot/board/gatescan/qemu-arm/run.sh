#!/bin/sh
# Runs the image that gatescan_qemu_arm_defconfig makes. Its barcode module is the socket scanner.sock beside the image:
#   printf 'HC1:...\r' | socat - UNIX-CONNECT:output/images/scanner.sock
# The module is plugged in all the time. Without that, QEMU plugs it in with each connection, and the guest misses the text.
# usage: run.sh IMAGES [QEMU ARGUMENTS]
set -eu
images=$1
shift
here=$(dirname "$0")
machine="-machine virt,highmem=off -cpu cortex-a7 -m 256"
qemu-system-arm $machine -nic none -machine dumpdtb="$images/virt.dtb" >/dev/null
{ dtc -q -I dtb -O dts "$images/virt.dtb"; cat "$here/gatescan.dtsi"; } | dtc -q -I dts -O dtb -o "$images/gatescan-virt.dtb" -
exec qemu-system-arm $machine -dtb "$images/gatescan-virt.dtb" -kernel "$images/zImage" \
	-drive if=none,id=disk,format=raw,file="$images/disk.img" -device virtio-blk-pci,drive=disk \
	-device qemu-xhci -chardev socket,id=scanner,path="$images/scanner.sock",server=on,wait=off -device usb-serial,chardev=scanner,always-plugged=on \
	-netdev user,id=net -device virtio-net-pci,netdev=net,romfile= -append "root=/dev/vda2 rootwait ro console=ttyAMA0" -nographic "$@"
