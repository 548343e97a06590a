package verify

import (
	"slices"
	"strings"
)

// Domain is a set of trust domains of WHO's network. A key vouches only for the documents of the domains that listed it.
// The zero Domain stands for DomainDCC, since all other sources list keys for DCCs.
type Domain uint8

const (
	DomainDCC  Domain = 1 << iota // EU Digital COVID Certificates, sub-claim 1
	DomainICVP                    // ICVP, sub-claim -6
	DomainPH4H                    // Pan-American Highway for Health, which issues ICVPs

	// DomainAll is every domain whose documents can be read.
	DomainAll = DomainDCC | DomainICVP | DomainPH4H
)

// domainNames are the codes in WHO's paths, in the order of the bits.
var domainNames = [...]string{"DCC", "ICVP", "PH4H"}

// ParseDomain reads one domain, in capitals as WHO's paths have it or in small letters as the configuration does.
func ParseDomain(name string) (d Domain, ok bool) {
	for i, known := range domainNames {
		if strings.EqualFold(name, known) {
			return 1 << i, true
		}
	}
	return 0, false
}

// Names are the domains of the set in small letters; "dcc" for the zero Domain.
func (d Domain) Names() (names []string) {
	for i, name := range domainNames {
		if d.orDefault()>>i&1 != 0 {
			names = append(names, strings.ToLower(name))
		}
	}
	return names
}

// String is the names with commas between them.
func (d Domain) String() string { return strings.Join(d.Names(), ",") }

// InDomain returns the snapshot with every DSC vouching for the documents of d and for no others. It is for certificates that an
// operator names himself, which no list binds to a domain. The snapshot itself stays as it is; nil stays nil.
func (t *Trust) InDomain(d Domain) *Trust {
	if t == nil {
		return nil
	}
	in := *t
	in.dscs = slices.Clone(t.dscs)
	for i := range in.dscs {
		in.dscs[i].Domain = d
	}
	return &in
}

func (d Domain) orDefault() Domain {
	if d == 0 {
		return DomainDCC
	}
	return d
}

// document is which document of the health certificate claim a pass carries.
type document uint8

const (
	noDocument       document = iota // none that is known
	documentDCC                      // sub-claim 1
	documentICVP                     // sub-claim -6
	severalDocuments                 // both
	otherDocument                    // of WHO's registry, for no gate
)

// vouchesFor says whether a key of these domains may sign a document. One that is never accepted is no matter of trust.
func (d Domain) vouchesFor(doc document) bool {
	switch doc {
	case documentDCC:
		return d.orDefault()&DomainDCC != 0
	case documentICVP:
		return d&(DomainICVP|DomainPH4H) != 0
	}
	return true
}
