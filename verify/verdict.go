package verify

// Verdict is what Verify found out about one frame. Its zero value refuses; only Verify makes one that accepts.
type Verdict struct {
	reason    Reason
	kind      Kind
	alg       Alg
	tolerated Tolerance
	family    Family

	kidLen    uint8
	issuerLen uint8
	kid       KID
	tag       Tag
	issuer    [maxIssuer]byte

	met, parts uint8 // of Policy.Parts, as bits

	disease    Disease
	productLen uint8
	product    [maxProduct]byte

	rule      string // of the rules' memory
	holder    Holder
	hasHolder bool
}

// Tag tells the same pass from another one while a process lives. It says nothing about the holder: it is a keyed
// hash whose key never leaves memory.
type Tag [16]byte

// maxIssuer bounds the issuer claim in bytes; a longer one is cut. The longest genuine one has 80 (corpora quirk 11).
const maxIssuer = 120

// Refused makes a verdict that refuses for r. Nobody but Verify can accept, so Refused(Accepted) is Internal.
func Refused(r Reason) Verdict { return Verdict{}.Refuse(r) }

// Refuse returns v turned into a refusal for r, with what is known about the pass kept.
func (v Verdict) Refuse(r Reason) Verdict {
	if r == Accepted || r >= numReasons {
		r = Internal
	}
	v.reason = r
	return v
}

// refuseBy returns v turned into a refusal by a rule.
func (v Verdict) refuseBy(r Reason, rule string) Verdict {
	v.rule = rule
	return v.Refuse(r)
}

// Whole is v for a text of which the caller knows that it came whole: a line of a file, a frame with its terminator.
// NotHCERT becomes OtherCode if the text is of a family (FamilyOf); nothing else changes.
func (v Verdict) Whole(text []byte) Verdict {
	if v.reason != NotHCERT {
		return v
	}
	if v.family = FamilyOf(text); v.family != NoFamily {
		v.reason = OtherCode
	}
	return v
}

// Family is what kind of code the text is, with OtherCode; else NoFamily.
func (v Verdict) Family() Family { return v.family }

// Accepted says whether the pass is good.
func (v Verdict) Accepted() bool { return v.reason == Accepted }

// Reason says what became of the frame.
func (v Verdict) Reason() Reason { return v.reason }

// Kind is the kind of the one entry, NoKind while the signature has not held or the entry has not been found.
func (v Verdict) Kind() Kind { return v.kind }

// Alg is the algorithm the pass names, NoAlg if it names none that we know.
func (v Verdict) Alg() Alg { return v.alg }

// KID returns the key identifier in the header, nil if there is none of at most 8 bytes.
func (v *Verdict) KID() []byte {
	if v.kidLen == 0 {
		return nil
	}
	return v.kid[:v.kidLen]
}

// Issuer is the issuer claim, else the country of the DSC; empty while the signature has not held.
// It allocates and is meant for people who ask, not for the gate.
func (v *Verdict) Issuer() string { return string(v.issuer[:v.issuerLen]) }

// Tag identifies the pass within this process; ok is false unless the pass was accepted.
func (v *Verdict) Tag() (t Tag, ok bool) { return v.tag, v.reason == Accepted }

// Disease is what an ICVP is against; 0 for other passes, and while its product has not been found in the catalogue.
func (v Verdict) Disease() Disease { return v.disease }

// Product is the code of an ICVP's product as it is in the catalogue; empty where Disease is 0.
// It allocates and is meant for people who ask, not for the gate.
func (v *Verdict) Product() string { return string(v.product[:v.productLen]) }

// Rule is the Identifier of the rule that refused, with RuleFailed, RuleOpen or a reason of WHO's tables; else empty. It is at most 40 bytes of
// letters, digits and "-._", and not a copy.
func (v *Verdict) Rule() string { return v.rule }

// Parts says which parts of the policy the pass meets, as bits, and which there are. It counts for a pass that was accepted.
func (v *Verdict) Parts() (met, of uint8) { return v.met, v.parts }

// Holder tells the passes of one person from those of others within this process. ok is false unless the policy asked
// for it, the pass was accepted, and it has a name and a date of birth.
func (v *Verdict) Holder() (h Holder, ok bool) { return v.holder, v.hasHolder && v.reason == Accepted }

// Tolerated is what had to be tolerated to get this far; zero in any configuration that tolerates nothing.
func (v Verdict) Tolerated() Tolerance { return v.tolerated }
