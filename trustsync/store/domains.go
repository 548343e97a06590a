package store

import (
	"fmt"
	"slices"

	"gatescan/trustsync/internal/source"
	"gatescan/verify"
)

// domainsOf returns the domain of each signer as a byte, nil if all vouch for DCCs alone.
func domainsOf(signers []source.Signer) (domains []byte) {
	if !slices.ContainsFunc(signers, func(s source.Signer) bool { return s.Domain != 0 }) {
		return nil
	}
	for _, s := range signers {
		domains = append(domains, byte(s.Domain))
	}
	return domains
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
