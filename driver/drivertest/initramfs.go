package drivertest

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Build compiles the main package of that import path for the board, statically, into dir and returns the file's path. It uses
// the go command of the test that is running.
func Build(ctx context.Context, dir, importPath string) (string, error) {
	return build(ctx, "", dir, importPath)
}

// build compiles in the module that owns the directory module; "" is that of the working directory.
func build(ctx context.Context, module, dir, importPath string) (string, error) {
	to := filepath.Join(dir, path.Base(importPath))
	_, err := output(ctx, module, []string{"CGO_ENABLED=0", "GOOS=linux", "GOARCH=arm", "GOARM=7"},
		"go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", to, importPath)
	return to, err
}

// initramfs writes the guest's root file system to the file to: an init, busybox, the modules, and files, from their path
// in the guest to their path here.
func initramfs(to, init string, parts *Parts, modules []string, files map[string]string) error {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	compressed, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	r := root{archive: archive{w: compressed}, made: map[string]bool{".": true}}
	for _, dir := range []string{"dev", "etc", "lib/modules", "proc", "run", "sys", "tmp", "var/lib", "sbin", "usr"} {
		r.parents(dir + "/.")
	}
	r.device("dev/console", 5, 1) // the kernel opens it for init before anything is mounted
	r.device("dev/null", 1, 3)
	all := map[string]string{"/init": init, "/bin/busybox": parts.Busybox}
	var order strings.Builder
	for _, module := range modules {
		inGuest := "/lib/modules/" + filepath.Base(module)
		all[inGuest] = module
		fmt.Fprintln(&order, inGuest)
	}
	r.file("etc/modules", 0o644, []byte(order.String()))
	for inGuest, here := range files {
		if !path.IsAbs(inGuest) {
			return fmt.Errorf("%s: a path in the guest must be absolute", inGuest)
		}
		all[path.Clean(inGuest)] = here
	}
	for _, inGuest := range slices.Sorted(maps.Keys(all)) {
		if err := r.copy(inGuest, all[inGuest]); err != nil {
			return err
		}
	}
	return errors.Join(r.close(), compressed.Close(), out.Close())
}

// root is an archive that knows which directories it has.
type root struct {
	archive
	made map[string]bool
}

func (r *root) copy(inGuest, here string) error {
	info, err := os.Stat(here)
	if err != nil {
		return err
	}
	content, err := os.ReadFile(here)
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(inGuest, "/")
	perm := info.Mode().Perm()
	if name == "init" || name == "bin/busybox" {
		perm = fs.FileMode(0o755)
	}
	r.parents(name)
	r.file(name, perm, content)
	return r.err
}

// parents makes every directory above name that is not there yet.
func (r *root) parents(name string) {
	dir := path.Dir(name)
	if r.made[dir] {
		return
	}
	r.parents(dir)
	r.directory(dir)
	r.made[dir] = true
}
