#!/bin/sh
# Checks this tree with Buildroot's own tools: style, that each configuration is taken as it is written, that the package
# is understood, and that its build line is the one that build-archive.sh runs. It builds nothing.
# With LINUX_TREE, an unpacked kernel, each board's defconfig is configured as Buildroot does, with its fragment and what
# packages ask for, and compared with kernel.table. CROSS_COMPILE is a compiler for ARM, arm-linux-gnueabihf- if not given.
# usage: check.sh [TREE]    TREE is an unpacked Buildroot, 2026.02.1 or later; BUILDROOT_TREE if not given
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tree=${1:-${BUILDROOT_TREE:-}}
if [ -z "$tree" ]; then
	echo "buildroot/check.sh: SKIPPED, NOTHING WAS CHECKED: set BUILDROOT_TREE to an unpacked Buildroot" >&2
	exit 0
fi
if [ ! -f "$tree/package/pkg-golang.mk" ]; then
	echo "buildroot/check.sh: $tree is no Buildroot tree" >&2
	exit 1
fi
tree=$(cd "$tree" && pwd)
missing=
for program in make gcc g++ cpio rsync bc unzip file dtc; do
	command -v $program >/dev/null || missing="$missing $program"
done
if [ -n "$missing" ]; then
	echo "buildroot/check.sh: not installed:$missing (apt-get install build-essential cpio rsync bc unzip file device-tree-compiler)" >&2
	exit 1
fi
python=
for candidate in python3 /usr/bin/python3; do
	if "$candidate" -c 'import flake8, magic' 2>/dev/null; then
		python=$candidate
	fi
done
if [ -z "$python" ]; then
	echo "buildroot/check.sh: not installed: flake8 and magic for Python (apt-get install python3-flake8 python3-magic)" >&2
	exit 1
fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT

# set -e does not act on the left of a pipe, hence the files.
find "$here" -type f \( -name 'Config.in' -o -name '*.mk' -o -name '*.hash' -o -name 'external.desc' -o -name '*_defconfig' \) >"$out/files"
test -s "$out/files"
(cd "$here" && xargs "$python" "$tree/utils/check-package" -b <"$out/files")

dtc -q -@ -I dts -O dtb -o "$out/gatescan.dtbo" "$here/board/gatescan/dts/broadcom/gatescan.dtso"

if [ ! -d "$here/../dist/buildroot" ]; then
	"$here/source-archive.sh" "$here/../dist"
fi

