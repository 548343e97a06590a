package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
	"unicode/utf8"
)

const mintUsage = `NAME
    gatelab mint - sign DCC or ICVP payloads as passes

SYNOPSIS
    gatelab mint -lab DIR [-alg ALG] [-iss CC] [-iat TIME] [-exp TIME] [-icvp] [-png DIR] [FILE|-]

DESCRIPTION
    Reads JSON lines, one DCC payload each, from FILE or standard input, and prints one QR
    text (HC1:...) a line, in order, each as soon as it is made.

    The payload is not judged: nulls, number types (1 is an integer, 1.0 a float), the order
    of members and members given twice all end up in the pass. A line that is not JSON, or
    blank, ends the work with an error that names it.

OPTIONS
    -lab DIR     the lab to sign with, as 'gatelab init' made it
    -alg ALG     ES256 (default) or PS256; the lab's first DSC of that algorithm signs
    -iss CC      issuer claim (default: the lab's country); -iss "" leaves it out
    -iat TIME    time of issue, RFC 3339, cut to seconds (default: now)
    -exp TIME    time of expiry, RFC 3339, cut to seconds (default: one year after -iat)
    -icvp        each payload is a WHO yellow card (ICVP, sub-claim -6), written in whichever of
                 its forms, and not a DCC. The lab's PH4H signer signs it, if 'gatelab init -icvp'
                 made one; without -exp it has no expiry, as those of WHO's network
    -png DIR     also write each pass as a QR image, DIR/0001.png and so on by line; existing
                 files of these names are replaced. Error correction is level Q; a text too
                 long for it gets M or L and a word on standard error
`

// A minter is what one mint command was asked to do.
type minter struct {
	lab    *lab
	alg    algorithm
	issuer string
	iat    *time.Time // nil: the moment of minting
	exp    *time.Time // nil: a year after iat
	icvp   bool       // payloads are ICVPs
	png    string     // directory, or "" for no images
	stdout io.Writer
	stderr io.Writer
}

func runMint(args []string, stdin io.Reader, stdout, stderr io.Writer) error {
	m := minter{alg: es256, stdout: stdout, stderr: stderr}
	fs := newFlags("mint")
	labDir := fs.String("lab", "", "")
	fs.Func("alg", "", m.setAlg)
	fs.StringVar(&m.issuer, "iss", "", "")
	fs.Func("iat", "", setTime(&m.iat))
	fs.Func("exp", "", setTime(&m.exp))
	fs.BoolVar(&m.icvp, "icvp", false, "")
	fs.StringVar(&m.png, "png", "", "")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	switch {
	case *labDir == "":
		return usageError("name the lab to sign with: -lab DIR")
	case fs.NArg() > 1:
		return usageError("name one file at most, after the options")
	case !utf8.ValidString(m.issuer):
		return usageError("-iss is not valid UTF-8")
	case isSet(fs, "png") && m.png == "":
		return usageError("-png names no directory")
	}

	var err error
	if m.lab, err = openLab(*labDir); err != nil {
		return err
	}
	if !isSet(fs, "iss") {
		m.issuer = m.lab.country
	}
	in := stdin
	if name := fs.Arg(0); name != "" && name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		in = f
	}
	if m.png != "" {
		if err := os.MkdirAll(m.png, 0o755); err != nil {
			return err
		}
	}
	return m.mintLines(in)
}

func (m *minter) setAlg(s string) error {
	m.alg = algorithm(s)
	if m.alg != es256 && m.alg != ps256 {
		return errors.New("choose ES256 or PS256")
	}
	return nil
}

func setTime(p **time.Time) func(string) error {
	return func(s string) error {
		t, err := time.Parse(time.RFC3339, s)
		if err != nil {
			return errors.New("write it as RFC 3339 does, such as 2021-06-01T12:00:00Z")
		}
		*p = &t
		return nil
	}
}

// mintLines mints every line of r. Lines are as long as memory allows.
func (m *minter) mintLines(r io.Reader) error {
	lines := bufio.NewReader(r)
	for n := 1; ; n++ {
		line, err := lines.ReadBytes('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("line %d: %w", n, err)
		}
		last := err != nil
		if last && len(line) == 0 {
			return nil
		}
		if err := m.mintLine(n, line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if last {
			return nil
		}
	}
}

// mintLine prints the text after its image is complete, so that whoever reads the text finds the image.
func (m *minter) mintLine(n int, line []byte) error {
	if len(bytes.TrimSpace(line)) == 0 {
		return errors.New("blank; each line must hold one JSON payload")
	}
	text, err := m.lab.mint(line, m.alg, m.claims(time.Now().UTC()))
	if err != nil {
		return err
	}
	if m.png != "" {
		if err := m.writePNG(n, text); err != nil {
			return err
		}
	}
	_, err = io.WriteString(m.stdout, text+"\n")
	return err
}

// claims puts the defaults in.
func (m *minter) claims(now time.Time) claims {
	c := claims{issuer: m.issuer, issuedAt: now, icvp: m.icvp, forLife: m.icvp && m.exp == nil}
	if m.iat != nil {
		c.issuedAt = *m.iat
	}
	c.expires = c.issuedAt.AddDate(1, 0, 0)
	if m.exp != nil {
		c.expires = *m.exp
	}
	return c
}

func (m *minter) writePNG(n int, text string) error {
	img, level, err := encodeQR(text)
	if err != nil {
		return err
	}
	if level != qrLevels[0] {
		fmt.Fprintf(m.stderr, "gatelab mint: line %d: %d characters do not fit error correction level %v; used %v\n",
			n, len(text), qrLevels[0], level)
	}
	f, err := os.Create(filepath.Join(m.png, fmt.Sprintf("%04d.png", n)))
	if err != nil {
		return err
	}
	return errors.Join(writePNG(f, img), f.Close())
}
