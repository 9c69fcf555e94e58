package authority

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	readyPurpose = "ready token"
	// readyGrace is how long a ready token is good after it was renewed: requests that are on their way with it arrive.
	readyGrace = 5 * time.Minute
	// loginLevel is the level of the ready token that a login ends in.
	loginLevel = LevelMedium
)

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

// IssueReady makes a ready token: opaque, good for the life of its level, revocable, never refreshed by itself.
func (s *Sessions) IssueReady(ctx context.Context, ask ReadyAsk, issuer string) (secret.String, Family, error) {
	token := ask.Token
	if token.IsZero() {
		token = newOpaque(ask.Client.readyPrefix())
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
		KeyID: s.master.Current(), Salt: newSalt(), Current: s.readyHash(token.Reveal()), Rotated: now,
	}
	event := s.recorder.event(Event{
		Kind: EventTokenIssued, PersonID: ask.PersonID, Actor: ask.IssuedBy, ClientID: ask.Client.ID, FamilyID: family.ID,
		Address: ask.Origin.Address, Machine: ask.Origin.Machine, Detail: ask.How,
	})
	err = s.store.AddFamily(ctx, family, After{Events: []Event{event}})
	return token, family, err
}

// RenewReady exchanges a ready token that lives for a new one of the same level and session. The old one is good for a few
// minutes more and yields the same successor meanwhile. ErrUnknown for a token that is not good.
func (s *Sessions) RenewReady(ctx context.Context, token secret.String, client Client, origin Origin) (secret.String, Family, error) {
	family, err := s.ready(ctx, token.Reveal())
	if err != nil {
		return secret.String{}, Family{}, err
	}
	hashes, now := s.master.Hashes(readyPurpose, []byte(token.Reveal())), s.now()
	is := func(kept [32]byte) bool { // under any live master key: the row may be older than the current one
		return slices.ContainsFunc(hashes, func(hash [32]byte) bool { return sameHash(hash, kept) })
	}
	family, err = s.store.ChangeFamily(ctx, family.ID, func(f *Family) (After, error) {
		switch {
		case f.ClientID != client.ID || s.over(f, client, now):
			return After{}, ErrUnknown
		case f.Generation > 0 && is(f.Previous):
			return After{}, ErrNoChange
		case !is(f.Current): // it was renewed twice since it was looked up
			return After{}, ErrUnknown
		}
		f.KeyID = s.master.Current()
		next, err := s.readyToken(*f, client, f.Generation+1, token.Reveal())
		if err != nil {
			return After{}, err
		}
		f.Previous, f.Current = f.Current, s.readyHash(next.Reveal())
		f.Generation++
		f.Rotated, f.LastUsed, f.LastAddress, f.Ends = now, now, origin.Address, now.Add(f.Level.Life())
		return After{}, nil
	})
	if err != nil {
		return secret.String{}, Family{}, err
	}
	next, err := s.readyToken(family, client, family.Generation, token.Reveal())
	return next, family, err
}

// readyToken derives the ready token of a generation from what was presented for it: nothing but its hash is kept, and a
// lost answer can be given again.
func (s *Sessions) readyToken(family Family, client Client, generation int64, presented string) (secret.String, error) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(generation))
	body, err := s.master.Derive(family.KeyID, "ready token secret", family.Salt, number[:], []byte(presented))
	return opaqueText(client.readyPrefix(), body), err
}

func (s *Sessions) readyHash(token string) [32]byte {
	return s.master.Hash(readyPurpose, []byte(token))
}

// ready finds the family of a ready token that has not ended; ErrUnknown else.
func (s *Sessions) ready(ctx context.Context, token string) (Family, error) {
	if len(token) > 256 || token == "" || strings.ContainsRune(token, 0) {
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
		case !sameHash(hash, family.Current) && s.now().Sub(family.Rotated) > readyGrace:
			return Family{}, ErrUnknown
		}
		return family, nil
	}
	return Family{}, ErrUnknown
}
