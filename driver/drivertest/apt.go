package drivertest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// debian fetches packages of another architecture from the suites in this machine's own sources. apt verifies them with
// this machine's own keys. Its state is private: neither dpkg nor the package lists of the machine are touched.
type debian struct {
	dir string // lists, configuration and what was downloaded
	env []string
}

// newDebian reads the package lists of the architecture, in Debian's word for it, into dir.
func newDebian(ctx context.Context, dir, architecture string) (*debian, error) {
	d := &debian{dir: dir, env: []string{"APT_CONFIG=" + filepath.Join(dir, "apt.conf"), "LC_ALL=C"}}
	for _, sub := range []string{"state/lists/partial", "cache/archives/partial"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "status"), nil, 0o644); err != nil {
		return nil, err
	}
	own, err := output(ctx, dir, nil, "apt-config", "dump")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, "apt.conf"), []byte(aptConfig(dir, architecture, string(own))), 0o644); err != nil {
		return nil, err
	}
	// One suite of several may be unreadable in the middle of a mirror's update. Whether that matters shows when a package
	// is asked for.
	_, updateErr := output(ctx, dir, d.env, "apt-get", "update")
	if _, err := d.dependency(ctx, "linux-image-armmp", "linux-image-"); err != nil {
		if updateErr != nil {
			err = updateErr
		}
		return nil, fmt.Errorf("reading the package lists for %s: %w", architecture, err)
	}
	return d, nil
}

// aptConfig is an apt.conf(5). It leaves out the machine's own apt.conf.d, whose hooks would clean the machine's caches and call its
// services, but keeps how the machine reaches its mirror.
func aptConfig(dir, architecture, own string) string {
	var b strings.Builder
	set := func(key, value string) { fmt.Fprintf(&b, "%s %q;\n", key, value) }
	set("Dir::Etc::main", "/dev/null")
	set("Dir::Etc::parts", "/dev/null")
	set("Dir::State", filepath.Join(dir, "state"))
	set("Dir::State::status", filepath.Join(dir, "status"))
	set("Dir::Cache", filepath.Join(dir, "cache"))
	set("APT::Architecture", architecture)
	set("APT::Architectures", architecture)
	set("APT::Sandbox::User", "root") // whoever this is: "_apt" may not be able to write here
	set("Acquire::Languages", "none")
	for line := range strings.Lines(own) {
		for _, prefix := range []string{"Acquire::http", "Acquire::https", "Acquire::Retries", "Acquire::ForceIPv"} {
			if strings.HasPrefix(line, prefix) {
				b.WriteString(line)
				break
			}
		}
	}
	return b.String()
}

// dependency returns the first package that name depends on and that begins with prefix: how a metapackage names the
// current one.
func (d *debian) dependency(ctx context.Context, name, prefix string) (string, error) {
	out, err := output(ctx, d.dir, d.env, "apt-cache", "depends", "--important", name)
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		kind, dependency, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if ok && kind == "Depends" && strings.HasPrefix(dependency, prefix) {
			return dependency, nil
		}
	}
	return "", fmt.Errorf("%s depends on no %s* in this machine's package sources", name, prefix)
}

// unpack downloads a package and returns the directory with its files. Nothing of it is run.
func (d *debian) unpack(ctx context.Context, name string) (string, error) {
	dir := filepath.Join(d.dir, "download", name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	if _, err := output(ctx, dir, d.env, "apt-get", "download", name); err != nil {
		return "", err
	}
	archives, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(archives) != 1 {
		return "", fmt.Errorf("apt-get download %s left %d packages", name, len(archives))
	}
	root := filepath.Join(dir, "root")
	_, err = output(ctx, dir, nil, "dpkg-deb", "-x", archives[0], root)
	return root, err
}
