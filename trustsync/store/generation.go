package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"gatescan/trustsync/internal/pki"
	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// Bounds of a generation.
const (
	maxGenerationSize = 64 << 20 // bytes of a file
	maxStored         = 64       // sources
	maxWithdrawn      = 100_000  // kids, of all sources together
	maxStoredName     = 255      // bytes of the name or kind of a source
)

// The first line of each file of the store. It, the line with the format version after it, and the SHA-256 at the end
// over everything before it stay as they are in every format to come: only so can a file of a newer format be told
// from a damaged one.
const (
	generationMagic = "gatescan generation\n"
	floorsMagic     = "gatescan floors\n"

	floorsFormat     = 1
	generationFormat = 3 // with domains; 2 is with rules or value sets; without either 1 is written, for a former version to read
)

// ErrNewer says that a file was written by a newer version of gatescan, in a format that this one cannot read.
var ErrNewer = errors.New("written by a newer version of gatescan")

// Generation is one complete state of the trust data.
type Generation struct {
	Number  uint64            // from 1, grows with each that is saved and never goes back; failed attempts leave gaps
	Written time.Time         // wall clock when it was written, as it was
	Sources map[string]Stored // by the source's name; at most 64, with 100,000 signers and 100,000 withdrawn kids in all,
	// and 10,000 rules and 1,000 value sets of 16 MiB together

	// Skipped names stored signers whose key this version of the program does not accept. They are not among the signers.
	Skipped []source.Skipped
}

// Stored is what one source vouched for.
type Stored struct {
	Kind      string   // of the source; a holding of another kind or identity is not used
	Identity  [32]byte // hash of what in the configuration decides authenticity
	Holding   source.Holding
	Confirmed time.Time // when the source last said so
	Floor     time.Time // the newest signed time ever accepted from it; survives a holding that was given up
}

// generationForm is the CBOR of a generation. Every field is always there, but for those of format 2.
type generationForm struct {
	Number  uint64                `cbor:"1,keyasint"`
	Written stamp                 `cbor:"2,keyasint"`
	Sources map[string]storedForm `cbor:"3,keyasint"`
}

type storedForm struct {
	Kind      string          `cbor:"1,keyasint"`
	Identity  []byte          `cbor:"2,keyasint"`
	Confirmed stamp           `cbor:"3,keyasint"`
	Floor     stamp           `cbor:"4,keyasint"`
	Signed    stamp           `cbor:"5,keyasint"`
	Expires   stamp           `cbor:"6,keyasint"`
	Cursor    []byte          `cbor:"7,keyasint"`
	Withdrawn []byte          `cbor:"8,keyasint"` // the kids, one after the other
	Signers   cbor.RawMessage `cbor:"9,keyasint"` // array of signerForm, kept back until it is counted

	// Format 2, and only where there are any.
	Rules     cbor.RawMessage `cbor:"10,keyasint,omitempty"` // array of byte strings
	ValueSets cbor.RawMessage `cbor:"11,keyasint,omitempty"` // array of valueSetForm

	// Format 3, and only if a signer vouches for another domain than the DCC: a byte for each signer, its verify.Domain.
	Domains []byte `cbor:"12,keyasint,omitempty"`
}

type signerForm struct {
	_         struct{} `cbor:",toarray"`
	KID       []byte
	Country   string
	NotBefore int64 // Unix seconds, as in a certificate
	NotAfter  int64
	Usage     verify.Usage
	Lab       bool
	SPKI      []byte
}

// stamp is a time. The zero time.Time is one as well.
type stamp struct {
	_           struct{} `cbor:",toarray"`
	Seconds     int64    // Unix
	Nanoseconds int32
}

// maxStamp bounds stamps to tens of thousands of years, so that no arithmetic on them can overflow.
const maxStamp = 1 << 40

func stampOf(t time.Time) stamp { return stamp{Seconds: t.Unix(), Nanoseconds: int32(t.Nanosecond())} }

func (s stamp) time() time.Time { return time.Unix(s.Seconds, int64(s.Nanoseconds)).UTC() }

func (s stamp) valid() bool {
	return -maxStamp < s.Seconds && s.Seconds < maxStamp && 0 <= s.Nanoseconds && s.Nanoseconds < 1e9
}

