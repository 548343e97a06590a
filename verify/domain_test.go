package verify

import "testing"

func TestDomainVouchesFor(t *testing.T) {
	for _, tc := range []struct {
		domain    Domain
		dcc, icvp bool
		text      string
	}{
		{0, true, false, "dcc"}, // a key of a source that knows no domains
		{DomainDCC, true, false, "dcc"},
		{DomainICVP, false, true, "icvp"},
		{DomainPH4H, false, true, "ph4h"},
		{DomainDCC | DomainPH4H, true, true, "dcc,ph4h"},
		{DomainAll, true, true, "dcc,icvp,ph4h"},
	} {
		if got := tc.domain.vouchesFor(documentDCC); got != tc.dcc {
			t.Errorf("%v vouches for a DCC: %v", tc.domain, got)
		}
		if got := tc.domain.vouchesFor(documentICVP); got != tc.icvp {
			t.Errorf("%v vouches for an ICVP: %v", tc.domain, got)
		}
		if got := tc.domain.String(); got != tc.text {
			t.Errorf("domain %d is %q, want %q", tc.domain, got, tc.text)
		}
	}
	for name, want := range map[string]Domain{"dcc": DomainDCC, "DCC": DomainDCC, "icvp": DomainICVP, "PH4H": DomainPH4H, "": 0, "IPS-PILGRIMAGE": 0, "dcc,icvp": 0} {
		if got, ok := ParseDomain(name); got != want || ok != (want != 0) {
			t.Errorf("%q is domain %d, %v", name, got, ok)
		}
	}
}

// An ICVP is admitted only by name, and no certificate has a key usage for it (the DSCs of PH4H have those for DCCs).
func TestUsageOfKinds(t *testing.T) {
	for _, tc := range []struct {
		usage            Usage
		kind             Kind
		admits, maySigns bool
	}{
		{0, Vaccination, true, true},
		{0, ICVP, false, true},
		{SignsICVP, ICVP, true, false},
		{SignsICVP, Vaccination, false, false},
		{SignsVaccination, ICVP, false, true},
		{SignsTest | SignsRecovery, ICVP, false, false},
		{SignsTest | SignsRecovery, Recovery, true, true},
		{SignsTest | SignsRecovery, Vaccination, false, false},
		{0, NoKind, false, true},
	} {
		if got := tc.usage.admits(tc.kind); got != tc.admits {
			t.Errorf("%05b admits %q: %v", tc.usage, tc.kind, got)
		}
		if got := tc.usage.maySign(tc.kind); got != tc.maySigns {
			t.Errorf("%05b may sign %q: %v", tc.usage, tc.kind, got)
		}
	}
}
