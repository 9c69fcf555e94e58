package login

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Sessions keeps the families: one row for what one machine holds, from login to logout.
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

// begin makes a family that nobody has stored yet.
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
	if !family.Ended.IsZero() || family.Generation > 0 || s.markedOver(family) {
		return secret.String{}, oauth.Errorf(oauth.InvalidGrant, "the code was used before")
	}
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

// derive makes the secret of a generation from the one presented before it. The tag behind it lets anybody with the
// master key see, without a look-up, that a secret is of ours: a family cannot be ended by somebody who only knows its id.
func (s *Sessions) derive(family authority.Family, generation int64, presented string) (string, error) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(generation))
	body, err := s.master.Derive(family.KeyID, "refresh token", family.Salt, number[:], []byte(presented))
	if err != nil {
		return "", err
	}
	tag, err := s.tag(family.KeyID, family.ID, generation, body[:])
	return base64.RawURLEncoding.EncodeToString(append(body[:], tag...)), err
}

const tagSize = 13 // 32 + 13 bytes make 60 characters of base64url, without spare bits

func (s *Sessions) tag(keyID, familyID string, generation int64, body []byte) ([]byte, error) {
	var number [8]byte
	binary.BigEndian.PutUint64(number[:], uint64(generation))
	tag, err := s.master.Derive(keyID, "refresh token tag", []byte(familyID), number[:], body)
	return tag[:tagSize], err
}

func refreshText(familyID string, generation int64, text string) secret.String {
	return secret.New(familyID + "." + strconv.FormatInt(generation, 10) + "." + text)
}

// presentedToken is a refresh token taken apart.
type presentedToken struct {
	familyID   string
	generation int64
	text       string // the third part
	hash       [32]byte
}

// parse takes a refresh token apart; false for one that we did not make. It costs no look-up.
func (s *Sessions) parse(token string) (presentedToken, bool) {
	id, rest, ok := strings.Cut(token, ".")
	if _, isID := authority.IDTime(id); !ok || !isID {
		return presentedToken{}, false
	}
	number, text, _ := strings.Cut(rest, ".")
	generation, err := strconv.ParseInt(number, 10, 64)
	raw, rawErr := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || generation < 0 || strconv.FormatInt(generation, 10) != number || rawErr != nil || len(text) != 60 || len(raw) != 32+tagSize {
		return presentedToken{}, false
	}
	for _, keyID := range s.master.IDs() {
		tag, err := s.tag(keyID, id, generation, raw[:32])
		if err == nil && subtle.ConstantTimeCompare(tag, raw[32:]) == 1 {
			return presentedToken{id, generation, text, sha256.Sum256([]byte(text))}, true
		}
	}
	return presentedToken{}, false
}

// FamilyOf returns the family of a refresh token of ours, of whatever generation, without a look-up.
func (s *Sessions) FamilyOf(token string) (id string, ok bool) {
	presented, ok := s.parse(token)
	return presented.familyID, ok
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
	family, err := s.store.ChangeFamily(ctx, presented.familyID, func(f *authority.Family) (authority.After, error) {
		var after authority.After
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
	case rotationDone, rotationRepeated:
		next, err := s.derive(family, family.Generation, presented.text)
		return family, refreshText(family.ID, family.Generation, next), err
	case rotationReplayed:
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
	f.KeyID = s.master.Current()
	next, err := s.derive(*f, f.Generation+1, presented.text)
	if err != nil {
		return err
	}
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
		f.Kind == authority.FamilySession && client.Idle > 0 && now.Sub(f.LastUsed) > client.Idle ||
		s.markedOver(*f)
}

// sameHash compares in constant time.
func sameHash(a, b [32]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// Of lists what a person holds and can still use, the last used first.
func (s *Sessions) Of(ctx context.Context, personID string) ([]authority.Family, error) {
	return s.store.FamiliesOf(ctx, personID, s.now())
}

// Get returns a family, an ended one too, or ErrUnknown.
func (s *Sessions) Get(ctx context.Context, id string) (authority.Family, error) {
	return s.store.Family(ctx, id)
}

// End ends a family for good: its refresh token at once, its access tokens within a second on every replica. Ending an
// ended one changes nothing. actor is who did it, reason a word for the audit.
func (s *Sessions) End(ctx context.Context, id, actor, reason, address string) error {
	mark := authority.NewMark(authority.MarkFamily, id, s.now())
	_, err := s.store.ChangeFamily(ctx, id, func(f *authority.Family) (authority.After, error) {
		if !f.Ended.IsZero() {
			return authority.After{}, authority.ErrNoChange
		}
		f.Ended, f.EndReason = mark.Made, reason
		event := s.recorder.Prepare(authority.Event{
			Kind: authority.EventSessionEnded, PersonID: f.PersonID, Actor: actor, ClientID: f.ClientID, FamilyID: f.ID,
			Address: address, Machine: f.Origin.Machine, Detail: reason,
		})
		return authority.After{Marks: []authority.Mark{mark}, Events: []authority.Event{event}}, nil
	})
	if err != nil {
		return err
	}
	s.marks.Learn(mark)
	return nil
}

// EndOf ends all that a person holds. The mark comes first: a login that is just being redeemed falls under it.
func (s *Sessions) EndOf(ctx context.Context, personID, actor, reason, address string) error {
	mark := authority.NewMark(authority.MarkPerson, personID, s.now())
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
// invalid_grant.
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

func newSalt() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // crypto/rand.Read never fails
	return salt
}
