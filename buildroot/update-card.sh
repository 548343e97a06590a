#!/bin/sh
# Puts new images onto a card that is in use: kernel and system are replaced; configuration, certificates, trust data and
# counters stay. If it is interrupted, start it again.
# usage: update-card.sh IMAGES CARD     IMAGES is images of Buildroot's output, CARD the whole card, such as /dev/sdb
set -eu
if [ $# -ne 2 ]; then
	sed -n 's/^# \(usage: .*\)/\1/p' "$0" >&2
	exit 2
fi
images=$1 card=$2
fail() {
	echo "update-card.sh: $*" >&2
	exit 1
}
for program in sfdisk blkid mcopy; do
	command -v $program >/dev/null || fail "not installed: $program (apt-get install fdisk util-linux mtools)"
done
test -f "$images/rootfs.squashfs" && test -f "$images/boot/zImage" || fail "$images has no rootfs.squashfs and boot/zImage"
if grep -q "^$card" /proc/mounts; then
	fail "$card is mounted"
fi

# Start and size of each partition, in sectors of 512 bytes.
table=$(sfdisk -d "$card" | sed -n 's/.*start= *\([0-9]*\), size= *\([0-9]*\), .*/\1 \2/p')
# shellcheck disable=SC2086
set -- $table
test $# -eq 6 || fail "$card is no card of a gate: it has $(($# / 2)) partitions"
label() { blkid -p -o value -s LABEL -O $(($1 * 512)) -S $(($2 * 512)) "$card" || :; }
test "$(label "$1" "$2")" = GATESCAN && test "$(label "$5" "$6")" = gatescan-data || fail "$card is no card of a gate"
bytes=$(wc -c <"$images/rootfs.squashfs")
test "$bytes" -le $(($4 * 512)) || fail "the new system has $bytes bytes, more than the card has room for: write the whole image"

dd if="$images/rootfs.squashfs" of="$card" bs=512 seek="$3" conv=notrunc,fsync status=none
mcopy -o -Q -s -i "$card@@$(($1 * 512))" "$images"/boot/* ::
sync "$card"
echo "$card: new system and kernel; configuration and memory as they were"
