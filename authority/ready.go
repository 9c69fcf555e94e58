package authority

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/crc32"
	"strings"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// readyAlphabet is what ready tokens are written in: letters and digits, so that a double click selects the whole of one.
const readyAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	readyRandom   = 32 // characters: 190 bits
	readyChecksum = 6
	readyPurpose  = "ready token"
)

// newReady makes a ready token: prefix, random part, checksum. The checksum lets secret scanners, and us, tell a token
// from a typo without a look-up.
func newReady(prefix string) secret.String {
	if prefix == "" {
		prefix = "dwt_"
	}
	var text strings.Builder
	text.WriteString(prefix)
	var raw [1]byte
	for text.Len() < len(prefix)+readyRandom {
		_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
		if int(raw[0]) < 4*len(readyAlphabet) {
			text.WriteByte(readyAlphabet[int(raw[0])%len(readyAlphabet)])
		}
	}
	return secret.New(text.String() + checksum(text.String()))
}

func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	out := make([]byte, readyChecksum)
	for i := range out {
		out[i] = readyAlphabet[sum%uint32(len(readyAlphabet))]
		sum /= uint32(len(readyAlphabet))
	}
	return string(out)
}

// ReadyAsk is a ready token that is to be made.
type ReadyAsk struct {
	Client   Client
	PersonID string
	Scope    oauth.Scope
	Level    Level
	Origin   Origin
	How      string
	IssuedBy string        // an administrator's id; "" : the person's own
	Token    secret.String // zero: a new one; a value is for seeds and imports
}

// IssueReady makes a ready token: opaque, good for the life of its level, revocable, never refreshed.
func (s *Sessions) IssueReady(ctx context.Context, ask ReadyAsk, issuer string) (secret.String, Family, error) {
	token := ask.Token
	if token.IsZero() {
		token = newReady(ask.Client.TokenPrefix)
	}
	audience, err := ask.Client.GrantAudience(issuer, nil)
	if err != nil {
		return secret.String{}, Family{}, err
	}
	now := s.now()
	family := Family{
		ID: NewID(now), Kind: FamilyReady, ClientID: ask.Client.ID, PersonID: ask.PersonID, Scope: ask.Scope,
		Audience: audience, Origin: ask.Origin, How: ask.How, Level: ask.Level, IssuedBy: ask.IssuedBy,
		Created: now, LastUsed: now, LastAddress: ask.Origin.Address, Ends: now.Add(ask.Level.Life()),
		KeyID: s.master.Current(), Current: s.master.Hash(readyPurpose, []byte(token.Reveal())), Rotated: now,
	}
	event := s.recorder.event(Event{
		Kind: EventTokenIssued, PersonID: ask.PersonID, Actor: ask.IssuedBy, ClientID: ask.Client.ID, FamilyID: family.ID,
		Address: ask.Origin.Address, Machine: ask.Origin.Machine, Detail: ask.How,
	})
	err = s.store.AddFamily(ctx, family, After{Events: []Event{event}})
	return token, family, err
}

// ready finds the family of a ready token that has not ended; ErrUnknown else.
func (s *Sessions) ready(ctx context.Context, token string) (Family, error) {
	if len(token) > 256 || token == "" {
		return Family{}, ErrUnknown
	}
	for _, hash := range s.master.Hashes(readyPurpose, []byte(token)) {
		family, err := s.store.FamilyByToken(ctx, hash)
		switch {
		case errors.Is(err, ErrUnknown):
			continue
		case err != nil:
			return Family{}, err
		case family.Kind != FamilyReady || !family.Ended.IsZero():
			return Family{}, ErrUnknown
		}
		return family, nil
	}
	return Family{}, ErrUnknown
}
