#!/bin/sh
# Guest instructions of one ES256 verification, under QEMU's user emulation with the plugin of count.c.
#
# usage: bench-arm.sh BIN
#
# BIN holds count.so, p256-armv6.test and p256-arm64.test. If GATESCAN_OPENSSL_ARMHF names openssl.c compiled for armhf, it is
# counted too, on an emulated Cortex-A7, since Debian's armhf OpenSSL needs ARMv7. Instructions are no cycles, but they are the same
# each time: what two runs of different length have more is divided by how many more verifications they made.
set -eu
bin=$1

# count COMMAND...: instructions of a whole run
count() {
	GOMAXPROCS=1 GOGC=off "$@" 2>&1 >/dev/null | sed -n 's/^instructions //p'
}

# row NAME FEW MANY COMMAND...: the command ends with the number of verifications, or with that and an x
row() {
	name=$1 few=$2 many=$3
	shift 3
	a=$(count "$@$few$suffix")
	b=$(count "$@$many$suffix")
	printf '%-28s %10d\n' "$name" $(((b - a) / (many - few)))
}

for processor in "armv6:qemu-arm -cpu arm1176" "arm64:qemu-aarch64"; do
	suffix=x
	for name in none small medium wide crypto-ecdsa; do
		row "${processor%%:*} $name" 20 120 ${processor#*:} -plugin "$bin/count.so" "$bin/p256-${processor%%:*}.test" \
			-test.run '^$' -test.bench "^BenchmarkVerify/$name\$" -test.benchtime=
	done
done

if [ -n "${GATESCAN_OPENSSL_ARMHF:-}" ]; then
	suffix=
	# RFC 6979 A.2.5, SHA-256, "sample"
	row "armv7 OpenSSL" 20 120 qemu-arm -cpu cortex-a7 -plugin "$bin/count.so" "$GATESCAN_OPENSSL_ARMHF" \
		0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB67903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299 \
		AF2BDBE1AA9B6EC1E2ADE1D694F41FC71A831D0268E9891562113D8A62ADD1BF \
		EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716 \
		F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8 ''
fi
