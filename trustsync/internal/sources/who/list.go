package who

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatescan/trustsync/internal/list"
	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/verify"
)

// whoFilter says which entries of the WHO network count.
type whoFilter struct {
	domain       string
	usage        string   // as entries have it
	participants []string // ISO 3166-1 alpha-3; empty for all that are real
	virtual      bool     // participants that exist for tests count without being named
	environment  environment
	cscas        pki.Authorities // nil if DSCs need not chain to any
}

// newWHOFilter reads the configuration of the filter.
func newWHOFilter(c sources.Config) (f whoFilter, err error) {
	if f.environment, err = parseEnvironment(c.Environment); err != nil {
		return f, err
	}
	if f.environment != production && !c.Lab {
		return f, fmt.Errorf("environment %v: its keys prove nothing about people; a gate on it needs trust.lab = true", f.environment)
	}
	f.domain, f.usage, f.virtual = c.Domain, c.Usage, c.Lab
	if f.domain == "" {
		f.domain = "DCC"
	}
	switch f.usage {
	case "":
		f.usage = "DSC"
	case "SCA":
		f.usage = "CSCA" // paths say the one, entries the other
	}
	capitals := didLetters[:26]
	for _, word := range []string{f.domain, f.usage} {
		if !isMadeOf(word, capitals+"0123456789-") || word == "-" {
			return f, fmt.Errorf("domain %.40q, usage %.40q: name one of each, as in DCC and DSC", f.domain, f.usage)
		}
	}
	for _, p := range c.Participants {
		if len(p) != 3 || !isMadeOf(p, capitals) {
			return f, fmt.Errorf("participant %.40q: write it as three capitals (ISO 3166-1 alpha-3), as in FRA", p)
		}
		f.participants = append(f.participants, p)
	}
	if len(c.CSCAs) > 0 {
		f.cscas, err = pki.ParseAuthorities(c.CSCAs)
	}
	return f, err
}

func (f *whoFilter) takes(m *didMethod) bool {
	if m.domain != f.domain || m.keyUsage != f.usage {
		return false
	}
	if len(f.participants) > 0 {
		return slices.Contains(f.participants, m.participant)
	}
	return f.virtual || !isVirtual(m.participant)
}

// isVirtual reports whether a participant is no country: not three capitals, or one of the codes that ISO 3166-1 leaves to its users
// (AAA to AAZ, QMA to QZZ, XAA to XZZ, ZZA to ZZZ), but for Kosovo's XKX. WHO's network is tested with such participants, and keys of
// some stood in the production list of 2026.
func isVirtual(participant string) bool {
	if len(participant) != 3 || !isMadeOf(participant, didLetters[:26]) {
		return true
	}
	switch two := participant[:2]; {
	case participant == "XKX":
		return false
	case two == "AA", two == "ZZ", participant[0] == 'X':
		return true
	default:
		return two >= "QM" && two <= "QZ"
	}
}

// whoList collects the signers of documents.
type whoList struct {
	*list.Entries
	whoFilter
	others int                        // entries that the filter does not take
	tests  map[string]int             // of these, entries of test participants, by participant
	csca   map[string]pki.Authorities // by its Base64
}

func newWHOList(f whoFilter) *whoList {
	return &whoList{Entries: list.NewEntries(), whoFilter: f, tests: map[string]int{}, csca: map[string]pki.Authorities{}}
}

// Add takes the keys of one document. References are not followed here.
func (l *whoList) add(d *didDocument) error {
	for i := range d.methods {
		m := &d.methods[i]
		if m.reference {
			continue
		}
		if err := l.More(); err != nil {
			return err
		}
		if !l.takes(m) {
			if len(l.participants) == 0 && m.domain == l.domain && m.keyUsage == l.usage {
				l.tests[m.participant]++
			} else {
				l.others++
			}
			continue
		}
		der, signer, err := l.signer(m)
		if err != nil {
			l.Skip(list.Name(m.key.member("kid").text, m.participant), err)
			continue
		}
		l.Entries.Add(der, signer)
	}
	return nil
}

