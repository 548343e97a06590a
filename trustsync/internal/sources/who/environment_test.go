package who

import (
	"errors"
	"testing"

	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sources"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

// The genuine lists of WHO's other environments verify under the key of each, count there and nowhere else, and one flipped byte of
// what is signed fails each.
func TestWHOEnvironments(t *testing.T) {
	for _, test := range []struct {
		word, list, key string
		want            environment
		entries         int
	}{
		{"uat", "uat-ph4h-dsc", "uat-signer-observed", acceptance, 10},
		{"dev", "dev-ph4h-dsc", "dev-signer-published", development, 68},
	} {
		t.Run(test.word, func(t *testing.T) {
			raw := sourcetest.WHODocument(t, test.list)
			anchors := whoAnchors(t, sourcetest.File(t, "who/"+test.key+".pem"))
			d, err := openDID(raw, anchors)
			if err != nil {
				t.Fatal(err)
			}
			if d.environment != test.want || len(d.methods) != test.entries {
				t.Errorf("environment %v, %d entries; want %v, %d", d.environment, len(d.methods), test.want, test.entries)
			}
			for e := range numEnvironments {
				if err := e.check(d); (err == nil) != (e == test.want) || err != nil && !errors.Is(err, source.ErrNotAuthentic) {
					t.Errorf("in %v: %v", e, err)
				}
			}
			f, err := newWHOFilter(sources.Config{Environment: test.word, Domain: "PH4H", Lab: true})
			if err != nil {
				t.Fatal(err)
			}
			list := newWHOList(f)
			if err := list.add(d); err != nil {
				t.Fatal(err)
			}
			signers, report := list.done()
			for i := range signers {
				if signers[i].Domain != verify.DomainPH4H {
					t.Errorf("%v vouches for %v", signers[i].KID, signers[i].Domain)
				}
			}
			if len(signers)+report.Duplicates+len(report.Skipped) != test.entries || len(signers) == 0 {
				t.Errorf("%d signers, %d duplicates, %d skipped of %d entries", len(signers), report.Duplicates, len(report.Skipped), test.entries)
			}
			// Every part of a document is signed: an altered one is malformed or not authentic.
			for i := 500; i < len(raw); i += len(raw) / 40 {
				altered := append([]byte(nil), raw...)
				if altered[i] == ' ' || altered[i] == '\n' {
					continue // white space between members is not signed
				}
				altered[i] ^= 1
				if _, err := openDID(altered, anchors); err == nil {
					t.Errorf("accepted with byte %d changed from %q to %q", i, raw[i], altered[i])
				}
			}
			if _, err := openDID(raw, whoAnchors(t, whoObservedPEM(t))); !errors.Is(err, source.ErrNotAuthentic) {
				t.Errorf("by the key of production: %v", err)
			}
		})
	}
}

func TestWHOEnvironmentConfig(t *testing.T) {
	for _, test := range []struct {
		config sources.Config
		good   bool
	}{
		{sources.Config{}, true},
		{sources.Config{Environment: "production"}, true},
		{sources.Config{Environment: "uat", Lab: true}, true},
		{sources.Config{Environment: "dev", Lab: true}, true},
		{sources.Config{Environment: "uat"}, false},
		{sources.Config{Environment: "UAT", Lab: true}, false},
	} {
		if _, err := newWHOFilter(test.config); (err == nil) != test.good {
			t.Errorf("%+v: %v", test.config, err)
		}
	}
	plain, other := sources.Config{Kind: Kind}, sources.Config{Kind: Kind, Environment: "uat"}
	if plain.Identity() == other.Identity() {
		t.Error("another environment is another source")
	}
}
