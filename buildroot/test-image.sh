#!/bin/sh
# Makes each board's card as Buildroot would, from stand-ins for what Buildroot builds, and looks at what came of it: partitions,
# files, device trees, configuration. It needs no Buildroot and no network. GATESCAN is the gatescan command, bin/gatescan if not given.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
board=$here/board/gatescan
gatescan=${GATESCAN:-$here/../bin/gatescan}

missing=
while read -r program package; do
	command -v "$program" >/dev/null || missing="$missing $package"
done <<END
genimage genimage
mksquashfs squashfs-tools
mcopy mtools
mkdosfs dosfstools
mke2fs e2fsprogs
sfdisk fdisk
dtc device-tree-compiler
qemu-system-arm qemu-system-arm
shellcheck shellcheck
END
if [ -n "$missing" ]; then
	echo "test-image.sh: not installed: apt-get install$missing" >&2
	exit 1
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() {
	echo "test-image.sh: $*" >&2
	exit 1
}
# same FILE1 FILE2 WHAT
same() { cmp -s "$1" "$2" || { diff "$1" "$2" >&2 || :; fail "$3"; }; }

shellcheck -s sh -e SC2015,SC2016,SC2086 "$here"/*.sh "$board"/*.sh "$board"/*/*.sh "$here/../systemd/S60gatescan" "$here/../systemd/gatescan-generator"

