package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gatescan/cmd/gatelab/lists"
)

// served is what there is to configure.
type served struct {
	Control   string                    `json:"control"`
	Listeners map[lists.Listener]string `json:"listeners"`
	Sources   []servedSource            `json:"sources"`

	dir string // of the lab
}

// servedSource is a [[trust.source]] of gatescan's configuration.
type servedSource struct {
	Name        string   `json:"name"`
	Kind        string   `json:"kind"`
	URLs        []string `json:"urls"`
	Anchors     string   `json:"anchors,omitempty"`
	CSCAs       string   `json:"cscas,omitempty"`
	CA          string   `json:"ca"`
	Pins        []string `json:"pins"`
	Domain      string   `json:"domain,omitempty"`
	Certificate string   `json:"certificate,omitempty"`
	Key         string   `json:"key,omitempty"`
	Signer      string   `json:"signer,omitempty"`
	Token       string   `json:"token_file,omitempty"`
}

func (p *publisher) describe(s *lists.Server) served {
	out := served{Control: s.URL(lists.Plain, "/~/"), Listeners: map[lists.Listener]string{}, dir: p.dir}
	for _, l := range lists.Listeners {
		out.Listeners[l] = s.URL(l, "/")
	}
	anchor := func(name string) string { return filepath.Join(p.dir, anchorsDir, name) }
	pin := sha256.Sum256(p.tls.Server.Cert.RawSubjectPublicKeyInfo)
	for _, o := range s.Offers() {
		one := servedSource{
			Name: o.Name, Kind: o.Kind, URLs: []string{s.URL(o.On, o.Path)}, CA: anchor("tls-ca.pem"),
			Pins: []string{base64.StdEncoding.EncodeToString(pin[:])},
		}
		if o.Anchor != nil {
			one.Anchors = anchor(o.Name + ".pem")
		}
		if o.CSCAs {
			one.CSCAs = anchor("csca.pem")
		}
		if o.On == lists.MutualTLS {
			one.Certificate = anchor("tls-client.pem")
			one.Key = filepath.Join(p.dir, publisherDir, "tls-client.pem")
		}
		one.Signer, one.Domain = o.Signer, o.Domain
		if o.Token != "" {
			one.Token = anchor(o.Name + ".token")
		}
		out.Sources = append(out.Sources, one)
	}
	return out
}

func (s served) writeJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(s)
}

func (s served) writeText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Sources and faults: GET %s\n# All listeners:", s.Control)
	for _, l := range lists.Listeners {
		fmt.Fprintf(&b, " %s %s", l, s.Listeners[l])
	}
	fmt.Fprint(&b, "\n# A gate needs lab = true under [trust], and any of these:\n")
	for _, one := range s.Sources {
		b.WriteString("\n" + one.toml())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// toml is the source as a table. A string of JSON is one of TOML.
func (one servedSource) toml() string {
	var b strings.Builder
	b.WriteString("[[trust.source]]\n")
	line := func(key string, value any) {
		text, err := json.Marshal(value)
		if err == nil && value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, text)
		}
	}
	line("name", one.Name)
	line("kind", one.Kind)
	line("urls", one.URLs)
	line("anchors", one.Anchors)
	line("cscas", one.CSCAs)
	line("ca", one.CA)
	line("pins", one.Pins)
	line("domain", one.Domain)
	line("certificate", one.Certificate)
	line("key", one.Key)
	line("signer", one.Signer)
	line("token_file", one.Token)
	return b.String()
}

// configMark is the first line of a configuration that may be overwritten.
const configMark = "# Written by gatelab serve, for a lab. Never use it on a gate that guards a door."

func (s served) writeConfig(name string) error {
	switch old, err := os.ReadFile(name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !bytes.HasPrefix(old, []byte(configMark)):
		return fmt.Errorf("%s is there, and not by serve; name another file with -config", name)
	}
	var b strings.Builder
	runtime, err := json.Marshal(filepath.Join(s.dir, "run"))
	if err != nil {
		return err
	}
	fmt.Fprintf(&b, "%s\n[daemon]\nruntime = %s\n\n", configMark, runtime)
	fmt.Fprint(&b, "[trust]\ndirectory = \"\"\nstore = \"\"\nlab = true\ninterval = \"10s\"\n")
	fmt.Fprint(&b, "\n[clock]\nrequire = \"floor_only\" # a bench may have neither time server nor battery\nfile = \"\"\n")
	fmt.Fprint(&b, "\n[counters]\ndirectory = \"\"\n")
	for _, one := range s.Sources {
		b.WriteString("\n" + one.toml())
	}
	return replaceFile(name, []byte(b.String()))
}