// signer reads one key. Only its certificates count: the numbers are wrong in half of the genuine entries, which begin
// with a zero byte too many, and so is the name of every curve but P-256.
func (l *whoList) signer(m *didMethod) (der []byte, s source.Signer, err error) {
	x5c := m.key.member("x5c").texts
	if len(x5c) < 1 || len(x5c) > 1+maxAuthorities {
		return nil, s, fmt.Errorf("x5c of %d certificates, not of the DSC and at most %d authorities", len(x5c), maxAuthorities)
	}
	if der, err = base64.StdEncoding.Strict().DecodeString(x5c[0]); err != nil {
		return nil, s, fmt.Errorf("x5c: %w", err)
	}
	kid, err := list.DecodeKID(m.key.member("kid").text)
	if err != nil {
		return nil, s, err
	}
	if s, err = list.Certificate(der, kid[:], ""); err != nil {
		return nil, s, err
	}
	if _, fragment, _ := strings.Cut(m.id, "#"); fragment != m.key.member("kid").text {
		return nil, s, fmt.Errorf("id %.200q of another kid", m.id)
	}
	if len(x5c) > 1 {
		// A signature with SHA-1 proves nothing. Such a DSC is one without a CSCA beside it: the signature over the document
		// vouches for it, byte for byte. Four of Ireland's five keys were so in 2026.
		if err := l.besides(x5c[1:], der); err != nil && !errors.Is(err, pki.ErrSHA1) {
			return nil, s, fmt.Errorf("by the authorities beside it: %w", err)
		}
	}
	// The DCC is what a signer vouches for without a domain; one of a domain whose documents are not read vouches for nothing here.
	if l.domain != "DCC" {
		domain, known := verify.ParseDomain(l.domain)
		if !known {
			return nil, s, fmt.Errorf("of domain %.40s, whose documents are not read", l.domain)
		}
		s.Domain = domain
	}
	if l.cscas != nil {
		if err := l.cscas.Verify(der); err != nil {
			return nil, s, fmt.Errorf("by the configured CSCAs: %w", err)
		}
	}
	return der, s, nil
}

// maxAuthorities bounds the certificates beside a DSC: those of a participant that renewed its CSCA twice.
const maxAuthorities = 3

// besides checks that one of the certificates beside a DSC signed it: its CSCA, an older or a newer one of the same name, or the next
// one of a chain.
func (l *whoList) besides(authorities []string, der []byte) error {
	var errs []error
	for _, text := range authorities {
		a, known := l.csca[text]
		if !known {
			authority, err := base64.StdEncoding.Strict().DecodeString(text)
			if err != nil {
				return err
			}
			a = pki.Authorities{}
			if err := a.Add(authority); err != nil {
				return err
			}
			l.csca[text] = a
		}
		err := a.Verify(der)
		if err == nil || errors.Is(err, pki.ErrSHA1) {
			return err
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Done ends the list. What the filter did not take is told as one line.
func (l *whoList) done() ([]source.Signer, source.Report) {
	for _, participant := range slices.Sorted(maps.Keys(l.tests)) {
		l.SkipNamed(fmt.Sprintf("%d entries of %.40s", l.tests[participant], participant), errWHOTest)
	}
	if l.others > 0 {
		l.SkipNamed(fmt.Sprintf("%d entries", l.others), errWHOOthers)
	}
	return l.Entries.Done()
}

// errWHOTest is why keys of a participant are passed over that exists to test the network.
var errWHOTest = errors.New("of a test participant; name it in participants if its passes are to count")

// errWHOOthers is why entries were passed over that nobody asked for.
var errWHOOthers = errors.New("of another domain, usage or participant")

// openWHO returns a document as it is and when it was signed, if one of the anchors signed it.
func openWHO(raw []byte, a pki.Anchors) (payload []byte, signed time.Time, err error) {
	d, err := openDID(raw, a)
	if err != nil {
		return nil, time.Time{}, err
	}
	return raw, d.created(), nil
}

// Read reads the DSCs of all participants of the DCC, also those that exist for tests, from one document whose signature was checked. References in it are
// not followed.
func Read(payload []byte) ([]source.Signer, source.Report, error) {
	d, err := readDID(payload)
	if err != nil {
		return nil, source.Report{}, err
	}
	f, err := newWHOFilter(sources.Config{})
	if err != nil {
		return nil, source.Report{}, err
	}
	f.virtual = true
	list := newWHOList(f)
	if err := list.add(d); err != nil {
		return nil, source.Report{}, err
	}
	signers, report := list.done()
	return signers, report, nil
}

// LooksLike says whether data is a did.json, of any version.
func LooksLike(data []byte) bool {
	const head = 4 << 10
	data = bytes.TrimLeft(data, pki.JSONSpace)
	return bytes.HasPrefix(data, []byte("{")) && bytes.Contains(data[:min(len(data), head)], []byte(didContexts[0]))
}
