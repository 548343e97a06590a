# make run     show a gate at work: simulated barcode module, turnstile and lamps
# make test    all tests
# make check   formatting, vet, staticcheck, all tests with the race detector, without the repetitions that make test has
# make fuzz    every fuzz target for FUZZTIME
# make bench   speed and allocations, peers in the same run (certlogic-js if GATESCAN_CERTLOGIC_JS names its npm folder, OpenSSL
#              if there are a C compiler and its header)
# make bench-arm   instructions of an ES256 verification on emulated ARM (needs qemu-user and a C compiler)
# make soak    the daemon for GATESCAN_SOAK (an hour), with unplugs, SIGHUPs and steps of its clock, then all sources for
#              GATESCAN_SYNC_SOAK (ten minutes) with faults switched at random: neither may grow
# make dist    static binaries for every platform, and the source archive for builds without a network, with their hashes
# make test-arm, make test-dist: what make check cannot: other processors, reproducible builds
# make test-board          the gate on an emulated ARM board: real kernel, GPIO, LED class, USB serial, and power cuts of a disk
#                          (needs QEMU)
# make test-page           what venues read, in a real browser (needs Chromium); GATESCAN_SCREENSHOTS names where pictures stay
# make test-guest          the service's units under systemd on that board (needs systemd's tools, too)
# make test-image          the cards of Buildroot's images, from stand-ins for what Buildroot builds (names the Debian packages)
# make check-image         the Buildroot tree, if BUILDROOT_TREE names a Buildroot
# make test-board-full     the same, with the daemon killed and frozen at 200 random moments of a pulse each, and 200 power cuts

GO       ?= go
FUZZTIME ?= 60s
GATESCAN_SOAK ?= 1h
GATESCAN_SYNC_SOAK ?= 10m

GOFUMPT     = $(GO) run mvdan.cc/gofumpt@v0.12.0
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2

# A build is named after its commit and dated with it, so that whoever builds it gets the same bytes.
VERSION           ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct 2>/dev/null || echo 0)

P256 = verify/internal/p256

BUILD = CGO_ENABLED=0 $(GO) build -trimpath -buildvcs=false \
	-ldflags '-s -w -buildid= -X main.version=$(VERSION) -X main.builtAt=$(SOURCE_DATE_EPOCH)'

DIST = dist/gatescan-linux-armv6 dist/gatescan-linux-armv7 dist/gatescan-linux-arm64 dist/gatescan-linux-amd64

.PHONY: all run test check fuzz bench bench-arm soak dist test-arm test-dist test-page test-board test-board-full test-guest test-image check-image run-armv6 run-armv7 run-arm64 clean FORCE

all: bin/gatescan bin/gatelab

bin/%: FORCE
	$(BUILD) -o $@ ./cmd/$*

run: all
	@bin/gatelab demo

test:
	$(GO) test ./...

