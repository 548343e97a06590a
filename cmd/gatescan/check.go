package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gatescan/trustsync"
	"gatescan/verify"
)

const checkUsage = `NAME
    gatescan check - verify QR texts

SYNOPSIS
    gatescan check [-json] [-trust PATH] [-at TIME] [-skew D] [-tolerate] [-icvp]
                   [-rules PATH -country CC [-region R]] [-explain [-lang LL] [-holder]]
                   [FILE|-]

DESCRIPTION
    Reads one QR text a line from FILE, or from standard input, and answers each with one
    line. It judges authenticity: container, signature, signer, times, exactly one entry;
    with -rules also whether the pass is good in the country of arrival. It prints nothing
    about the holder.

    -trust PATH  a directory of document signer certificates (PEM or DER), a store that run
                 wrote, or a file: certificates, or a trust list as the WHO network, Germany,
                 Sweden, Austria, the Netherlands or the EU publish it, whose signature is
                 not checked here. What cannot be used is named on standard error. Without
                 it every text that gets that far is refused as no_trust
    -at TIME     judge at this moment (RFC 3339, such as 2022-01-31T12:00:00Z), not now; how
                 old the trust data are does not count then
    -skew D      let a pass be issued up to D (such as 5m, at most 10m) later than that, as
                 run does for clocks that are a little behind (policy.clock_skew)
    -tolerate    let through, and name, deviations that some passes were issued with
    -icvp        let WHO's yellow cards (ICVP) through as well, as kind p, and judge them by WHO's
                 decision tables and catalogue, which 'gatescan config -rules icvp' prints; days are
                 those of UTC. Certificates that -trust names vouch for them, a list does if it is
                 of the domain PH4H or ICVP. Without it a yellow card is kind_not_allowed
    -rules PATH  judge by these rules as well: a JSON file with "rules" and "valueSets" (id to
                 codes), an array of rules, or a directory of such files and of value sets as
                 the EU publishes them. Acceptance rules are those of -country, invalidation
                 rules those of the country of issue. If none of -country applies the answer
                 is rules_unavailable. A rule that does not compile is named on standard error
                 and lets nobody in
    -country CC  the country of arrival, ISO 3166-1
    -region R    take the acceptance rules of this region, and no others; without it those that
                 name no region
    -explain     with -rules or -icvp: say of each rule considered what became of it, what it
                 demands and what it looked at
    -lang LL     in this language if the rule has it, such as de; else in English
    -holder      show values that tell who the holder is, too
    -json        answer with one JSON object a line

EXIT STATUS
    0  every text was accepted
    1  at least one was refused
    2  wrong usage, or the trust data or the input cannot be read
`

func runCheck(args []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	flags := newFlags()
	asJSON := flags.Bool("json", false, "")
	trustPath := flags.String("trust", "", "")
	at := flags.String("at", "", "")
	tolerate := flags.Bool("tolerate", false, "")
	icvp := flags.Bool("icvp", false, "")
	skew := flags.Duration("skew", 0, "")
	var ruled ruleFlags
	ruled.define(flags)
	if err := parseFlags(flags, args, 1); err != nil {
		return 0, err
	}
	if err := ruled.wrong(*icvp); err != nil {
		return 0, err
	}
	if *skew < 0 || *skew > verify.MaxClockSkew {
		return 0, usageError(fmt.Sprintf("-skew %v is out of range; it must be 0s to %v", duration(*skew), duration(verify.MaxClockSkew)))
	}

	now := time.Now
	if *at != "" {
		moment, err := time.Parse(time.RFC3339, *at)
		if err != nil {
			return 0, usageError(fmt.Sprintf("-at %q is no RFC 3339 time; write it like 2022-01-31T12:00:00Z", *at))
		}
		now = func() time.Time { return moment }
	}
	policy := verify.Policy{ClockSkew: *skew}
	if *tolerate {
		policy.Tolerate = verify.TolerateAll
	}
	if *icvp {
		policy.Kinds = verify.SignsVaccination | verify.SignsTest | verify.SignsRecovery | verify.SignsICVP
	}
	trust, err := checkTrust(*trustPath, *at != "", stderr)
	if err != nil {
		return 0, err
	}
	rules, err := ruled.load(&policy, stderr)
	if err != nil {
		return 0, err
	}
	trust = trust.WithRules(rules)
	input := stdin
	if name := flags.Arg(0); name != "" && name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		input = f
	}

	write := judgedText.human
	if *asJSON {
		write = judgedText.json
	}
	out := bufio.NewWriter(stdout)
	verifier := verify.New(policy)
	lines := lineReader{r: bufio.NewReaderSize(input, 64<<10)}
	status := exitDone
	for n := 1; ; n++ {
		text, err := lines.next()
		if errors.Is(err, io.EOF) {
			return status, out.Flush()
		}
		if err != nil {
			out.Flush()
			return 0, fmt.Errorf("line %d: %w", n, err)
		}
		a := judgedText{line: n}
		if ruled.explain {
			a.Verdict, a.rules = verifier.Explain(text, trust, now(), ruled.how)
			a.explained = true
		} else {
			a.Verdict = verifier.Verify(text, trust, now())
		}
		a.Verdict = a.Verdict.Whole(text)
		if !a.Accepted() {
			status = exitFailed
		}
		if err := write(a, out); err != nil {
			return 0, err
		}
		if lines.r.Buffered() == 0 { // somebody may be typing
			if err := out.Flush(); err != nil {
				return 0, err
			}
		}
	}
}

// checkTrust loads what -trust names, and tells on stderr what of it cannot be used. No path is no trust. The age of a
// store counts unless the moment is given.
func checkTrust(path string, given bool, stderr io.Writer) (*verify.Trust, error) {
	if path == "" {
		return nil, nil
	}
	var at time.Time
	if !given {
		at = time.Now()
	}
	loaded, err := trustsync.Load(path, at)
	if err != nil {
		return nil, err
	}
	for _, fault := range loaded.Faults {
		fmt.Fprintf(stderr, "gatescan check: %v\n", fault)
	}
	for _, skipped := range loaded.Report.Skipped {
		fmt.Fprintf(stderr, "gatescan check: skipped %q: %v\n", skipped.Name, skipped.Err)
	}
	if loaded.Form != "certificates" && loaded.Form != "store" {
		fmt.Fprintf(stderr, "gatescan check: %s is a list of kind %s; its signature is not checked here\n", path, loaded.Form)
	}
	if loaded.Trust.Len() == 0 {
		fmt.Fprintf(stderr, "gatescan check: no usable certificate in %s\n", path)
	}
	if loaded.Form == "certificates" { // no list says what for
		return loaded.Trust.InDomain(verify.DomainAll), nil
	}
	return loaded.Trust, nil
}

// lineReader splits at LF and takes one CR off. It keeps of a line only what tells that it is too long.
type lineReader struct {
	r    *bufio.Reader
	line []byte
}

// keptLine is more than any QR code holds, in bytes.
const keptLine = 8 << 10

// next returns the next line, io.EOF behind the last one. A last line need not end in LF.
func (l *lineReader) next() ([]byte, error) {
	l.line = l.line[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.line = append(l.line, part[:min(len(part), keptLine-len(l.line))]...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err == nil, errors.Is(err, io.EOF) && len(l.line) > 0:
			return bytes.TrimSuffix(bytes.TrimSuffix(l.line, []byte("\n")), []byte("\r")), nil
		default:
			return nil, err
		}
	}
}
