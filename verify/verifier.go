package verify

import (
	"crypto/rand"
	"crypto/sha256"
	"time"

	"gatescan/verify/certlogic"
	"gatescan/verify/internal/cbor"
)

// noObjection is what a stage returns that has nothing against the pass. It is the zero Reason, so that a pass about
// which nobody decides is refused as Internal.
const noObjection = Internal

// Verifier judges one pass at a time in memory that it allocates once. It serves one goroutine; several verifiers may
// share a Trust.
type Verifier struct {
	policy    Policy
	tagKey    [32]byte
	holderKey [32]byte

	compressed [maxCompressed]byte
	message    [maxCWT]byte
	joined     [maxJoined]byte
	tbs        [maxCWT + 32]byte
	view       [maxView]byte // an ICVP as rules see it

	compressedUsed, messageUsed, tbsUsed int

	inflater inflater
	check    cbor.Checker
	join     cbor.Arena
	ps256    ps256Scratch
	rules    judgement
	tables   *icvpTables // WHO's; nil while no policy has admitted an ICVP
}

// New makes a verifier. Its tags are keyed with a fresh random key.
func New(p Policy) *Verifier {
	v := &Verifier{ps256: newPS256Scratch()}
	v.SetPolicy(p)
	v.rules.machine = certlogic.NewMachine()
	v.join.Buf = v.joined[:]
	rand.Read(v.tagKey[:]) // never fails (crypto/rand)
	rand.Read(v.holderKey[:])
	return v
}

// SetPolicy changes the policy for the passes to come. Tags stay comparable.
func (v *Verifier) SetPolicy(p Policy) {
	v.policy = p
	if p.Kinds.admits(ICVP) {
		v.tables = builtInICVP()
	}
}

// Verify judges a QR text at a moment. It allocates nothing and keeps nothing of the text; nil trust refuses with
// NoTrust. The package documentation says in which order it looks.
func (v *Verifier) Verify(text []byte, trust *Trust, now time.Time) Verdict {
	defer v.wipe()
	var verdict Verdict
	data, refused := v.decode(text, &verdict)
	if refused != noObjection {
		return verdict.Refuse(refused)
	}
	m, tolerated, refused := v.parseSign1(data)
	verdict.tolerated |= tolerated
	if refused != noObjection {
		return verdict.Refuse(refused)
	}
	if len(m.header.kid) <= len(verdict.kid) {
		verdict.kidLen = uint8(copy(verdict.kid[:], m.header.kid))
	}
	if verdict.alg = m.header.alg; verdict.alg == NoAlg {
		return verdict.Refuse(BadAlg)
	}
	if trust == nil {
		return verdict.Refuse(NoTrust)
	}
	if trust.Stale(now) {
		return verdict.Refuse(TrustStale) // also if the kid is unknown: a newer list may know it
	}
	if len(m.header.kid) != len(KID{}) {
		return verdict.Refuse(UnknownKID)
	}
	kid := KID(m.header.kid)
	if trust.bars(kid) {
		return verdict.Refuse(Barred)
	}
	dscs := trust.lookup(kid)
	if len(dscs) == 0 {
		return verdict.Refuse(UnknownKID)
	}
	digest := sha256.Sum256(v.sigStructure(&m))
	furthest := verdict
	for i := range dscs {
		got := v.judge(&dscs[i], &m, trust, &digest, now, verdict)
		if got.Accepted() {
			return got
		}
		if got.reason > furthest.reason {
			furthest = got
		}
	}
	return furthest
}

// decode goes from the text to the bytes of a COSE message.
func (v *Verifier) decode(text []byte, verdict *Verdict) (data []byte, refused Reason) {
	if len(text) > maxText { // whatever it is, it was no QR code
		return nil, TooLarge
	}
	base45, refused := unprefix(text)
	if refused == NotHCERT && v.policy.Tolerate&NoPrefix != 0 && looksCompressed(text) {
		base45, refused = text, noObjection
		verdict.tolerated |= NoPrefix
	}
	if refused != noObjection {
		return nil, refused
	}
	if len(base45) > maxText-len(prefix) {
		return nil, TooLarge
	}
	compressed, ok := decodeBase45(v.compressed[:], base45)
	v.compressedUsed = len(compressed)
	if !ok {
		return nil, BadBase45
	}
	if v.policy.Tolerate&NotCompressed != 0 && !hasZlibHeader(compressed) {
		verdict.tolerated |= NotCompressed
		return compressed, noObjection
	}
	message, status := v.inflater.inflate(v.message[:], compressed)
	v.messageUsed = len(message)
	switch status {
	case inflateOK:
		return message, noObjection
	case inflateTooLarge:
		return nil, TooLarge
	}
	return nil, BadDeflate
}

