//go:build guest

package systemd_test

import (
	"archive/tar"
	"io/fs"
	"os"
	"strings"
	"testing"
)

// tree is a tar archive of files that are put over Debian's.
type tree struct {
	t    *testing.T
	path string
	out  *os.File
	w    *tar.Writer
}

func newTree(t *testing.T, path string) *tree {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	return &tree{t: t, path: path, out: f, w: tar.NewWriter(f)}
}

// system is what a Debian system has that no package brings.
func (r *tree) system() {
	for name, text := range map[string]string{
		"/etc/passwd": "root:x:0:0:root:/root:/bin/sh\n", "/etc/group": "root:x:0:\n", "/etc/fstab": "",
		"/etc/machine-id": "0123456789abcdef0123456789abcdef\n", "/etc/hostname": "gate\n", "/agent/etc/modules": "",
	} {
		r.file(name, text, 0o644)
	}
	r.copy("/etc/systemd/system/agent.service", "testdata/guest/agent.service", 0o644)
	r.link("/etc/systemd/system/sysinit.target.wants/agent.service", "../agent.service")
	r.link("/etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target")
	for _, unit := range []string{
		"getty.target", "ldconfig.service", "kmod-static-nodes.service", "modprobe@.service", "dev-hugepages.mount", "dev-mqueue.mount",
		"sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-kernel-config.mount", "sys-fs-fuse-connections.mount",
		"systemd-hwdb-update.service", "systemd-journal-catalog-update.service", "systemd-logind.service", "systemd-pcrphase.service",
		"systemd-pcrphase-sysinit.service", "systemd-random-seed.service", "systemd-remount-fs.service", "systemd-tmpfiles-clean.timer",
		"systemd-update-utmp.service", "systemd-user-sessions.service", "proc-sys-fs-binfmt_misc.automount", "systemd-ask-password-wall.path",
		"systemd-ask-password-console.path", "remote-fs.target", "e2scrub_reap.service", "systemd-journal-flush.service",
	} {
		r.link("/etc/systemd/system/"+unit, "/dev/null")
	}
	for _, dir := range []string{"/agent/dev", "/agent/proc", "/agent/sys", "/agent/run", "/agent/tmp", "/agent/lib/modules", "/home/somebody", "/dev", "/proc", "/sys", "/run", "/tmp", "/root", "/var/lib", "/home"} {
		r.header(&tar.Header{Typeflag: tar.TypeDir, Name: dir + "/", Mode: 0o755})
	}
	for _, tool := range []string{"sh", "chgrp", "chmod", "chown", "grep", "kill", "mkdir", "test"} {
		r.link("/usr/bin/"+tool, "/agent/bin/busybox")
	}
}

func (r *tree) header(h *tar.Header) {
	r.t.Helper()
	h.Name = strings.TrimPrefix(h.Name, "/")
	if err := r.w.WriteHeader(h); err != nil {
		r.t.Fatal(err)
	}
}

func (r *tree) file(name, text string, mode fs.FileMode) {
	r.t.Helper()
	r.header(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: int64(mode), Size: int64(len(text))})
	if _, err := r.w.Write([]byte(text)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *tree) copy(name, here string, mode fs.FileMode) {
	r.t.Helper()
	r.file(name, read(r.t, here), mode)
}

func (r *tree) link(name, to string) {
	r.t.Helper()
	r.header(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: to, Mode: 0o777})
}

func (r *tree) close() {
	r.t.Helper()
	if err := r.w.Close(); err != nil {
		r.t.Fatal(err)
	}
	if err := r.out.Close(); err != nil {
		r.t.Fatal(err)
	}
}