# The outputs, as the overlay puts them into a tree that has the controller only: name, line, polarity.
cat >"$work/pi.dts" <<END
/dts-v1/;
/ {
	compatible = "brcm,bcm2835";
	gpio: gpio@7e200000 { gpio-controller; #gpio-cells = <2>; };
};
END
dtc -q -@ -I dts -O dtb -o "$work/pi.dtb" "$work/pi.dts"
dtc -q -@ -I dts -O dtb -o "$work/gatescan.dtbo" "$board/dts/broadcom/gatescan.dtso"
fdtoverlay -i "$work/pi.dtb" -o "$work/gate.dtb" "$work/gatescan.dtbo"
outputs() {
	for led in $(fdtget -l "$1" /gate-leds | sort); do
		test "$(fdtget "$1" "/gate-leds/$led" default-state)" = off || fail "$led is not at rest when the kernel finds it"
		! fdtget -p "$1" "/gate-leds/$led" | grep -q 'retain-state-shutdown\|default-trigger' || fail "$led is more than an output"
		printf '%s %s\n' "$(fdtget "$1" "/gate-leds/$led" label)" "$(fdtget -t u "$1" "/gate-leds/$led" gpios | cut -d' ' -f2,3)"
	done
}
outputs "$work/gate.dtb" >"$work/leds"
cat >"$work/want" <<END
gate:buzzer 27 0
gate:green 22 0
gate:red 23 0
gate:relay 17 0
gate:yellow 24 0
END
same "$work/leds" "$work/want" "the overlay has other outputs than README.md"
sed 's/.* \(.*\) 0/\1/' "$work/leds" | sort -n | paste -sd, >"$work/lines"
fdtget -t u "$work/gate.dtb" /gpio@7e200000/gate-pins brcm,pins | tr ' ' , >"$work/pulled"
same "$work/pulled" "$work/lines" "the lines pulled down are not those driven"
for led in relay green red yellow buzzer; do
	fdtget -p "$work/gatescan.dtbo" /__overrides__ | grep -qx "${led}_low" || fail "the overlay has no parameter ${led}_low"
done

# QEMU's own tree, with the outputs behind it.
qemu-system-arm -machine virt,highmem=off -cpu cortex-a7 -m 256 -nic none -machine dumpdtb="$work/virt.dtb" >/dev/null 2>&1
{ dtc -q -I dtb -O dts "$work/virt.dtb"; cat "$board/qemu-arm/gatescan.dtsi"; } | dtc -q -I dts -O dtb -o "$work/gate-virt.dtb" -
outputs "$work/gate-virt.dtb" >"$work/leds-qemu-arm"
test "$(wc -l <"$work/leds-qemu-arm")" -eq 3 || fail "QEMU's board has other outputs than three"

# run.sh has QEMU start with the module plugged in, even where the option ROMs, another package, are not installed.
mkdir "$work/qemu"
truncate -s 1M "$work/qemu/disk.img" "$work/qemu/zImage"
code=0
timeout -k 5 3 "$board/qemu-arm/run.sh" "$work/qemu" -S </dev/null >"$work/log" 2>&1 || code=$?
test "$code" -eq 124 || { cat "$work/log" >&2; fail "run.sh: QEMU does not start"; }
grep -q "usb-serial.*always-plugged=on" "$board/qemu-arm/run.sh" || fail "run.sh: the module is plugged in only while something is connected"

# The kernel's command line is one line, the root is read-only, and no console is on the barcode module's port.
test "$(wc -l <"$board/cmdline.txt")" -eq 1 || fail "cmdline.txt is not one line"
grep -qw ro "$board/cmdline.txt" || fail "cmdline.txt: the root is not read-only"
! grep -q 'console=\(ttyAMA\|ttyS\|serial\)' "$board/cmdline.txt" || fail "cmdline.txt: a console on the barcode module's port"

# What Buildroot would have built.
export TARGET_DIR="$work/target" BINARIES_DIR="$work/images" BUILD_DIR="$work/build"
images=0
for toml in "$board"/*/gatescan.toml; do
	name=$(basename "$(dirname "$toml")")
	images=$((images + 1))
	"$gatescan" config -check "$toml" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$name: gatescan.toml"; }
	leds=$work/leds
	test -e "$work/leds-$name" && leds=$work/leds-$name
	grep -o 'gate:[^"]*"' "$toml" | tr -d '"' | sort >"$work/named"
	test -s "$work/named" || fail "$name: gatescan.toml names no output"
	cut -d' ' -f1 "$leds" | comm -23 "$work/named" - >"$work/unknown"
	test ! -s "$work/unknown" || fail "$name: gatescan.toml names what the board has not: $(cat "$work/unknown")"

	rm -rf "$TARGET_DIR" "$BINARIES_DIR"
	mkdir -p "$TARGET_DIR/etc/systemd/system" "$BINARIES_DIR/rpi-firmware/overlays"
	cp -a "$board/overlay/." "$TARGET_DIR/"
	: >"$BINARIES_DIR/zImage"
	image=disk.img
	case $name in raspberrypi*)
		image=sdcard.img
		config=$board/$name/config.txt
		cp "$config" "$board/cmdline.txt" "$BINARIES_DIR/rpi-firmware/"
		: >"$BINARIES_DIR/rpi-firmware/overlays/disable-bt.dtbo"
		: >"$BINARIES_DIR/bcm.dtb"
		cp "$work/gatescan.dtbo" "$BINARIES_DIR/"
		sed -n 's/^gpio=\(.*\)=op,dl$/\1/p' "$config" >"$work/early"
		same "$work/early" "$work/lines" "$name: config.txt puts other lines at rest than the overlay drives"
		grep -qx enable_uart=1 "$config" || fail "$name: config.txt: no UART on the header"
		grep -qx dtparam=watchdog=on "$config" || fail "$name: config.txt: no watchdog"
		;;
	esac

	# A kernel that has all that the image needs, and for each row of the table, and each line of the fragment, one that lacks it.
	fragment=$board/$name/linux.fragment
	test -e "$fragment" || fragment=$board/linux.fragment
	kernel=$BUILD_DIR/linux-6/.config
	rm -rf "$BUILD_DIR"
	! "$board/post-build.sh" "$TARGET_DIR" "$image" "$name" 2>/dev/null || fail "$name: post-build.sh is content without a kernel"
	mkdir -p "$BUILD_DIR/linux-6"
	{ sed -n 's/^\(CONFIG_[A-Z0-9_]*\) .*/\1=y/p' "$here/package/gatescan/kernel.table"; grep '^CONFIG_' "$fragment"; } | sort -u >"$work/kernel"
	"$here/check-kernel.sh" "$name" "$work/kernel" || fail "$name: check-kernel.sh"
	lacking=0
	grep -xF -f "$fragment" "$work/kernel" >"$work/options"
	sed -n 's/^\(CONFIG_[A-Z0-9_]*\) [ym] \* .*/\1=y/p' "$here/package/gatescan/kernel.table" >>"$work/options"
	while read -r option; do
		lacking=$((lacking + 1))
		grep -vxF "$option" "$work/kernel" >"$kernel"
		! "$here/check-kernel.sh" "$name" "$kernel" 2>"$work/log" || fail "$name: check-kernel.sh lets a kernel without $option"
		grep -q "lacks ${option%=y}" "$work/log" || fail "$name: check-kernel.sh does not name $option"
	done <"$work/options"
	test "$lacking" -ge 35 || fail "$name: only $lacking kernels that lack something"
	! "$board/post-build.sh" "$TARGET_DIR" "$image" "$name" 2>/dev/null || fail "$name: post-build.sh lets a kernel without $option"
	cp "$work/kernel" "$kernel"
	grep -qF "$(basename "$(dirname "$fragment")")/linux.fragment\"" "$here"/configs/gatescan_"$(echo "$name" | tr - _)"_defconfig || fail "$name: its defconfig has another fragment"

	"$board/post-build.sh" "$TARGET_DIR" "$image" "$name"
	test ! -e "$TARGET_DIR/etc/gatescan/.empty" && test -d "$TARGET_DIR/etc/gatescan" && test -d "$TARGET_DIR/boot" || fail "$name: post-build.sh"
	for unit in getty@.service serial-getty@.service console-getty.service getty.target; do
		test "$(readlink "$TARGET_DIR/etc/systemd/system/$unit")" = /dev/null || fail "$name: $unit may start"
	done
	mksquashfs "$TARGET_DIR" "$BINARIES_DIR/rootfs.squashfs" -quiet -no-progress >/dev/null
	"$board/post-image.sh" "$BINARIES_DIR" "$image" "$name" >"$work/log" 2>&1 || { cat "$work/log" >&2; fail "$name: post-image.sh"; }

	# Three partitions: each begins with what it should, and every file of the first is there.
	sfdisk -d "$BINARIES_DIR/$image" | sed -n 's/.*start= *\([0-9]*\), size= *\([0-9]*\), type=\([^,]*\).*/\1 \2 \3/p' >"$work/table"
	test "$(cut -d' ' -f3 "$work/table" | paste -sd' ')" = "c 83 83" || { cat "$work/table" >&2; fail "$name: partitions"; }
	n=0
	while read -r start size _; do
		test $((start % 2048)) -eq 0 || fail "$name: a partition does not begin at a whole MiB"
		n=$((n + 1))
		dd if="$BINARIES_DIR/$image" of="$work/part$n" bs=512 skip="$start" count="$size" status=none
	done <"$work/table"
	test "$(blkid -o value -s LABEL "$work/part1")" = GATESCAN || fail "$name: label of the first partition"
	test "$(blkid -o value -s TYPE "$work/part2")" = squashfs || fail "$name: the second partition is no squashfs"
	test "$(blkid -o value -s LABEL "$work/part3")" = gatescan-data || fail "$name: label of the third partition"
	e2fsck -fn "$work/part3" >/dev/null 2>&1 || fail "$name: the third partition is damaged"
	rm -rf "${work:?}/boot"
	mkdir "$work/boot"
	mcopy -s -n -i "$work/part1" '::*' "$work/boot/"
	same "$work/boot/gatescan/gatescan.toml" "$toml" "$name: gatescan.toml on the card"
	test -d "$work/boot/gatescan/dsc" || fail "$name: there is no folder dsc on the card"
	test -e "$work/boot/zImage" || fail "$name: no kernel on the card"
	if [ "$image" = sdcard.img ]; then
		# What the firmware is told to load is there.
		sed -n 's/^dtoverlay=\([^,]*\).*/\1/p' "$config" | while read -r overlay; do
			test -e "$work/boot/overlays/$overlay.dtbo" || fail "$name: config.txt wants the overlay $overlay"
		done
		same "$work/boot/config.txt" "$config" "$name: config.txt on the card"
		same "$work/boot/cmdline.txt" "$board/cmdline.txt" "$name: cmdline.txt on the card"
		# An update replaces the system and the kernel, and nothing else.
		card=$BINARIES_DIR/$image
		read -r start size _ <"$work/table"
		echo '# mine' >"$work/mine"
		mcopy -o -i "$card@@$((start * 512))" "$work/mine" ::gatescan/gatescan.toml
		echo new >"$BINARIES_DIR/boot/zImage"
		echo new >"$BINARIES_DIR/boot/overlays/gatescan.dtbo"
		mksquashfs "$board" "$work/rootfs.squashfs" -noappend -quiet -no-progress >/dev/null
		cp "$work/rootfs.squashfs" "$BINARIES_DIR/"
		"$here/update-card.sh" "$BINARIES_DIR" "$card" >/dev/null
		mcopy -n -i "$card@@$((start * 512))" ::gatescan/gatescan.toml "$work/kept"
		mcopy -n -i "$card@@$((start * 512))" ::zImage "$work/updated"
		mcopy -n -i "$card@@$((start * 512))" ::overlays/gatescan.dtbo "$work/overlay"
		same "$work/kept" "$work/mine" "$name: an update changes the configuration"
		same "$work/updated" "$BINARIES_DIR/boot/zImage" "$name: an update leaves the kernel"
		same "$work/overlay" "$BINARIES_DIR/boot/overlays/gatescan.dtbo" "$name: an update leaves an overlay"
		rm "$work/kept" "$work/updated" "$work/overlay"
		start=$(sed -n '2s/ .*//p' "$work/table")
		dd if="$card" bs=512 skip="$start" count=$(($(wc -c <"$work/rootfs.squashfs") / 512)) status=none | cmp -s - "$work/rootfs.squashfs" ||
			fail "$name: an update leaves the system"
		read -r start size _ <<-END
			$(sed -n 3p "$work/table")
		END
		dd if="$card" bs=512 skip="$start" count="$size" status=none | cmp -s - "$work/part3" || fail "$name: an update changes the memory"
		! "$here/update-card.sh" "$BINARIES_DIR" "$work/part1" 2>/dev/null || fail "update-card.sh takes anything for a card"

		# A console on the barcode module's port stops the build.
		echo console=ttyAMA0,115200 >"$BINARIES_DIR/rpi-firmware/cmdline.txt"
		! "$board/post-build.sh" "$TARGET_DIR" "$image" "$name" 2>/dev/null || fail "$name: post-build.sh lets a console on the barcode module's port"
	fi
done
test "$images" -eq "$(find "$here/configs" -name '*_defconfig' | wc -l)" || fail "$images boards, and another number of configurations"

# The units that mount the card's partitions, as systemd makes them of fstab.
generator=/usr/lib/systemd/system-generators/systemd-fstab-generator
test -x $generator || generator=/lib/systemd/system-generators/systemd-fstab-generator
test -x $generator || fail "not installed: apt-get install systemd"
mkdir "$work/units"
SYSTEMD_FSTAB="$board/overlay/etc/fstab" SYSTEMD_PROC_CMDLINE="" $generator "$work/units" "$work/units" "$work/units"
for unit in boot.mount etc-gatescan.mount var-lib-gatescan.mount; do
	test -e "$work/units/$unit" || fail "fstab: there is no $unit"
	test ! -e "$work/units/local-fs.target.requires/$unit" || fail "fstab: without $unit the board would not boot"
done
echo "test-image.sh: $images cards made and looked at"
