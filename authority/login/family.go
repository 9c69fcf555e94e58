package login

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Sessions keeps the families: one row for what one machine holds, from login to logout. Every change of a family goes
// through ChangeFamily, and every end leaves a mark: the row ends the refresh token, the mark its access tokens.
type Sessions struct {
	store    authority.Families
	feed     authority.Feed
	master   *keys.Master
	people   identity.People
	marks    *replica.Marks
	recorder *authority.Recorder
	issuer   string
	now      func() time.Time
}

// familySeed is what a family grows from beside client and approval.
type familySeed struct {
	How       string
	Audience  []string
	Origin    authority.Origin
	Presented secret.String // the code that is redeemed: the first refresh token derives from it
	APIKeyID  string
	IssuedBy  string
}

// begin makes a family that nobody has stored yet. It is made outside the transaction that stores it; a family that loses
// the race is thrown away. Approved scope and methods are taken as they are: whoever calls has judged them.
func (s *Sessions) begin(client authority.Client, approval authority.Approval, seed familySeed) (authority.Family, error) {
	now := s.now()
	family := authority.Family{
		ID: authority.NewID(now), Kind: authority.FamilySession, ClientID: client.ID, PersonID: approval.PersonID, Scope: approval.Scope,
		Audience: seed.Audience, Origin: seed.Origin, How: seed.How, Methods: approval.Methods, AuthTime: approval.AuthTime,
		Created: now, LastUsed: now, LastAddress: seed.Origin.Address, Rotated: now,
		KeyID: s.master.Current(), Salt: newSalt(), APIKeyID: seed.APIKeyID, IssuedBy: seed.IssuedBy,
		Binding: approval.Binding, ACR: approval.ACR,
	}
	if client.Absolute > 0 {
		family.Ends = now.Add(client.Absolute)
	}
	// A client that reads a ready token from its ID token gets a family of that kind, whose token is checked here at every
	// use and so can be revoked.
	if client.ReadyClaim != "" {
		family.Kind, family.Level, family.Ends = authority.FamilyReady, loginLevel, now.Add(loginLevel.Life())
		first, err := s.readyToken(family, client, 0, seed.Presented.Reveal())
		family.Current = s.readyHash(first.Reveal())
		return family, err
	}
	first, err := s.derive(family, 0, seed.Presented.Reveal())
	family.Current = sha256.Sum256([]byte(first))
	return family, err
}

// Open makes a session for a credential that can be presented as often as one likes (a password, an API key): a new one
// each time; for grant's pipeline only.
func (s *Sessions) Open(ctx context.Context, client authority.Client, approval authority.Approval, how string, origin authority.Origin, key authority.APIKey) (Redeemed, error) {
	audience, err := client.GrantAudience(s.issuer, nil)
	if err != nil {
		return Redeemed{}, err
	}
	// Drawn anew, since a password or a key presented twice would derive the same tokens.
	presented := authority.NewSecret()
	family, err := s.begin(client, approval, familySeed{
		How: how, Audience: audience, Origin: origin, Presented: presented, APIKeyID: key.ID, IssuedBy: key.IssuedBy,
	})
	if err != nil {
		return Redeemed{}, err
	}
	if err := s.store.AddFamily(ctx, family, authority.After{}); err != nil {
		return Redeemed{}, err
	}
	first, err := s.firstAnswer(ctx, family, client, presented)
	return Redeemed{Family: family, Refresh: first}, err
}

// firstAnswer returns the family's first refresh token (its ready token, where the client's logins end in one) to whoever presents what it was redeemed from, as often as that
// happens, until the token is used. After that, and for a family that has ended, it is invalid_grant.
func (s *Sessions) firstAnswer(ctx context.Context, family authority.Family, client authority.Client, presented secret.String) (secret.String, error) {
	// Generation > 0 means that the first token was used: the client has it, and who asks for it again is somebody else.
	if !family.Ended.IsZero() || family.Generation > 0 || s.markedOver(family) {
		return secret.String{}, oauth.Errorf(oauth.InvalidGrant, "the code was used before")
	}
	// Asked last, when the family is stored: a person who is disabled while the redemption runs is seen by one of the two
	// (SEC-078).
	if active, err := s.Active(ctx, family.PersonID); err != nil {
		return secret.String{}, err
	} else if !active {
		err := s.End(ctx, family.ID, "", "account disabled", "")
		return secret.String{}, errors.Join(oauth.Errorf(oauth.InvalidGrant, "the account cannot be used"), err)
	}
	gone := oauth.Errorf(oauth.InvalidGrant, "the code was made under a key that is gone")
	if family.Kind == authority.FamilyReady {
		first, err := s.readyToken(family, client, 0, presented.Reveal())
		if err != nil {
			return secret.String{}, gone
		}
		return first, nil
	}
	first, err := s.derive(family, 0, presented.Reveal())
	if err != nil {
		return secret.String{}, gone
	}
	return refreshText(family.ID, 0, first), nil
}

