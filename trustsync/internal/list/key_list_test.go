package list

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"

	"gatescan/trustsync/internal/source"
	"gatescan/trustsync/internal/sourcetest"
	"gatescan/verify"
)

func TestKeyList(t *testing.T) {
	spki := base64.StdEncoding.EncodeToString(sourcetest.Domain(t, 1).DSCs[0].RawSubjectPublicKeyInfo)
	entry := fmt.Sprintf(`{"kid":"AAAAAAAAAAE=","publicKey":"%s"}`, spki)
	for _, test := range []struct {
		name, list                  string
		loaded, skipped, duplicates int
		want                        error
	}{
		{"one", `[` + entry + `]`, 1, 0, 0, nil},
		{"twice", `[` + entry + `,` + entry + `]`, 1, 0, 1, nil},
		{"none", ` [ ] `, 0, 0, 0, nil},
		{"junk", `[1,null,{},"x",[],{"kid":1,"publicKey":"x"},` + entry + `]`, 1, 6, 0, nil},
		{"an object", entry, 0, 0, 0, source.ErrMalformed},
		{"cut short", `[` + entry, 0, 0, 0, source.ErrMalformed},
		{"something follows", `[` + entry + `],`, 0, 0, 0, source.ErrMalformed},
		{"too many", `[` + strings.Repeat(`1,`, source.MaxCertificates) + `1]`, 0, 0, 0, source.ErrTooLarge},
	} {
		signers, report, err := ParseKeyList([]byte(test.list))
		if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) || len(signers) != test.loaded || len(report.Skipped) != test.skipped || report.Duplicates != test.duplicates {
			t.Errorf("%s: %d signers, %+v, %v", test.name, len(signers), report, err)
		}
		if len(signers) > 0 && signers[0].KID != (verify.KID{7: 1}) {
			t.Errorf("%s: %+v", test.name, signers[0])
		}
	}
}
