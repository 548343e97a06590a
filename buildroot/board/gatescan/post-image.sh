#!/bin/sh
# Makes the card: boot and configuration (FAT, to be edited on any computer), root (read-only), memory of the gate.
# usage: post-image.sh IMAGES NAME     as Buildroot calls it
set -eu
name=$2
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# update-card.sh takes what the board boots from here.
boot=$BINARIES_DIR/boot
rm -rf "${boot:?}"
mkdir -p "$boot" "$work/root"
cp "$BINARIES_DIR/zImage" "$boot/"
if [ "$name" = sdcard.img ]; then
	cp -R "$BINARIES_DIR/rpi-firmware/." "$boot/"
	cp "$BINARIES_DIR"/*.dtb "$boot/"
	mkdir -p "$boot/overlays"
	cp "$BINARIES_DIR/gatescan.dtbo" "$boot/overlays/"
fi

cp -R "$boot" "$work/root/boot"
mkdir -p "$work/root/boot/gatescan/dsc" "$work/root/data"
cp "$here/$(basename "$3")/gatescan.toml" "$work/root/boot/gatescan/"
ln -sf "$BINARIES_DIR/rootfs.squashfs" "$work/rootfs.squashfs"
sed "s|@NAME@|$name|" "$here/genimage.cfg" >"$work/genimage.cfg"
genimage --rootpath "$work/root" --tmppath "$work/tmp" --inputpath "$work" --outputpath "$BINARIES_DIR" --config "$work/genimage.cfg"
