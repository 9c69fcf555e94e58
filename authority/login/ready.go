package login

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	readyPurpose = "ready token"
	// readyGrace is how long a ready token is good after it was renewed: requests that are on their way with it arrive. It
	// is also how long a renewal whose answer was lost can be repeated.
	readyGrace = 5 * time.Minute
	// loginLevel is the level of the ready token that a login ends in. Nobody chooses it in a browser, as ?type= does at a
	// password login.
	loginLevel = authority.LevelMedium
)

// ReadyAsk is a ready token that is to be made. The caller has checked scope and level; who may ask for another person is
// its to judge too.
type ReadyAsk struct {
	Client   authority.Client
	PersonID string
	Scope    oauth.Scope
	Level    authority.Level
	Origin   authority.Origin
	How      string
	IssuedBy string        // an administrator's id; "" : the person's own
	Token    secret.String // zero: a new one; a value is for seeds and imports
}

// IssueReady makes a ready token: opaque, good for the life of its level, revocable, never refreshed by itself.
// authority.ErrTaken where a given value is the current one of a family, also of one that has ended: a token that was revoked
// does not come back.
func (s *Sessions) IssueReady(ctx context.Context, ask ReadyAsk, issuer string) (secret.String, authority.Family, error) {
	token := ask.Token
	if token.IsZero() {
		token = authority.NewOpaque(ask.Client.ReadyPrefix())
	}
	audience, err := ask.Client.GrantAudience(issuer, nil)
	if err != nil {
		return secret.String{}, authority.Family{}, err
	}
	now := s.now()
	family := authority.Family{
		ID: authority.NewID(now), Kind: authority.FamilyReady, ClientID: ask.Client.ID, PersonID: ask.PersonID, Scope: ask.Scope,
		Audience: audience, Origin: ask.Origin, How: ask.How, Level: ask.Level, IssuedBy: ask.IssuedBy,
		Created: now, LastUsed: now, LastAddress: ask.Origin.Address, Ends: now.Add(ask.Level.Life()),
		KeyID: s.master.Current(), Salt: newSalt(), Current: s.readyHash(token.Reveal()), Rotated: now,
	}
	event := s.recorder.Prepare(authority.Event{
		Kind: authority.EventTokenIssued, PersonID: ask.PersonID, Actor: ask.IssuedBy, ClientID: ask.Client.ID, FamilyID: family.ID,
		Address: ask.Origin.Address, Machine: ask.Origin.Machine, Detail: ask.How,
	})
	if err := s.store.AddFamily(ctx, family, authority.After{Events: []authority.Event{event}}); err != nil {
		return secret.String{}, authority.Family{}, err
	}
	s.recorder.Log(event)
	return token, family, nil
}

// RenewReady exchanges a ready token that lives for a new one of the same level and session. The old one is good for a few
// minutes more and yields the same successor meanwhile. ErrUnknown for a token that is not good. Its absolute end moves
// with each renewal: the level bounds how long it lives unused, and a session of somebody who works goes on.
func (s *Sessions) RenewReady(ctx context.Context, token secret.String, client authority.Client, origin authority.Origin) (secret.String, authority.Family, error) {
	family, err := s.FindReady(ctx, token.Reveal())
	if err != nil {
		return secret.String{}, authority.Family{}, err
	}
	hashes, now := s.master.Hashes(readyPurpose, []byte(token.Reveal())), s.now()
	is := func(kept [32]byte) bool { // under any live master key: the row may be older than the current one
		return slices.ContainsFunc(hashes, func(hash [32]byte) bool { return sameHash(hash, kept) })
	}
	family, err = s.store.ChangeFamily(ctx, family.ID, func(f *authority.Family) (authority.After, error) {
		switch {
		// FindReady has looked at a row that may have changed since: what counts is judged again in the transaction.
		case f.ClientID != client.ID || s.over(f, client, now):
			return authority.After{}, authority.ErrUnknown
		// The successor was made and its answer lost, or two programs of one machine renewed at once: both get the same
		// text.
		case f.Generation > 0 && is(f.Previous):
			return authority.After{}, authority.ErrNoChange
		case !is(f.Current): // it was renewed twice since it was looked up
			return authority.After{}, authority.ErrUnknown
		}
		f.KeyID = s.master.Current()
		next, err := s.readyToken(*f, client, f.Generation+1, token.Reveal())
		if err != nil {
			return authority.After{}, err
		}
		f.Previous, f.Current = f.Current, s.readyHash(next.Reveal())
		f.Generation++
		f.Rotated, f.LastUsed, f.LastAddress, f.Ends = now, now, origin.Address, now.Add(f.Level.Life())
		return authority.After{}, nil
	})
	if err != nil {
		return secret.String{}, authority.Family{}, err
	}
	next, err := s.readyToken(family, client, family.Generation, token.Reveal())
	return next, family, err
}

// readyToken derives the ready token of a generation from what was presented for it: nothing but its hash is kept, and a
// lost answer can be given again.
func (s *Sessions) readyToken(family authority.Family, client authority.Client, generation int64, presented string) (secret.String, error) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(generation))
	body, err := s.master.Derive(family.KeyID, "ready token secret", family.Salt, number[:], []byte(presented))
	return authority.OpaqueText(client.ReadyPrefix(), body), err
}

// readyHash is keyed, unlike that of a refresh secret: imported tokens may be short enough to guess (SEC-125).
func (s *Sessions) readyHash(token string) [32]byte {
	return s.master.Hash(readyPurpose, []byte(token))
}

// FindReady finds the family of a ready token that has not ended; ErrUnknown else.
func (s *Sessions) FindReady(ctx context.Context, token string) (authority.Family, error) {
	// Bounded before hashing; a NUL is what some stores cannot compare (SEC-131, SEC-324).
	if len(token) > 256 || token == "" || strings.ContainsRune(token, 0) {
		return authority.Family{}, authority.ErrUnknown
	}
	for _, hash := range s.master.Hashes(readyPurpose, []byte(token)) {
		family, err := s.store.FamilyByToken(ctx, hash)
		switch {
		case errors.Is(err, authority.ErrUnknown):
			continue
		case err != nil:
			return authority.Family{}, err
		case family.Kind != authority.FamilyReady || !family.Ended.IsZero():
			return authority.Family{}, authority.ErrUnknown
		case !sameHash(hash, family.Current) && s.now().Sub(family.Rotated) > readyGrace:
			return authority.Family{}, authority.ErrUnknown
		}
		return family, nil
	}
	return authority.Family{}, authority.ErrUnknown
}