// storeEncoding is deterministic (RFC 8949 §4.2.1), so that a file that decodes has one form only.
var storeEncoding = func() cbor.EncMode {
	options := cbor.CoreDetEncOptions()
	options.NilContainers = cbor.NilContainerAsEmpty
	options.TagsMd = cbor.TagsForbidden
	mode, err := options.EncMode()
	if err != nil {
		panic(err) // the options are constants
	}
	return mode
}()

// decodeStored decodes data that must hold v, in deterministic encoding, and nothing else; no array in it may have more
// than that many elements. The bound is checked before anything is allocated.
func decodeStored(data []byte, v any, elements int) error {
	mode, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		MaxNestedLevels:   8,
		MaxArrayElements:  max(elements, 16), // 16 is the least that the library takes
		MaxMapPairs:       maxFloors,
	}.DecMode()
	if err != nil {
		return err
	}
	if err := mode.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", source.ErrMalformed, err)
	}
	// What is missing, null, too long for its type or oddly encoded decodes, but does not come out as it went in.
	again, err := storeEncoding.Marshal(v)
	if err != nil || !bytes.Equal(again, data) {
		return fmt.Errorf("%w: not as it would be written", source.ErrMalformed)
	}
	return nil
}

// seal makes a file of v.
func seal(magic string, format uint64, v any) ([]byte, error) {
	file := bytes.NewBufferString(magic)
	fmt.Fprintf(file, "format %d\n", format)
	if err := storeEncoding.NewEncoder(file).Encode(v); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(file.Bytes())
	file.Write(sum[:])
	return file.Bytes(), nil
}

// unseal checks that a file is whole, and returns the CBOR in it and the format of that, which is at most newest.
func unseal(magic string, newest uint64, file []byte) (payload []byte, format uint64, err error) {
	if !bytes.HasPrefix(file, []byte(magic)) || len(file) < len(magic)+sha256.Size {
		return nil, 0, fmt.Errorf("%w: not a file of %s, or cut short", source.ErrMalformed, strings.TrimSpace(magic))
	}
	body, sum := file[:len(file)-sha256.Size], file[len(file)-sha256.Size:]
	if sha256.Sum256(body) != [sha256.Size]byte(sum) {
		return nil, 0, fmt.Errorf("%w: the hash at its end does not fit", source.ErrMalformed)
	}
	line, payload, _ := bytes.Cut(body[len(magic):], []byte("\n"))
	word, isFormat := strings.CutPrefix(string(line[:min(len(line), 16)]), "format ")
	format, err = strconv.ParseUint(word, 10, 16)
	switch {
	case !isFormat || err != nil || format == 0:
		return nil, 0, fmt.Errorf("%w: no format version", source.ErrMalformed)
	case format > newest:
		return nil, 0, fmt.Errorf("%w, in format %d (this one reads up to %d)", ErrNewer, format, newest)
	}
	return payload, format, nil
}

// LooksLikeGeneration says whether a file starts like a generation.
func LooksLikeGeneration(data []byte) bool { return bytes.HasPrefix(data, []byte(generationMagic)) }

// Encode makes a file of g. What exceeds the bounds that Decode has is ErrTooLarge.
func Encode(g *Generation) ([]byte, error) {
	if len(g.Sources) > maxStored {
		return nil, fmt.Errorf("%w: %d sources (%d are allowed)", source.ErrTooLarge, len(g.Sources), maxStored)
	}
	form := generationForm{Number: g.Number, Written: stampOf(g.Written), Sources: map[string]storedForm{}}
	signers, withdrawn, keys := 0, 0, 0
	format, rules := uint64(1), source.WholeRuleBudget
	for name, s := range g.Sources {
		signers += len(s.Holding.Signers)
		withdrawn += len(s.Holding.Withdrawn)
		for i := range s.Holding.Signers {
			keys += len(s.Holding.Signers[i].SPKI)
		}
		if signers > source.MaxCertificates || withdrawn > maxWithdrawn {
			return nil, fmt.Errorf("%w: more than %d signers or %d withdrawn kids", source.ErrTooLarge, source.MaxCertificates, maxWithdrawn)
		}
		if keys > maxGenerationSize { // before they are copied
			return nil, fmt.Errorf("%w: %d bytes of public keys (%d are allowed)", source.ErrTooLarge, keys, maxGenerationSize)
		}
		err := rules.Take(s.Holding.Rules, s.Holding.ValueSets)
		var f storedForm
		if err == nil {
			f, err = formOf(s)
		}
		if err == nil {
			err = f.check(name)
		}
		if err != nil {
			return nil, fmt.Errorf("source %.40q: %w", name, err)
		}
		form.Sources[name] = f
		format = max(format, f.format())
	}
	if !form.Written.valid() || form.Number == 0 {
		return nil, fmt.Errorf("%w: number %d, written %v", source.ErrMalformed, g.Number, g.Written)
	}
	file, err := seal(generationMagic, format, form)
	if err == nil && len(file) > maxGenerationSize {
		err = fmt.Errorf("%w: %d bytes (%d are allowed)", source.ErrTooLarge, len(file), maxGenerationSize)
	}
	return file, err
}

