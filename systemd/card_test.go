//go:build guest

package systemd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"gatescan/driver/drivertest"
)

// boardFiles are those of the Buildroot tree.
const boardFiles = "../buildroot/board/gatescan"

// The card of the image for QEMU, with Debian's systemd in the place of Buildroot's, commissioned as buildroot/README.md says.
func TestCard(t *testing.T) {
	t.Parallel()
	g := &gate{t: t, config: read(t, "testdata/guest/gatescan.toml")}
	dir := t.TempDir()
	card, files := g.card(dir)
	g.power("testdata/guest/cardinit", drivertest.Options{Card: card, Files: files})

	g.within(bootTimeout, "the unit is active", func() bool { return g.show("SubState") == "running" })
	g.follow()
	g.ready(0)
	g.opens()

	mounts, err := g.ReadFile("/proc/1/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"/ squashfs ro,", "/boot vfat ro,nosuid,nodev,noexec,", "/etc/gatescan vfat ro,nosuid,nodev,noexec,", "/var/lib/gatescan ext4 rw,nosuid,nodev,noexec,noatime",
	} {
		if !strings.Contains(mounts, " "+want) {
			t.Errorf("not mounted: %s\n%s", want, mounts)
		}
	}
	if failed := g.in("systemctl list-units --failed --no-legend --plain"); failed != "" {
		t.Errorf("failed units: %s", failed)
	}
	if got := g.in("systemctl show --value -p RuntimeWatchdogUSec"); got != "14s" {
		t.Errorf("the board's watchdog: %s", got)
	}
	g.in("test -d /run/log/journal")
	g.in("test ! -e /var/log/journal")
	g.in("test -d /var/lib/gatescan/lost+found")
	if token, err := g.ReadFile("/proc/1/root/run/credentials/gatescan.service/gatescan.tokens"); err != nil || strings.TrimSpace(token) != "secret" {
		t.Errorf("the token from the card: %q, %v", token, err)
	}
	if _, err := g.Shell("echo > /proc/1/root/etc/x", soon); err == nil {
		t.Error("the root can be written to")
	}

	// A third partition that is damaged beyond mounting costs the memory, and not the gate.
	g.in("systemctl stop gatescan.service")
	g.in("systemctl stop var-lib-gatescan.mount")
	if out, err := g.Shell("dd if=/dev/zero of=/dev/vda3 bs=1024 count=64 conv=notrunc && sync", soon); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	g.in("udevadm trigger --settle /dev/vda3")
	cursor := g.journal.Lines()
	g.in("systemctl start --no-block gatescan.service")
	g.await(cursor, "the third partition is not there")
	g.ready(cursor)
	g.opens()
}

// kernelConfig is the configuration of a kernel that has all that the image needs.
func kernelConfig(t *testing.T) []byte {
	t.Helper()
	var config strings.Builder
	for line := range strings.Lines(read(t, "../buildroot/package/gatescan/kernel.table") + read(t, boardFiles+"/qemu-arm/linux.fragment")) {
		if option, _, _ := strings.Cut(strings.TrimSpace(line), " "); strings.HasPrefix(option, "CONFIG_") {
			config.WriteString(strings.TrimSuffix(option, "=y") + "=y\n")
		}
	}
	return []byte(config.String())
}

// card makes the card, and what the guest needs beside it.
func (g *gate) card(dir string) (card string, files map[string]string) {
	t := g.t
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), bootTimeout)
	defer cancel()
	system, err := debian(ctx)
	if err != nil {
		t.Fatalf("Debian's systemd for the guest: %v", err)
	}
	lab := g.mint(dir)
	tree := newTree(t, filepath.Join(dir, "gatescan.tar"))
	g.install(ctx, tree, dir)
	for _, name := range []string{"var", "tmp"} { // Buildroot's systemd has them
		unit := name + ".mount"
		tree.file("/etc/systemd/system/"+unit, fmt.Sprintf("[Mount]\nWhat=tmpfs\nWhere=/%s\nType=tmpfs\n", name), 0o644)
		tree.link("/etc/systemd/system/local-fs.target.wants/"+unit, "../"+unit)
	}
	tree.close()
	target, images, build := filepath.Join(dir, "target"), filepath.Join(dir, "images"), filepath.Join(dir, "build")
	for _, made := range []string{target, images, build, filepath.Join(build, "linux-debian")} {
		if err := os.Mkdir(made, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// Debian's kernel has modules of its own; post-build.sh is content with what it asks for.
	if err := os.WriteFile(filepath.Join(build, "linux-debian", ".config"), kernelConfig(t), 0o600); err != nil {
		t.Fatal(err)
	}
	here := func(name string, args ...string) string {
		t.Helper()
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatalf("%v: apt-get install systemd genimage squashfs-tools mtools dosfstools e2fsprogs fdisk", err)
		}
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Env = append(os.Environ(), "TARGET_DIR="+target, "BINARIES_DIR="+images, "BUILD_DIR="+build)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	here("tar", "-C", target, "-xf", system)
	here("tar", "-C", target, "-xf", tree.path)
	here("cp", "-a", boardFiles+"/overlay/.", target)
	here("systemd-sysusers", "--root="+target)
	here(boardFiles+"/post-build.sh", target, "disk.img", "qemu-arm")
	here("mksquashfs", target, filepath.Join(images, "rootfs.squashfs"), "-quiet", "-no-progress", "-all-root")
	if err := os.WriteFile(filepath.Join(images, "zImage"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	here(boardFiles+"/post-image.sh", images, "disk.img", "qemu-arm")

	// What a technician puts onto the first partition.
	card = filepath.Join(images, "disk.img")
	fat := card + "@@1M"
	if table := here("sfdisk", "-d", card); !strings.Contains(table, "start=        2048") {
		t.Fatalf("the first partition does not begin at 1 MiB:\n%s", table)
	}
	config, token := filepath.Join(dir, "gatescan.toml"), filepath.Join(dir, "gatescan.tokens")
	for path, text := range map[string]string{config: g.config, token: "secret\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	here("mcopy", "-o", "-i", fat, config, token, "::gatescan/")
	here("mcopy", "-i", fat, filepath.Join(lab, "dsc", "es256.pem"), "::gatescan/dsc/")
	return card, g.agent(ctx, dir)
}
