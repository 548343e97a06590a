package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os/signal"
	"strings"
	"syscall"

	"gatescan/cmd/gatelab/lists"
)

const serveUsage = `NAME
    gatelab serve - offer every kind of trust source on loopback, with faults on demand

SYNOPSIS
    gatelab serve -lab DIR [-addr HOST:PORT] [-fault SOURCE=FAULT]... [-config FILE] [-json]

DESCRIPTION
    Publishes the DSCs of a lab, and a few rules of its own, as each publisher of trust lists
    and rules does, in its own form, signed by keys of the lab, until SIGINT or SIGTERM. Prints for each source what to write into the
    configuration of a gate, and tells each request on standard error.

    What signs and serves is made on first use:
    DIR/lists    private keys, unencrypted, with their certificates
    DIR/anchors  certificates and public keys, which a gate has to trust, and tokens to show

OPTIONS
    -lab DIR             the lab, made by gatelab init
    -addr HOST:PORT      loopback only (default 127.0.0.1:0, any free port). With a port, that and
                         the next four are taken: plain HTTP, TLS, TLS that wants a client
                         certificate, TLS with an expired certificate, TLS of another name
    -fault SOURCE=FAULT  begin with a fault; may be repeated
    -config FILE         write a configuration of gatescan with all sources; a file that serve
                         did not write is never overwritten
    -json                print what to configure as JSON

FAULTS
    One request:     GET /~FAULT/PATH instead of GET /PATH; a gate may be pointed there
    A whole source:  POST /~/SOURCE with fault=FAULT, and back with fault=
    A DSC withdrawn: POST /~/withdraw with kid=HEX, and back: POST /~/restore
    A rule, too:     POST /~/withdraw with rule=IDENTIFIER
    What there is:   GET /~/, as text or, if that is accepted, as application/json

EXAMPLE
    gatelab serve -lab lab -addr 127.0.0.1:8440 -config gate.toml &
    gatescan sync -config gate.toml
    curl -d fault=flip=100 http://127.0.0.1:8440/~/germany
    gatescan sync -config gate.toml
`

// sourceFault is a -fault.
type sourceFault struct {
	source string
	fault  lists.Fault
}

func runServe(args []string, _ io.Reader, stdout, stderr io.Writer) error {
	fs := newFlags("serve")
	dir := fs.String("lab", "", "")
	address := fs.String("addr", "127.0.0.1:0", "")
	config := fs.String("config", "", "")
	asJSON := fs.Bool("json", false, "")
	var faults []sourceFault
	fs.Func("fault", "", func(text string) error {
		source, name, ok := strings.Cut(text, "=")
		if !ok {
			return errors.New("write it as SOURCE=FAULT")
		}
		f, err := lists.ParseFault(name)
		faults = append(faults, sourceFault{source, f})
		return err
	})
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if err := checkServe(fs, *dir, *config); err != nil {
		return err
	}
	l, err := openLab(*dir)
	if err != nil {
		return err
	}
	p, err := l.publisher(*dir)
	if err != nil {
		return err
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	told := log.New(stderr, "", log.Ltime)
	s, err := lists.NewServer(p.domain, p.tls, *address, func(one lists.Served) { told.Print(describeServed(one)) })
	if err != nil {
		return err
	}
	err = func() error {
		for _, f := range faults {
			if err := s.Switch(f.source, f.fault); err != nil {
				return err
			}
		}
		if err := p.writeAnchors(s.Offers()); err != nil {
			return err
		}
		served := p.describe(s)
		if *config != "" {
			if err := served.writeConfig(*config); err != nil {
				return err
			}
		}
		if *asJSON {
			err = served.writeJSON(stdout)
		} else {
			err = served.writeText(stdout)
		}
		if err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	}()
	return errors.Join(err, s.Close())
}

func checkServe(fs *flag.FlagSet, dir, config string) error {
	switch {
	case dir == "":
		return usageError("say which lab: -lab DIR")
	case fs.NArg() > 0:
		return usageError(fmt.Sprintf("%q: there is nothing to name but options", fs.Arg(0)))
	case isSet(fs, "config") && config == "":
		return usageError("-config names no file")
	}
	return nil
}

// describeServed is a line of the log.
func describeServed(one lists.Served) string {
	fault := ""
	if text := one.Fault.String(); text != "" {
		fault = " fault=" + text
	}
	if one.Status == 0 {
		return fmt.Sprintf("%s %s %q%s", one.Listener, one.Method, one.Path, fault)
	}
	return fmt.Sprintf("%s %s %q%s: %d, %d bytes", one.Listener, one.Method, one.Path, fault, one.Status, one.Bytes)
}