// Active reports whether the person can be acted for: known and not disabled. Nobody (a service) can.
func (s *Sessions) Active(ctx context.Context, personID string) (bool, error) {
	if personID == "" {
		return true, nil
	}
	person, err := s.people.Person(ctx, personID)
	if errors.Is(err, identity.ErrUnknown) {
		return false, nil
	}
	return err == nil && !person.Disabled, err
}

func (s *Sessions) markedOver(family authority.Family) bool {
	return s.marks.Over(family.ID, family.PersonID, family.ClientID, family.Created)
}

// rotation is what became of a presented refresh token.
type rotation int

const (
	rotationRefused rotation = iota
	rotationDone
	rotationRepeated
	rotationReplayed
	rotationForeign
)

// Rotate exchanges a refresh token for its successor, in one compare-and-swap on the family's row. Until the successor is
// used, the same token yields the same successor again, without a write; what is older ends the family and is recorded.
// Refusals are invalid_grant, all in the same words; a store that cannot be reached is ErrUnavailable and never that.
func (s *Sessions) Rotate(ctx context.Context, token secret.String, client authority.Client, origin authority.Origin) (authority.Family, secret.String, error) {
	refused := oauth.Errorf(oauth.InvalidGrant, "the refresh token is wrong, was used before, or its session has ended")
	presented, ours := s.parse(token.Reveal())
	if !ours {
		return authority.Family{}, secret.String{}, refused
	}
	var outcome rotation
	var after authority.After
	// The refusals leave this as success, with outcome set: what a refusal writes (an end, a mark, an event) has to be
	// committed.
	family, err := s.store.ChangeFamily(ctx, presented.familyID, func(f *authority.Family) (authority.After, error) {
		var err error
		outcome, after, err = s.rotate(f, presented, client, origin)
		return after, err
	})
	if errors.Is(err, authority.ErrUnknown) {
		return authority.Family{}, secret.String{}, refused
	}
	if err != nil {
		return authority.Family{}, secret.String{}, err
	}
	switch outcome {
	// Derived from what was presented, under the key id in the row: both answers are the same text, and the loser of a race
	// gets the winner's token (SEC-114, SEC-115).
	case rotationDone, rotationRepeated:
		next, err := s.derive(family, family.Generation, presented.text)
		return family, refreshText(family.ID, family.Generation, next), err
	case rotationReplayed:
		s.recorder.Log(after.Events...)
		s.marks.Learn(authority.NewMark(authority.MarkFamily, family.ID, s.now()))
	case rotationForeign:
		s.recorder.Record(ctx, authority.Event{
			Kind: authority.EventForeign, PersonID: family.PersonID, ClientID: client.ID, FamilyID: family.ID, Address: origin.Address,
			Machine: family.Origin.Machine, Detail: "refresh token of " + family.ClientID,
		})
	}
	return authority.Family{}, secret.String{}, refused
}

// rotate is the law of refresh tokens (RFC 9700 section 4.14.2; the repeat is FAPI 2.0's rule for lost answers).
//
// The order of the cases is the law. Whose token it is comes first, so that another client can end nothing (SEC-119). An
// end comes before everything that could go on. The current and the previous token, by generation and hash, are the only
// ones that yield anything; what is left is older, and was stolen or kept too long: the family ends (SEC-109, SEC-111).
func (s *Sessions) rotate(f *authority.Family, presented presentedToken, client authority.Client, origin authority.Origin) (rotation, authority.After, error) {
	now := s.now()
	switch {
	case f.ClientID != client.ID:
		return rotationForeign, authority.After{}, authority.ErrNoChange
	case f.Kind != authority.FamilySession || !f.Ended.IsZero():
		return rotationRefused, authority.After{}, authority.ErrNoChange
	case s.over(f, client, now):
		// Written down, so that a clock that was wrong and is set back brings nothing to life again.
		f.Ended, f.EndReason = now, "expired"
		return rotationRefused, authority.After{}, nil
	case presented.generation == f.Generation && sameHash(presented.hash, f.Current):
		return rotationDone, authority.After{}, s.advance(f, presented, origin, now)
	case presented.generation == f.Generation-1 && sameHash(presented.hash, f.Previous) &&
		now.Sub(f.Rotated) <= client.ReplayLife():
		return rotationRepeated, authority.After{}, authority.ErrNoChange
	case presented.generation >= f.Generation:
		// Ours by its tag, yet ahead of the row: the store was restored from a backup. The session may not go on, but
		// nobody has stolen anything.
		return rotationRefused, authority.After{}, authority.ErrNoChange
	}
	f.Ended, f.EndReason = now, "replay"
	event := s.recorder.Prepare(authority.Event{
		Kind: authority.EventReplay, PersonID: f.PersonID, ClientID: f.ClientID, FamilyID: f.ID, Address: origin.Address,
		Machine: f.Origin.Machine, Detail: "an older refresh token was presented; the session was ended",
	})
	return rotationReplayed, authority.After{Marks: []authority.Mark{authority.NewMark(authority.MarkFamily, f.ID, now)}, Events: []authority.Event{event}}, nil
}

