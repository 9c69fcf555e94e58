package keys

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Ring is the signing keys of an authority at one moment. It is immutable and safe for concurrent use.
type Ring struct {
	signers []*Signer
	jwks    []byte
	headers cache[map[string]*Signer] // by wanted typ: every protected header that is accepted, and whose it is
}

// NewRing returns the ring of signers, which sign in their order: the first of each algorithm signs, all verify and all
// are in the key set. To rotate without a gap, a new signer stands behind the current one until every cache of the key
// set has had time to learn it, then before it; the old one leaves when its last token has expired (RFC 9700 section
// 2.6). A signer given twice counts once.
func NewRing(signers ...*Signer) *Ring {
	r := &Ring{}
	seen := map[string]bool{}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	set.Keys = []json.RawMessage{} // an empty ring has an empty list, not null
	for _, s := range signers {
		if !seen[s.ID] {
			seen[s.ID] = true
			r.signers = append(r.signers, s)
			set.Keys = append(set.Keys, s.jwk)
		}
	}
	r.jwks, _ = json.Marshal(set) // valid JSON in, so valid JSON out
	return r
}

// JWKS returns the public keys as a JWK Set (RFC 7517 section 5), in the order of the ring.
func (r *Ring) JWKS() []byte { return bytes.Clone(r.jwks) }

// Sign signs claims with the current signer of alg: see Signer.Sign. ErrNoKey where there is none.
func (r *Ring) Sign(alg Alg, typ string, claims []byte) (string, error) {
	for _, s := range r.signers {
		if s.Alg == alg {
			return s.Sign(typ, claims)
		}
	}
	return "", ErrNoKey
}

// Verify returns the claims of a token that a signer of this ring signed for typ, and that signer's ID; else ErrToken.
// `application/` before the typ is accepted as well (RFC 9068 section 4). Whether the claims hold (issuer, audience,
// time) is the caller's to judge.
//
// No header is ever parsed. The only tokens of ours are those that Signer.Sign made, and their headers are known byte
// by byte: another algorithm, `none`, `crit`, `jwk`, `jku`, `zip`, a duplicate member or anything that has yet to be
// thought of is simply not one of them. Likewise the rest has one spelling: three parts, canonical base64url.
func (r *Ring) Verify(token, typ string) (claims []byte, kid string, err error) {
	if len(token) > maxToken {
		return nil, "", ErrToken
	}
	header := strings.IndexByte(token, '.') + 1
	signer := r.headers.get(typ, r.accepted)[token[:header]]
	if signer == nil {
		return nil, "", ErrToken
	}
	end := strings.LastIndexByte(token, '.')
	if end < header { // two parts
		return nil, "", ErrToken
	}
	claims, wellFormed := decode(token[header:end]) // a third dot would be in here, and is no base64url
	signature, signed := decode(token[end+1:])
	if !wellFormed || !signed || len(signature) != signer.size || !signer.verify([]byte(token[:end]), signature) {
		return nil, "", ErrToken
	}
	return claims, signer.ID, nil
}

// accepted returns the headers of valid tokens of typ.
func (r *Ring) accepted(typ string) map[string]*Signer {
	headers := make(map[string]*Signer, 2*len(r.signers))
	for _, s := range r.signers {
		headers[s.header(typ)] = s
		if typ != "" {
			headers[s.header("application/"+typ)] = s
		}
	}
	return headers
}