# kernel BOARD CONFIG: what becomes of the kernel's configuration. Options are put into it as Buildroot's
# KCONFIG_ENABLE_OPT and KCONFIG_SET_OPT do; kconfig then drops what it cannot have.
kernel() {
	defconfig=$(sed -n 's/^BR2_LINUX_KERNEL_DEFCONFIG="\(.*\)"/\1/p' "$2")_defconfig
	if [ ! -e "$LINUX_TREE/arch/arm/configs/$defconfig" ]; then
		echo "$1: KERNEL NOT CHECKED: $LINUX_TREE has no $defconfig" >&2
		return
	fi
	linux() { make -s -C "$LINUX_TREE" ARCH=arm CROSS_COMPILE="${CROSS_COMPILE:-arm-linux-gnueabihf-}" O="$out/linux-$1" "$2"; }
	mkdir -p "$out/linux-$1"
	linux "$1" "$defconfig" >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
	fragment=$here/board/gatescan/$1/linux.fragment
	test -e "$fragment" || fragment=$here/board/gatescan/linux.fragment
	cat "$fragment" >>"$out/linux-$1/.config"
	run printvars VARS=PACKAGES_LINUX_CONFIG_FIXUPS | grep -o "echo '[^']*CONFIG_[^']*'" | sed "s/^echo '//; s/'$//" >"$out/fixups"
	grep -qx CONFIG_NAMESPACES=y "$out/fixups" || { echo "$1: the package does not ask for its options" >&2; exit 1; }
	while read -r line; do
		option=${line#\# } && option=${option%% *} && option=${option%%=*}
		grep -qx "$option=[my]" "$out/linux-$1/.config" && [ "$line" = "$option=y" ] &&
			! grep -q "^$option y" "$here/package/gatescan/kernel.table" && continue
		sed -i "/^\(# \)\?$option\>/d" "$out/linux-$1/.config"
		echo "$line" >>"$out/linux-$1/.config"
	done <"$out/fixups"
	linux "$1" olddefconfig >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
	"$here/check-kernel.sh" "$1" "$out/linux-$1/.config"
	echo "$1: $defconfig of Linux $(make -s -C "$LINUX_TREE" kernelversion) has all that is needed"
}
test -n "${LINUX_TREE:-}" || echo "buildroot/check.sh: KERNELS NOT CHECKED: set LINUX_TREE to an unpacked kernel" >&2

configs=0
for file in "$here"/configs/*_defconfig; do
	name=$(basename "$file")
	configs=$((configs + 1))
	build=$out/${name%_defconfig}
	run() { make -s -C "$tree" O="$build" BR2_EXTERNAL="$here" "$@"; }
	run "$name" >"$out/log" 2>&1 || { cat "$out/log" >&2; exit 1; }
	# What kconfig drops, because something it needs is not there, it drops without a word.
	while read -r line; do
		case $line in
		BR2_*=* | "# BR2_"*" is not set")
			option=${line#\# } && option=${option%% *} && option=${option%%=*}
			if [ "${line#\#}" != "$line" ]; then
				! grep -q "^$option=" "$build/.config" || { echo "$name: $option is set all the same" >&2; exit 1; }
			else
				grep -qxF "$line" "$build/.config" || { echo "$name: not taken: $line" >&2; exit 1; }
			fi
			;;
		esac
	done <"$file"
	# Files that are named must be there.
	sed -n 's/.*"\(.*\)".*/\1/p' "$file" | tr ' ' '\n' | sed -n 's#^$(BR2_EXTERNAL_GATESCAN_PATH)/board#board#p' >"$out/named"
	while read -r path; do
		test -e "$here/$path" || { echo "$name: there is no $path" >&2; exit 1; }
	done <"$out/named"
	run gatescan-show-info >"$out/info"
	grep -q '"gatescan"' "$out/info" || { echo "$name: the package is not understood" >&2; exit 1; }
	run printvars VARS='GATESCAN_VERSION GATESCAN_SOURCE GATESCAN_BUILD_OPTS GATESCAN_GO_ENV GATESCAN_BUILD_CMDS GO_GOARCH GO_GOARM HOST_GO_COMMON_ENV GO_VERSION' >"$out/vars"
	for part in GOFLAGS=-mod=vendor GOPROXY=off GOTOOLCHAIN=local CGO_ENABLED=0 -modcacherw -trimpath -buildvcs=false gatescan/cmd/gatescan; do
		grep -qF -- "$part" "$out/vars" || { echo "$name: the build line has no $part" >&2; exit 1; }
		grep -qF -- "$part" "$here/build-archive.sh" || { echo "build-archive.sh has no $part" >&2; exit 1; }
	done
	if [ -n "${LINUX_TREE:-}" ]; then
		kernel "$(sed -n 's/^BR2_ROOTFS_POST_SCRIPT_ARGS="[^ ]* \(.*\)"/\1/p' "$file")" "$file"
	fi
	wanted=$(sed -n 's/^go //p' "$here/../go.mod") had=$(sed -n 's/^GO_VERSION=//p' "$out/vars")
	printf '%s\n' "$wanted" "$had" | sort -CV || { echo "$name: this Buildroot has Go $had, and go.mod asks for $wanted: take a later one" >&2; exit 1; }
	archive=$here/../dist/$(sed -n 's/^GATESCAN_SOURCE=//p' "$out/vars")
	hashes=$here/../dist/buildroot/gatescan/gatescan.hash
	"$tree/support/download/check-hash" "$archive" "$(basename "$archive")" "$hashes" >&2 ||
		{ echo "$name: the archive is not the one that the package asks for; run source-archive.sh" >&2; exit 1; }
	echo "$name: $(sed -n 's/^GO_GOARCH=//p' "$out/vars")/$(sed -n 's/^GO_GOARM=//p' "$out/vars"), Go $(sed -n 's/^GO_VERSION=//p' "$out/vars"), $(sed -n 's/^GATESCAN_SOURCE=//p' "$out/vars")"
done
test "$configs" -gt 0
echo "buildroot/check.sh: $configs configurations checked"
