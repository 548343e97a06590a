//go:build guest

package systemd_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// packages are what the guest is made of, with what they depend on. busybox takes the place of the shell and its tools.
var packages = []string{"systemd", "udev"}

// unneeded is what nobody looks at in the guest.
var unneeded = []string{
	"usr/share/doc/", "usr/share/man/", "usr/share/locale/", "usr/share/info/", "usr/share/lintian/", "usr/share/i18n/",
	"usr/share/zoneinfo/", "usr/share/perl5/", "usr/share/bash-completion/", "usr/share/zsh/", "usr/share/bug/",
	"usr/lib/udev/hwdb.d/", "usr/lib/arm-linux-gnueabihf/perl-base/", "usr/lib/arm-linux-gnueabihf/gconv/", "usr/bin/perl",
}

// debian returns the path of a tar archive with Debian's systemd for armhf: packages from this machine's own sources, verified
// by apt, unpacked and never run here. Kept in the cache directory of the emulated board.
func debian(ctx context.Context) (string, error) {
	cache := os.Getenv("GATESCAN_BOARD_CACHE")
	if cache == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		cache = filepath.Join(user, "gatescan-board")
	}
	key := crc32.ChecksumIEEE([]byte(strings.Join(append(slices.Clone(packages), unneeded...), " ")))
	made := filepath.Join(cache, fmt.Sprintf("systemd-armhf-%08x.tar", key))
	if _, err := os.Stat(made); err == nil {
		return made, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(cache, "making-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	archives, err := download(ctx, work)
	if err != nil {
		return "", err
	}
	unfinished := filepath.Join(work, "systemd.tar")
	if err := merge(ctx, unfinished, archives); err != nil {
		return "", err
	}
	return made, os.Rename(unfinished, made)
}

// download fetches the packages and what they depend on, with a state of apt that is private to the directory.
func download(ctx context.Context, dir string) ([]string, error) {
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	own, err := command(ctx, nil, "apt-config", "dump")
	if err != nil {
		return nil, err
	}
	var config strings.Builder
	for key, value := range map[string]string{
		"Dir::Etc::main": "/dev/null", "Dir::Etc::parts": "/dev/null", // no hooks of this machine
		"Dir::State": dir + "/state", "Dir::State::status": dir + "/status", "Dir::Cache": dir + "/cache",
		"APT::Architecture": "armhf", "APT::Architectures": "armhf", "APT::Sandbox::User": "root", "Acquire::Languages": "none",
		"APT::Install-Recommends": "false",
	} {
		fmt.Fprintf(&config, "%s %q;\n", key, value)
	}
	for line := range strings.Lines(string(own)) {
		if strings.HasPrefix(line, "Acquire::http") || strings.HasPrefix(line, "Acquire::Retries") {
			config.WriteString(line)
		}
	}
	env := []string{"APT_CONFIG=" + filepath.Join(dir, "apt.conf"), "LC_ALL=C"}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "status"), nil, 0o644),
		os.WriteFile(filepath.Join(dir, "apt.conf"), []byte(config.String()), 0o644),
	); err != nil {
		return nil, err
	}
	_, updateErr := command(ctx, env, "apt-get", "update") // one suite of several may be in the middle of an update
	if _, err := command(ctx, env, "apt-get", append([]string{"install", "--download-only", "--yes"}, packages...)...); err != nil {
		return nil, errors.Join(updateErr, err)
	}
	archives, err := filepath.Glob(filepath.Join(dir, "cache/archives/*.deb"))
	if err == nil && len(archives) == 0 {
		err = errors.New("apt-get downloaded nothing")
	}
	return archives, err
}

// merge makes one archive of packages, in a system where /bin, /sbin and /lib are links into /usr.
func merge(ctx context.Context, to string, archives []string) error {
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	for _, dir := range []string{"bin", "sbin", "lib"} {
		if err := w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: dir, Linkname: "usr/" + dir, Mode: 0o777}); err != nil {
			return err
		}
	}
	for _, archive := range archives {
		files, err := command(ctx, nil, "dpkg-deb", "--fsys-tarfile", archive)
		if err != nil {
			return err
		}
		if err := mergeOne(w, bytes.NewReader(files)); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(archive), err)
		}
	}
	return errors.Join(w.Close(), out.Close())
}

func mergeOne(w *tar.Writer, files io.Reader) error {
	for r := tar.NewReader(files); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		h.Name = merged(h.Name)
		if h.Typeflag == tar.TypeLink {
			h.Linkname = merged(h.Linkname)
		}
		if slices.ContainsFunc(unneeded, func(prefix string) bool {
			return strings.HasPrefix(h.Name+"/", prefix) || strings.HasPrefix(h.Name, prefix)
		}) ||
			h.Typeflag == tar.TypeDir && slices.Contains([]string{".", "bin", "sbin", "lib"}, h.Name) {
			continue
		}
		if err := w.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(w, r); err != nil {
			return err
		}
	}
}

// merged is where a file of a package goes.
func merged(name string) string {
	name = path.Clean(name)
	for _, dir := range []string{"bin/", "sbin/", "lib/"} {
		if strings.HasPrefix(name, dir) {
			return "usr/" + name
		}
	}
	return name
}

func command(ctx context.Context, env []string, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(complaint.Bytes()))
	}
	return out, err
}
