package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"github.com/doorward/doorward/secret"
)

// Presence keeps people signed in in their browsers. SignIns and People are needed.
type Presence struct {
	SignIns SignIns
	People  People
	Now     func() time.Time // nil: time.Now
	Life    time.Duration    // of a sign-in; 0: 12 hours
}

// Begin signs the person in and returns the value for the browser's cookie, which is kept nowhere else. Methods are
// amr values (RFC 8176); agent is cut to 256 bytes.
func (p *Presence) Begin(
	ctx context.Context, personID string, methods []string, address, agent string,
) (secret.String, SignIn, error) {
	return p.Enter(ctx, SignIn{PersonID: personID, Methods: methods, Address: address, Agent: agent})
}

// Enter is Begin for a sign-in that may have come through a binding. ID, At and Expires are filled in.
func (p *Presence) Enter(ctx context.Context, signIn SignIn) (secret.String, SignIn, error) {
	cookie := NewLink()
	signIn.ID, signIn.At = LinkID(cookie), p.now()
	signIn.Expires = signIn.At.Add(p.life())
	signIn.Agent = strings.ToValidUTF8(signIn.Agent[:min(len(signIn.Agent), 256)], "")
	if err := p.SignIns.AddSignIn(ctx, signIn); err != nil {
		return secret.String{}, SignIn{}, err
	}
	return cookie, signIn, nil
}

// Who returns who is signed in with this cookie. It fails with ErrUnknown where nobody is: no such sign-in, an expired
// or ended one, one from before the last change of the password, or a person who is gone or disabled.
func (p *Presence) Who(ctx context.Context, cookie secret.String) (Person, SignIn, error) {
	if cookie.IsZero() {
		return Person{}, SignIn{}, ErrUnknown
	}
	signIn, err := p.SignIns.SignIn(ctx, LinkID(cookie))
	if err != nil {
		return Person{}, SignIn{}, err
	}
	if !p.now().Before(signIn.Expires) {
		return Person{}, SignIn{}, ErrUnknown
	}
	// The person is read every time: whoever is disabled now is nobody now, whatever cookies are out there.
	person, err := p.People.Person(ctx, signIn.PersonID)
	if err != nil {
		return Person{}, SignIn{}, err
	}
	if person.Disabled || person.PasswordChanged.After(signIn.At) {
		return Person{}, SignIn{}, ErrUnknown
	}
	return person, signIn, nil
}

// Renew gives the sign-in a new cookie and id after the person has proved more (methods replaces what was proved
// before); the old cookie is worth nothing from then on. It fails with ErrUnknown where the sign-in is gone.
func (p *Presence) Renew(ctx context.Context, cookie secret.String, methods []string) (secret.String, SignIn, error) {
	_, signIn, err := p.Who(ctx, cookie)
	if err != nil {
		return secret.String{}, SignIn{}, err
	}
	old, renewed := signIn.ID, NewLink()
	signIn.ID, signIn.Methods, signIn.At = LinkID(renewed), methods, p.now()
	signIn.Expires = signIn.At.Add(p.life())
	if err := p.SignIns.RenewSignIn(ctx, old, signIn); err != nil {
		return secret.String{}, SignIn{}, err
	}
	return renewed, signIn, nil
}

// End signs this one browser out. A cookie that nobody has is no error.
func (p *Presence) End(ctx context.Context, cookie secret.String) error {
	if cookie.IsZero() {
		return nil
	}
	return ignoreUnknown(p.SignIns.RemoveSignIn(ctx, LinkID(cookie)))
}

// EndAll signs the person out of every browser. What their programs hold is authority's, and stays.
func (p *Presence) EndAll(ctx context.Context, personID string) error {
	return ignoreUnknown(p.SignIns.RemoveSignIns(ctx, personID))
}

func (p *Presence) life() time.Duration {
	if p.Life <= 0 {
		return 12 * time.Hour
	}
	return p.Life
}

func (p *Presence) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// NewLink returns 256 random bits in base64url: the value of a sign-in's cookie or of an invitation's link.
func NewLink() secret.String {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return secret.New(base64.RawURLEncoding.EncodeToString(raw[:]))
}

// LinkID is the id under which a sign-in or an invitation with this secret is kept: its hash, so that a stolen store
// signs nobody in. The value has 256 bits of its own and needs no slow hash.
func LinkID(link secret.String) string {
	sum := sha256.Sum256([]byte(link.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
