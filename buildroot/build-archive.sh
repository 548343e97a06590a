#!/bin/sh
# Builds a source archive as Buildroot's golang-package does for an ARMv6 board, with empty module and build caches and
# without a network, and looks at what came of it.
# usage: build-archive.sh ARCHIVE [OUT]    ARCHIVE is what source-archive.sh wrote, OUT where the binary goes
set -eu
archive=$1
out=${2:-}
go=$(command -v "${GO:-go}")
root=$("$go" env GOROOT)
when=$(sed -n 's/^GATESCAN_BUILT_AT = //p' "$(dirname "$archive")/buildroot/release.mk")
version=$(basename "$archive" .tar.gz)
version=${version#gatescan-source-}

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
tar -xzf "$archive" -C "$work"
cd "$work/gatescan-$version"
# HOST_GO_COMMON_ENV, HOST_GO_TARGET_ENV and GATESCAN_GO_ENV of package/go/go.mk and gatescan.mk; then _BUILD_CMDS of
# package/pkg-golang.mk. check.sh compares them with Buildroot's own.
env -i PATH="$root/bin:/usr/bin:/bin" HOME="$work/home" \
	GO111MODULE=on GOFLAGS=-mod=vendor GOROOT="$root" GOPATH="$work/go-path" GOCACHE="$work/go-cache" \
	GOMODCACHE="$work/go-path/pkg/mod" GOPROXY=off GOTOOLCHAIN=local GOBIN= \
	GOOS=linux GOARCH=arm GOARM=6 CGO_ENABLED=0 \
	go build \
	-ldflags "-s -w -buildid= -X main.version=$version -X main.builtAt=$when" \
	-modcacherw -tags "" -trimpath -p "${JOBS:-2}" -buildvcs=false \
	-o "$work/bin/gatescan" gatescan/cmd/gatescan
if [ -e "$work/go-path/pkg/mod" ]; then
	echo "build-archive.sh: something was fetched" >&2
	exit 1
fi
if readelf -l "$work/bin/gatescan" | grep -q INTERP; then
	echo "build-archive.sh: the binary is not static" >&2
	exit 1
fi
if command -v qemu-arm >/dev/null; then
	qemu-arm -cpu arm1176 "$work/bin/gatescan" version
else
	echo "build-archive.sh: NOT RUN on ARMv6, there is no qemu-arm: apt-get install qemu-user" >&2
fi
sha256sum <"$work/bin/gatescan" | sed "s/-/gatescan-linux-armv6 ($version)/"
if [ -n "$out" ]; then
	cp "$work/bin/gatescan" "$out"
fi