func formOf(s Stored) (storedForm, error) {
	signers := make([]signerForm, len(s.Holding.Signers))
	for i, d := range s.Holding.Signers {
		signers[i] = signerForm{
			KID: d.KID[:], Country: d.Country, NotBefore: d.NotBefore.Unix(), NotAfter: d.NotAfter.Unix(),
			Usage: d.Usage, Lab: d.Lab, SPKI: d.SPKI,
		}
		if err := signers[i].check(); err != nil {
			return storedForm{}, fmt.Errorf("signer %s: %w", d.KID, err)
		}
	}
	var domains []byte
	if slices.ContainsFunc(s.Holding.Signers, func(d source.Signer) bool { return d.Domain != 0 }) {
		for _, d := range s.Holding.Signers {
			domains = append(domains, byte(d.Domain))
		}
	}
	raw, err := storeEncoding.Marshal(signers)
	var withdrawn []byte
	for _, kid := range s.Holding.Withdrawn {
		withdrawn = append(withdrawn, kid[:]...)
	}
	if err != nil {
		return storedForm{}, err
	}
	f := storedForm{
		Kind: s.Kind, Identity: s.Identity[:], Confirmed: stampOf(s.Confirmed), Floor: stampOf(s.Floor),
		Signed: stampOf(s.Holding.Signed), Expires: stampOf(s.Holding.Expires),
		Cursor: s.Holding.Cursor, Withdrawn: withdrawn, Signers: raw, Domains: domains,
	}
	return f, f.setRules(s.Holding)
}

// check is what both directions demand of one source, so that what is written can be read.
func (f *storedForm) check(name string) error {
	switch {
	case len(name) > maxStoredName || len(f.Kind) > maxStoredName:
		return fmt.Errorf("%w: a name of more than %d bytes", source.ErrTooLarge, maxStoredName)
	case !utf8.ValidString(name) || !utf8.ValidString(f.Kind):
		return fmt.Errorf("%w: a name that is not UTF-8", source.ErrMalformed)
	case len(f.Cursor) > source.MaxCursor:
		return fmt.Errorf("%w: a cursor of %d bytes (%d are allowed)", source.ErrTooLarge, len(f.Cursor), source.MaxCursor)
	case len(f.Identity) != sha256.Size || len(f.Withdrawn)%len(verify.KID{}) != 0:
		return fmt.Errorf("%w: identity or withdrawn kids of the wrong length", source.ErrMalformed)
	}
	for _, s := range []stamp{f.Confirmed, f.Floor, f.Signed, f.Expires} {
		if !s.valid() {
			return fmt.Errorf("%w: a time that cannot be", source.ErrMalformed)
		}
	}
	return nil
}

// checkDomains checks the domains of n signers.
func (f *storedForm) checkDomains(n int) error {
	if len(f.Domains) == 0 {
		return nil
	}
	some := false
	for _, d := range f.Domains {
		if verify.Domain(d)&^verify.DomainAll != 0 {
			return fmt.Errorf("%w: an unknown domain", source.ErrMalformed)
		}
		some = some || d != 0
	}
	if len(f.Domains) != n || !some {
		return fmt.Errorf("%w: %d domains of %d signers", source.ErrMalformed, len(f.Domains), n)
	}
	return nil
}

func (f *signerForm) check() error {
	const usages = verify.SignsVaccination | verify.SignsTest | verify.SignsRecovery
	switch {
	case len(f.KID) != len(verify.KID{}) || f.Country != pki.CountryCode(f.Country) || f.Usage&^usages != 0:
		return fmt.Errorf("%w: kid, country or usage", source.ErrMalformed)
	case !(stamp{Seconds: f.NotBefore}).valid() || !(stamp{Seconds: f.NotAfter}).valid():
		return fmt.Errorf("%w: a validity that cannot be", source.ErrMalformed)
	case len(f.SPKI) > pki.MaxCertificateSize:
		return fmt.Errorf("%w: a public key of %d bytes (%d are allowed)", source.ErrTooLarge, len(f.SPKI), pki.MaxCertificateSize)
	}
	return nil
}