check:
	@unformatted=$$($(GOFUMPT) -l .); test -z "$$unformatted" || { echo "not formatted with gofumpt:"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -tags board ./cmd/gatescan ./cmd/gatescan/counters ./driver/drivertest/...
	$(GO) vet -tags soak ./cmd/gatescan ./trustsync
	$(STATICCHECK) ./...
	$(STATICCHECK) -tags board ./cmd/gatescan ./cmd/gatescan/counters ./driver/drivertest/...
	$(STATICCHECK) -tags soak ./cmd/gatescan ./trustsync
	$(GO) vet -tags guest ./systemd
	$(GO) vet -tags chromium ./cmd/gatescan/status
	$(STATICCHECK) -tags chromium ./cmd/gatescan/status
	$(STATICCHECK) -tags guest ./systemd
	$(GO) test -race -short ./...
	$(GO) vet -tags purego ./$(P256)
	$(GO) test -short -tags purego ./$(P256)
	GOARCH=arm GOARM=6 $(GO) vet ./$(P256)

# go test fuzzes one target of one package at a time. Minimising is kept short: it would eat the time.
fuzz:
	@set -e; found=0; \
	for package in $$($(GO) list ./...); do \
		dir=$$($(GO) list -f '{{.Dir}}' $$package); \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9]*\)(.*/\1/p' $$dir/*_test.go 2>/dev/null); do \
			found=1; echo "== $$package $$target"; \
			$(GO) test $$package -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x; \
		done; \
	done; \
	test $$found = 1 || { echo "no fuzz target was found"; exit 1; }

bench:
	@mkdir -p bin; $(CC) -O2 -o bin/openssl-peer $(P256)/testdata/openssl.c -lcrypto 2>/dev/null || \
		{ rm -f bin/openssl-peer; echo "OpenSSL is left out: apt-get install gcc libssl-dev"; }
	GATESCAN_OPENSSL_PEER=$$(ls $(CURDIR)/bin/openssl-peer 2>/dev/null) $(GO) test ./$(P256) -run '^$$' -bench Peers -benchtime 1x
	$(GO) test ./verify ./verify/certlogic ./driver/scanner -run '^$$' -bench . -benchmem
	$(GO) test ./cmd/gatescan -run '^$$' -bench FrameToLine -benchtime 10000x

bench-arm: bin/count.so bin/p256-armv6.test bin/p256-arm64.test
	@command -v qemu-arm >/dev/null || { echo "bench-arm needs qemu-user: apt-get install qemu-user"; exit 1; }
	@$(P256)/testdata/bench-arm.sh bin

bin/count.so: $(P256)/testdata/count.c
	@mkdir -p bin
	$(CC) -O2 -shared -fPIC -o $@ $<

bin/p256-armv6.test: FORCE
	@mkdir -p bin
	CGO_ENABLED=0 GOARCH=arm GOARM=6 $(GO) test -c -o $@ ./$(P256)
bin/p256-arm64.test: FORCE
	@mkdir -p bin
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -c -o $@ ./$(P256)

# It watches its own time-outs, whatever GATESCAN_SOAK is.
soak:
	GATESCAN_SOAK=$(GATESCAN_SOAK) $(GO) test -count=1 -timeout 0 -tags soak -run '^TestSoak$$' -v ./cmd/gatescan
	GATESCAN_SYNC_SOAK=$(GATESCAN_SYNC_SOAK) $(GO) test -race -count=1 -timeout 0 -tags soak -run '^TestSyncSoak$$' -v ./trustsync

# The archive is of what is committed.
dist: $(DIST)
	@rm -f dist/gatescan-source-*.tar.gz
	@GO='$(GO)' buildroot/source-archive.sh dist >/dev/null
	@cd dist && sha256sum gatescan-* | tee SHA256SUMS

dist/gatescan-linux-armv6: FORCE
	GOOS=linux GOARCH=arm GOARM=6 $(BUILD) -o $@ ./cmd/gatescan
dist/gatescan-linux-armv7: FORCE
	GOOS=linux GOARCH=arm GOARM=7 $(BUILD) -o $@ ./cmd/gatescan
dist/gatescan-linux-arm64: FORCE
	GOOS=linux GOARCH=arm64 $(BUILD) -o $@ ./cmd/gatescan
dist/gatescan-linux-amd64: FORCE
	GOOS=linux GOARCH=amd64 $(BUILD) -o $@ ./cmd/gatescan

# The verifier's tests on the processors it ships for, emulated: ARMv6 as in the first Raspberry Pi, ARMv7, ARMv8.
# -short because an emulated core is slow; what it leaves out are repetitions, not cases.
test-arm:
	@command -v qemu-arm >/dev/null && command -v qemu-aarch64 >/dev/null || \
		{ echo "test-arm needs qemu-user: apt-get install qemu-user"; exit 1; }
	@mkdir -p bin
	CGO_ENABLED=0 GOARCH=arm GOARM=6 $(GO) test -c -o bin/verify-armv6.test ./verify
	CGO_ENABLED=0 GOARCH=arm GOARM=7 $(GO) test -c -o bin/verify-armv7.test ./verify
	CGO_ENABLED=0 GOARCH=arm64 $(GO) test -c -o bin/verify-arm64.test ./verify
	@$(MAKE) --no-print-directory bin/p256-armv6.test bin/p256-arm64.test
	@$(MAKE) --no-print-directory -j2 --output-sync=target run-armv6 run-armv7 run-arm64

# What depends on the processor; the rest is the same everywhere.
P256_RUN = -test.run 'Field|Products|Scalar|Points|Multiples|EqualX|Explicit|RPlusN|Wycheproof|Allocates'

run-armv6:
	cd verify && qemu-arm -cpu arm1176 ../bin/verify-armv6.test -test.short
	cd $(P256) && qemu-arm -cpu arm1176 $(CURDIR)/bin/p256-armv6.test -test.short $(P256_RUN)
run-armv7:
	cd verify && qemu-arm -cpu cortex-a7 ../bin/verify-armv7.test -test.short
run-arm64:
	cd verify && qemu-aarch64 ../bin/verify-arm64.test -test.short
	cd $(P256) && qemu-aarch64 $(CURDIR)/bin/p256-arm64.test -test.short $(P256_RUN)

# Builds the committed source twice, in two other directories, and compares the bytes; then a binary from the source archive,
# by Buildroot's build line and without a network.
test-dist:
	@set -e; dirs=$$(mktemp -d); trap 'rm -rf "$$dirs"' EXIT; \
	for dir in $$dirs/1 $$dirs/2; do \
		git clone -q . $$dir; \
		$(MAKE) --no-print-directory -C $$dir dist >/dev/null; \
	done; \
	grep -q gatescan-source- $$dir/dist/SHA256SUMS || { echo "there is no source archive"; exit 1; }; \
	cmp $$dirs/*/dist/SHA256SUMS && cat $$dir/dist/SHA256SUMS && echo "built twice, identical"; \
	for binary in $$dir/dist/gatescan-linux-*; do \
		! readelf -l $$binary | grep -q INTERP || { echo "$$binary is not static"; exit 1; }; \
	done; \
	$$dir/buildroot/build-archive.sh $$dir/dist/gatescan-source-*.tar.gz

# Says which packages to install if one is missing. The board's kernel comes from the machine's own package sources.
test-board:
	$(GO) test -count=1 -timeout 15m -tags board -run '^TestBoard|^TestClock|^TestOff' -v ./driver/drivertest ./cmd/gatescan ./cmd/gatescan/counters

test-board-full:
	GATESCAN_BOARD_MOMENTS=200 $(GO) test -count=1 -timeout 60m -tags board -run '^TestBoard' -v ./driver/drivertest ./cmd/gatescan ./cmd/gatescan/counters

test-page:
	GATESCAN_SCREENSHOTS=$(GATESCAN_SCREENSHOTS) $(GO) test -count=1 -tags chromium -run Chromium -v ./cmd/gatescan/status

# The units and the init script in a small systemd guest, and what systemd-analyze says of the units (needs QEMU and systemd).
test-guest:
	$(GO) test -count=1 -timeout 30m -parallel 2 -tags guest -v ./systemd

test-image: bin/gatescan
	buildroot/test-image.sh

# The Buildroot tree by Buildroot's own tools, if BUILDROOT_TREE names one; it says so if not.
check-image:
	buildroot/check.sh

clean:
	rm -rf bin dist
