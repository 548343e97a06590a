package drivertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// debianPackage says which Debian package brings a command.
var debianPackage = map[string]string{
	"apt-cache":       "apt",
	"apt-config":      "apt",
	"apt-get":         "apt",
	"debugfs":         "e2fsprogs",
	"depmod":          "kmod",
	"dpkg-deb":        "dpkg",
	"dtc":             "device-tree-compiler",
	"e2fsck":          "e2fsprogs",
	"mke2fs":          "e2fsprogs",
	"modprobe":        "kmod",
	"qemu-system-arm": "qemu-system-arm",
	"xz":              "xz-utils",
}

// Commands to make the parts of a board, to run one, and for a disk.
var (
	toPrepare = []string{"apt-cache", "apt-config", "apt-get", "depmod", "dpkg-deb", "modprobe", "xz"}
	toRun     = []string{"dtc", "qemu-system-arm"}
	toDisk    = []string{"debugfs", "e2fsck", "mke2fs"}
)

// administrator is where Debian keeps commands that are not in everybody's PATH.
var administrator = []string{"/usr/sbin", "/sbin"}

// need returns an error that names every Debian package to install before the commands can be used.
func need(commands ...string) error {
	var packages []string
	for _, command := range commands {
		if _, err := find(command); err != nil {
			packages = append(packages, debianPackage[command])
		}
	}
	if len(packages) == 0 {
		return nil
	}
	slices.Sort(packages)
	return fmt.Errorf("the emulated board needs programs that are not installed: apt-get install --no-install-recommends %s",
		strings.Join(slices.Compact(packages), " "))
}

// find is [exec.LookPath] with the administrator's commands.
func find(command string) (string, error) {
	path, err := exec.LookPath(command)
	if err == nil {
		return path, nil
	}
	for _, dir := range administrator {
		if path, err := exec.LookPath(filepath.Join(dir, command)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// output runs a command to its end and returns its standard output. Its error quotes what the command complained of.
func output(ctx context.Context, dir string, env []string, command string, args ...string) ([]byte, error) {
	path, err := find(command)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Environ(), env...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return out, fmt.Errorf("%s %s: %w: %s", command, strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, nil
}

func exists(path string) bool { return !errors.Is(statError(path), fs.ErrNotExist) }
