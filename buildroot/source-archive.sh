#!/bin/sh
# Writes the source with every module it needs, for builds without a network, from the committed state:
#   OUT/gatescan-source-VERSION.tar.gz   whoever makes it of the same commit gets the same bytes
#   OUT/buildroot/release.mk             its version and time, for the Buildroot package
#   OUT/buildroot/gatescan/gatescan.hash its hash, likewise
# usage: source-archive.sh [OUT]    OUT is dist beside this directory if not given. GO names another go command.
# This directory is left out: it is what builds the archive.
set -eu
cd "$(dirname "$0")/.."
out=${1:-dist}
mkdir -p "$out"
out=$(cd "$out" && pwd)
go=${GO:-go}

version=${VERSION:-$(git describe --tags --always)}
when=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
case $version in
*[!A-Za-z0-9._+-]* | "") echo "source-archive.sh: \"$version\" is no version for the name of a file" >&2; exit 1 ;;
esac
name=gatescan-$version

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/$name"
git archive --format=tar HEAD -- . ':(exclude)buildroot' ':(exclude).ci' | tar -x -C "$work/$name"
(
	cd "$work/$name"
	$go mod vendor
	find vendor -iname 'licen[sc]e*' -o -iname 'copying*' -o -iname 'notice*' -o -iname 'patents*' | LC_ALL=C sort |
		while read -r file; do
			printf '%s\n\n' "== $file"
			cat "$file"
			printf '\n\n'
		done >THIRD-PARTY-LICENSES
	# A module without a licence must not slip in.
	sed -n 's/^# \([^ ]*\) v[^ ]*.*/\1/p' vendor/modules.txt | while read -r module; do
		test -d "vendor/$module" || continue # only its go.mod is needed
		grep -q "^== vendor/$module/" THIRD-PARTY-LICENSES || { echo "source-archive.sh: $module has no licence" >&2; exit 1; }
	done
)
tar -C "$work" --sort=name --format=gnu --mtime="@$when" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX -cf - "$name" |
	gzip -9n >"$work/archive"
archive=gatescan-source-$version.tar.gz
mv "$work/archive" "$out/$archive"
chmod 0644 "$out/$archive"

mkdir -p "$out/buildroot/gatescan"
printf 'GATESCAN_VERSION = %s\nGATESCAN_BUILT_AT = %s\n' "$version" "$when" >"$out/buildroot/release.mk"
{
	printf 'sha256  %s  %s\n' "$(sha256sum <"$out/$archive" | cut -d" " -f1)" "$archive"
	printf 'sha256  %s  %s\n' "$(sha256sum <"$work/$name/THIRD-PARTY-LICENSES" | cut -d' ' -f1)" THIRD-PARTY-LICENSES
} >"$out/buildroot/gatescan/gatescan.hash"
echo "$out/$archive"