// judge judges a message by one DSC. The verdict so far comes in; what is found out is added to it.
func (v *Verifier) judge(d *DSC, m *sign1, trust *Trust, digest *[sha256.Size]byte, now time.Time, verdict Verdict) Verdict {
	switch {
	case d.Key.alg() != m.header.alg:
		return verdict.Refuse(BadAlg)
	case d.stale(now):
		return verdict.Refuse(TrustStale)
	case d.Barred:
		return verdict.Refuse(Barred)
	}
	if now.Before(d.NotBefore) || now.After(d.NotAfter) {
		return verdict.Refuse(DSCNotValid)
	}
	if !v.signed(d.Key, digest, m.signature) {
		return verdict.Refuse(BadSignature)
	}

	cl, ok := v.parseClaims(m.payload)
	if !ok {
		return verdict.Refuse(BadCWT)
	}
	verdict.issuerLen = uint8(copy(verdict.issuer[:], cl.issuer))
	if verdict.issuerLen == 0 {
		verdict.issuerLen = uint8(copy(verdict.issuer[:], d.Country))
	}
	kind, refusedEntry := cl.findEntry()
	verdict.kind = kind // also of a pass that has expired
	if cl.lacksTime() {
		return verdict.Refuse(BadCWT)
	}
	if refused := cl.judgeTimes(now, v.policy.clockSkew()); refused != noObjection {
		return verdict.Refuse(refused)
	}
	if v.policy.IssuerMatches && !mayIssue(d.Country, cl.issuer, v.policy.Issuers) {
		return verdict.Refuse(IssuerMismatch)
	}
	switch {
	case !d.Domain.vouchesFor(cl.document):
		return verdict.Refuse(WrongDomain)
	case refusedEntry != noObjection:
		return verdict.Refuse(refusedEntry)
	case !v.policy.Kinds.admits(kind):
		return verdict.Refuse(KindNotAllowed)
	case !d.Usage.maySign(kind):
		return verdict.Refuse(KeyUsage)
	}
	if kind == ICVP {
		v.lookUp(trust.rules, &cl.icvp, &verdict)
	}
	refused, rule, met := v.judgeRules(trust.rules, d, m, &cl, kind, now)
	if cl.icvp.flagged {
		verdict.tolerated |= ICVPVersion
	}
	if refused != noObjection {
		return verdict.refuseBy(refused, rule)
	}
	verdict.met, verdict.parts = met, 1<<len(v.policy.Parts)-1

	if v.policy.Holder {
		verdict.holder, verdict.hasHolder = v.holder(&cl)
	}
	verdict.tag = v.tag(d.Key, m.signature)
	d.Key.accepted(now)
	verdict.reason = Accepted
	return verdict
}

func (v *Verifier) signed(key PublicKey, digest *[sha256.Size]byte, signature []byte) bool {
	switch {
	case key.es256 != nil:
		return verifyES256(key.es256, digest, signature)
	case key.ps256 != nil:
		return key.ps256.verify(&v.ps256, digest, signature)
	}
	return false
}

// tag hashes what a holder cannot vary: of an ES256 signature only r, since (r, n-s) is as good as (r, s).
// The hash is cut short, so that its key cannot be extended.
func (v *Verifier) tag(key PublicKey, signature []byte) Tag {
	if key.es256 != nil {
		signature = signature[:es256Size/2]
	}
	b := append(v.tbs[:0], v.tagKey[:]...)
	b = append(b, signature...)
	v.tbsUsed = max(v.tbsUsed, len(b))
	sum := sha256.Sum256(b)
	return Tag(sum[:])
}

// wipe forgets the pass.
func (v *Verifier) wipe() {
	clear(v.compressed[:v.compressedUsed])
	clear(v.message[:v.messageUsed])
	clear(v.joined[:v.join.Used])
	clear(v.tbs[:v.tbsUsed])
	clear(v.view[:])
	v.compressedUsed, v.messageUsed, v.join.Used, v.tbsUsed = 0, 0, 0, 0
}
