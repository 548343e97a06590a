#!/bin/sh
# Compares the configuration of a kernel with package/gatescan/kernel.table and with the fragment of its board. kconfig drops an
# option without a word if something that it needs is not there.
# usage: check-kernel.sh BOARD CONFIG     such as: check-kernel.sh qemu-arm output/build/linux-6.18.7/.config
set -eu
board=$1 config=$2
here=$(cd "$(dirname "$0")" && pwd)
test -d "$here/board/gatescan/$board" || { echo "check-kernel.sh: there is no board $board" >&2; exit 1; }
test -s "$config" || { echo "check-kernel.sh: there is no $config" >&2; exit 1; }
fragment=$here/board/gatescan/$board/linux.fragment
test -e "$fragment" || fragment=$here/board/gatescan/linux.fragment
exec awk -v board="$board" -v root="$here/.." '
function say(text) { print "check-kernel.sh: " board ": " text | "cat >&2" }
function lacks(option, why) { missing++; say("the kernel lacks " option ": " why) }
# has says whether a line of a file holds a text: a row whose reason is gone must go, too.
function has(file, text,  line, found) {
	while ((getline line < (root "/" file)) > 0) if (index(line, text)) found = 1
	close(root "/" file)
	return found
}
FNR == 1 { part++ }
part == 1 { is[$0] = 1; next }
/^[ \t]*(#|$)/ { next }
part == 2 {
	rows++
	text = $0
	for (i = 1; i <= 4; i++) sub(/^[^ ]+ +/, "", text)
	if ($2 != "y" && $2 != "m" || !has($4, text)) { broken++; say($1 ": not y or m, or " $4 " has no line with " text) }
	pattern = $3
	gsub(/\*/, ".*", pattern)
	if (board !~ "^" pattern "$") next
	if (!(is[$1 "=y"] || $2 == "m" && is[$1 "=m"])) lacks($2 == "y" ? $1 "=y" : $1, $4 " needs it for " text)
	next
}
/^CONFIG_/ && !is[$0] { lacks($0, "the fragment of the board asks for it") }
END {
	if (rows < 40) { broken++; say("the table has " rows " rows") }
	if (missing) say(missing " options are missing: what they depend on is not in the defconfig, add it to the fragment")
	close("cat >&2")
	exit missing || broken
}' "$config" "$here/package/gatescan/kernel.table" "$fragment"
