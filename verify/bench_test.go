package verify

import (
	"bytes"
	"compress/zlib"
	"io"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/veraison/go-cose"
)

// BenchmarkVerify is the whole way from text to verdict, against the same way made of the usual libraries
// ("libraries": our Base45, compress/zlib, go-cose on crypto/ecdsa, fxamacker/cbor), over the same passes.
func BenchmarkVerify(b *testing.B) {
	passes := acceptable(b, ES256)
	var dscs []DSC
	for _, p := range passes {
		dscs = append(dscs, p.dsc)
	}
	trust := NewTrust(dscs)
	b.Run("ES256", func(b *testing.B) {
		b.ReportAllocs()
		v := New(Policy{})
		for i := 0; b.Loop(); i++ {
			p := &passes[i%len(passes)]
			if sink = v.Verify(p.text, trust, p.now); !sink.Accepted() {
				b.Fatal(sink.Reason())
			}
		}
	})
	b.Run("libraries", func(b *testing.B) {
		b.ReportAllocs()
		verifiers := make([]cose.Verifier, len(passes))
		for i, p := range passes {
			verifiers[i] = oracleVerifier(b, p)
		}
		for i := 0; b.Loop(); i++ {
			p := &passes[i%len(passes)]
			compressed, _ := decodeBase45(make([]byte, maxCompressed), p.text[len(prefix):])
			z, err := zlib.NewReader(bytes.NewReader(compressed))
			if err != nil {
				b.Fatal(err)
			}
			message, err := io.ReadAll(io.LimitReader(z, maxCWT))
			if err != nil {
				b.Fatal(err)
			}
			if !oracleSigned(message, verifiers[i%len(passes)]) {
				b.Fatal(p.id)
			}
			var m cose.UntaggedSign1Message
			if err := m.UnmarshalCBOR(bytes.TrimPrefix(message, []byte{0xd2})); err == nil {
				var c oracleClaims
				if err := cbor.Unmarshal(m.Payload, &c); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
	rsa := acceptable(b, PS256)
	b.Run("PS256", func(b *testing.B) {
		b.ReportAllocs()
		v := New(Policy{})
		p := rsa[0]
		one := NewTrust([]DSC{p.dsc})
		for b.Loop() {
			if sink = v.Verify(p.text, one, p.now); !sink.Accepted() {
				b.Fatal(sink.Reason())
			}
		}
	})
	b.Run("refused-base45", func(b *testing.B) {
		b.ReportAllocs()
		v := New(Policy{})
		text := append(bytes.Clone(passes[0].text), 'x')
		for b.Loop() {
			sink = v.Verify(text, trust, passes[0].now)
		}
	})
}

// BenchmarkVerifyICVP is the whole way of a yellow card with WHO's tables, beside that of a DCC of the same signer.
func BenchmarkVerifyICVP(b *testing.B) {
	l := newLab(b)
	l.es.Domain = DomainAll
	trust := NewTrust([]DSC{l.es})
	v := New(Policy{Kinds: SignsICVP | SignsVaccination})
	for _, bench := range []struct {
		name string
		text []byte
	}{
		{"ICVP", l.mint(b, sketch{payload: l.icvpClaims(b, l.model(nil, nil), nil)})},
		{"DCC", l.mint(b, sketch{})},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if sink = v.Verify(bench.text, trust, l.now); !sink.Accepted() {
					b.Fatal(sink.Reason())
				}
			}
		})
	}
}