// Decode reads what Encode made.
func Decode(file []byte) (*Generation, error) {
	payload, format, err := unseal(generationMagic, generationFormat, file)
	if err != nil {
		return nil, err
	}
	var form generationForm
	if err := decodeStored(payload, &form, source.MaxCertificates); err != nil {
		return nil, err
	}
	if form.Number == 0 || !form.Written.valid() || len(form.Sources) > maxStored {
		return nil, fmt.Errorf("%w: number %d, %d sources", source.ErrMalformed, form.Number, len(form.Sources))
	}
	g := &Generation{Number: form.Number, Written: form.Written.time(), Sources: make(map[string]Stored, len(form.Sources))}
	signers, withdrawn, rules := source.MaxCertificates, maxWithdrawn, source.WholeRuleBudget // still allowed
	needed := uint64(1)
	for _, name := range slices.Sorted(maps.Keys(form.Sources)) {
		f := form.Sources[name]
		if err := f.check(name); err != nil {
			return nil, fmt.Errorf("source %.40q: %w", name, err)
		}
		if withdrawn -= len(f.Withdrawn) / len(verify.KID{}); withdrawn < 0 {
			return nil, fmt.Errorf("%w: more than %d withdrawn kids", source.ErrTooLarge, maxWithdrawn)
		}
		var list []signerForm
		err := decodeStored(f.Signers, &list, signers)
		if err != nil {
			return nil, fmt.Errorf("signers of source %.40q: %w", name, err)
		}
		if signers -= len(list); signers < 0 {
			return nil, fmt.Errorf("%w: more than %d signers", source.ErrTooLarge, source.MaxCertificates)
		}
		if err := f.checkDomains(len(list)); err != nil {
			return nil, fmt.Errorf("signers of source %.40q: %w", name, err)
		}
		s := f.stored()
		if s.Holding.Rules, s.Holding.ValueSets, err = f.rules(&rules); err != nil {
			return nil, fmt.Errorf("rules of source %.40q: %w", name, err)
		}
		needed = max(needed, f.format())
		s.Holding.Signers = make([]source.Signer, 0, len(list))
		for i, one := range list {
			if err := one.check(); err != nil {
				return nil, fmt.Errorf("signers of source %.40q: %w", name, err)
			}
			// A key that a former version accepted and this one does not must not take all others with it.
			signer, err := one.signer()
			if err != nil {
				g.Skipped = append(g.Skipped, source.Skipped{Name: fmt.Sprintf("%s of %q", verify.KID(one.KID), name), Err: err})
				continue
			}
			if len(f.Domains) > 0 {
				signer.Domain = verify.Domain(f.Domains[i])
			}
			s.Holding.Signers = append(s.Holding.Signers, signer)
		}
		g.Sources[name] = s
	}
	if format != needed {
		return nil, fmt.Errorf("%w: format %d, and what it holds is written in format %d", source.ErrMalformed, format, needed)
	}
	return g, nil
}

// stored is all of a source but its signers and rules.
func (f *storedForm) stored() Stored {
	h := source.Holding{Signed: f.Signed.time(), Expires: f.Expires.time()}
	if len(f.Cursor) > 0 {
		h.Cursor = f.Cursor
	}
	for kids := f.Withdrawn; len(kids) > 0; kids = kids[len(verify.KID{}):] {
		h.Withdrawn = append(h.Withdrawn, verify.KID(kids[:len(verify.KID{})]))
	}
	return Stored{
		Kind: f.Kind, Identity: [32]byte(f.Identity), Holding: h, Confirmed: f.Confirmed.time(), Floor: f.Floor.time(),
	}
}

func (f *signerForm) signer() (source.Signer, error) {
	s, err := pki.ParseKey(f.SPKI, verify.KID(f.KID), f.Country, f.Usage)
	if err != nil {
		return source.Signer{}, err
	}
	s.Lab = f.Lab
	s.NotBefore, s.NotAfter = time.Unix(f.NotBefore, 0).UTC(), time.Unix(f.NotAfter, 0).UTC()
	return s, nil
}