// advance puts the successor in the place of the token that was presented.
func (s *Sessions) advance(f *authority.Family, presented presentedToken, origin authority.Origin, now time.Time) error {
	// The successor moves to the current master key, so that a session that is used outlives the retirement of an old one
	// (SEC-128).
	f.KeyID = s.master.Current()
	next, err := s.derive(*f, f.Generation+1, presented.text)
	if err != nil {
		return err
	}
	// Hashes alone: what is in the row derives nothing (SEC-125).
	f.Previous, f.Current = f.Current, sha256.Sum256([]byte(next))
	f.Generation++
	f.Rotated, f.LastUsed, f.LastAddress = now, now, origin.Address
	return nil
}

// over reports whether the session has ended: by itself, by its idle time, by its absolute life, or by a mark. No timer
// decides: it is computed when somebody asks.
func (s *Sessions) over(f *authority.Family, client authority.Client, now time.Time) bool {
	return !f.Ended.IsZero() ||
		!f.Ends.IsZero() && !now.Before(f.Ends) ||
		// By the client's setting of today: an operator who shortens it reaches the sessions that exist. A check of a token
		// is no use of the session, else a service that introspects would keep it alive (SEC-122).
		f.Kind == authority.FamilySession && client.Idle > 0 && now.Sub(f.LastUsed) > client.Idle ||
		client.Namesake(f.Created, now) ||
		s.markedOver(*f)
}

// sameHash compares in constant time.
func sameHash(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// Of lists what a person holds and can still use, the last used first.
func (s *Sessions) Of(ctx context.Context, personID string) ([]authority.Family, error) {
	return s.store.FamiliesOf(ctx, personID, s.now())
}

// Get returns a family, an ended one too, or ErrUnknown. The row alone: marks and times are not asked.
func (s *Sessions) Get(ctx context.Context, id string) (authority.Family, error) {
	return s.store.Family(ctx, id)
}

// End ends a family for good: its refresh token at once, its access tokens within a second on every replica. Ending an
// ended one changes nothing. actor is who did it, reason a word for the audit. The callers are logout, revocation, the
// pages, the administrator's commands and the replays found here.
func (s *Sessions) End(ctx context.Context, id, actor, reason, address string) error {
	mark := authority.NewMark(authority.MarkFamily, id, s.now())
	var after authority.After
	_, err := s.store.ChangeFamily(ctx, id, func(f *authority.Family) (authority.After, error) {
		after = authority.After{} // this may run again
		if !f.Ended.IsZero() {
			return authority.After{}, authority.ErrNoChange
		}
		f.Ended, f.EndReason = mark.Made, reason
		event := s.recorder.Prepare(authority.Event{
			Kind: authority.EventSessionEnded, PersonID: f.PersonID, Actor: actor, ClientID: f.ClientID, FamilyID: f.ID,
			Address: address, Machine: f.Origin.Machine, Detail: reason,
		})
		after = authority.After{Marks: []authority.Mark{mark}, Events: []authority.Event{event}}
		return after, nil
	})
	if err != nil {
		return err
	}
	s.recorder.Log(after.Events...)
	s.marks.Learn(mark)
	return nil
}

// EndOf ends all that a person holds. The mark comes first: a login that is just being redeemed falls under it.
func (s *Sessions) EndOf(ctx context.Context, personID, actor, reason, address string) error {
	mark := authority.NewMark(authority.MarkPerson, personID, s.now())
	// If the store fails after it, all is over at once, and the rows end one by one when it is called again.
	if err := s.feed.AddMarks(ctx, authority.After{Marks: []authority.Mark{mark}}); err != nil {
		return err
	}
	s.marks.Learn(mark)
	families, err := s.store.FamiliesOf(ctx, personID, s.now())
	if err != nil {
		return err
	}
	for _, family := range families {
		if err := s.End(ctx, family.ID, actor, reason, address); err != nil && !errors.Is(err, authority.ErrUnknown) {
			return err
		}
	}
	return nil
}

// Peek returns the family of a refresh token without using the token; the token may be an old one. Refusals are
// invalid_grant. It judges neither generation nor end: whoever calls it goes on to Rotate, which does.
func (s *Sessions) Peek(ctx context.Context, token secret.String) (authority.Family, error) {
	refused := oauth.Errorf(oauth.InvalidGrant, "the refresh token is wrong, was used before, or its session has ended")
	presented, ours := s.parse(token.Reveal())
	if !ours {
		return authority.Family{}, refused
	}
	family, err := s.store.Family(ctx, presented.familyID)
	if errors.Is(err, authority.ErrUnknown) {
		return authority.Family{}, refused
	}
	return family, err
}
