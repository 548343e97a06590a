package drivertest

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// CacheVariable names the environment variable for where the parts of boards are kept instead of
// os.UserCacheDir()/gatescan-board.
const CacheVariable = "GATESCAN_BOARD_CACHE"

// Parts are what every board is made of. They come from Debian and are kept between runs.
type Parts struct {
	Kernel  string   // path of the kernel image
	Release string   // of the kernel, as uname -r says it
	Busybox string   // path of a static busybox for the guest
	Modules []string // paths of kernel modules, in the order to load them
	Card    []string // of those for a card or a disk, which come after them
}

// manifest is the last file written into a cache directory.
const manifest = "parts.json"

// Prepare returns the parts of a board from cacheDir, or makes them there: that takes a download of about 50 MB from this
// machine's package sources, and a minute at most. An empty cacheDir stands for CacheVariable or the user's cache directory.
// A newer kernel in Debian is only seen by an empty cache. The error says which packages to install if programs are missing.
func Prepare(ctx context.Context, cacheDir string) (*Parts, error) {
	cacheDir = cmp.Or(cacheDir, os.Getenv(CacheVariable))
	if cacheDir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("set %s to a directory for the kernel: %w", CacheVariable, err)
		}
		cacheDir = filepath.Join(user, "gatescan-board")
	}
	cacheDir, err := filepath.Abs(cacheDir)
	if err != nil {
		return nil, err
	}
	dir := partsDir(cacheDir)
	if exists(filepath.Join(dir, manifest)) {
		if err := need(toRun...); err != nil {
			return nil, err
		}
		return readParts(dir)
	}
	if err := need(slices.Concat(toRun, toPrepare)...); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(cacheDir, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(cacheDir, "making-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	made := filepath.Join(work, "parts")
	if err := makeParts(ctx, work, made); err != nil {
		return nil, err
	}
	// Whoever else made the same at the same time has made the same.
	if err := os.Rename(made, dir); err != nil && !exists(filepath.Join(dir, manifest)) {
		return nil, err
	}
	return readParts(dir)
}

// partsDir is a directory of its own for each list of modules, because another list needs other parts.
func partsDir(cacheDir string) string {
	return filepath.Join(cacheDir, fmt.Sprintf("armhf-%08x", crc32.ChecksumIEEE([]byte(strings.Join(slices.Concat(modules, cardModules), " ")))))
}

// makeParts fills dir, with everything on the way in work. The paths in the manifest are relative.
func makeParts(ctx context.Context, work, dir string) error {
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	apt, err := newDebian(ctx, work, "armhf")
	if err != nil {
		return err
	}
	image, err := apt.dependency(ctx, "linux-image-armmp", "linux-image-")
	if err != nil {
		return err
	}
	kernel, err := apt.unpack(ctx, image)
	if err != nil {
		return err
	}
	busybox, err := apt.unpack(ctx, "busybox-static")
	if err != nil {
		return err
	}
	p := Parts{Release: strings.TrimPrefix(image, "linux-image-"), Kernel: "vmlinuz", Busybox: "busybox"}
	if err := copyFirst(filepath.Join(dir, p.Kernel), filepath.Join(kernel, "boot", "vmlinuz-"+p.Release)); err != nil {
		return err
	}
	if err := copyFirst(filepath.Join(dir, p.Busybox), filepath.Join(busybox, "bin/busybox"), filepath.Join(busybox, "usr/bin/busybox")); err != nil {
		return err
	}
	if p.Modules, err = copyModules(ctx, kernel, p.Release, dir, modules); err != nil {
		return err
	}
	if p.Card, err = copyModules(ctx, kernel, p.Release, dir, cardModules); err != nil {
		return err
	}
	text, err := json.MarshalIndent(p, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, manifest), append(text, '\n'), 0o644)
}

func readParts(dir string) (*Parts, error) {
	text, err := os.ReadFile(filepath.Join(dir, manifest))
	if err != nil {
		return nil, err
	}
	p := new(Parts)
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("%s is damaged, remove it: %w", dir, err)
	}
	absolute := func(path *string) { *path = filepath.Join(dir, *path) }
	absolute(&p.Kernel)
	absolute(&p.Busybox)
	for _, modules := range [][]string{p.Modules, p.Card} {
		for i := range modules {
			absolute(&modules[i])
		}
	}
	for _, path := range slices.Concat([]string{p.Kernel, p.Busybox}, p.Modules, p.Card) {
		if err := statError(path); err != nil {
			return nil, fmt.Errorf("%s is damaged, remove it: %w", dir, err)
		}
	}
	return p, nil
}

// copyFirst copies the first of the sources that exists.
func copyFirst(to string, sources ...string) error {
	var errs []error
	for _, source := range sources {
		in, err := os.Open(source)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		defer in.Close()
		out, err := os.Create(to)
		if err != nil {
			return err
		}
		_, err = io.Copy(out, in)
		return errors.Join(err, out.Close())
	}
	return errors.Join(errs...)
}

func statError(path string) error {
	_, err := os.Stat(path)
	return err
}
