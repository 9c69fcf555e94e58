package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/doorward/doorward/secret"
)

// FieldError refuses what somebody entered into one field of a form.
type FieldError struct {
	Field  string // name, username, email or password
	Reason string // a sentence for people; it never repeats a password
}

// Error says the reason.
func (e *FieldError) Error() string { return "identity: " + e.Reason }

// Is makes a refused password an ErrWeak.
func (e *FieldError) Is(target error) bool { return target == ErrWeak && e.Field == "password" }

// NewPersonID returns a new random id, usr_ and 16 letters and digits.
func NewPersonID() string {
	var raw [10]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return "usr_" + strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
}

// CheckPerson refuses a name, user name or e-mail address that cannot be kept or shown, with a *FieldError. A user name
// has no @, so that it is never somebody else's e-mail address.
func CheckPerson(person Person) error {
	switch {
	case !showable(person.Name, 100):
		return &FieldError{"name", "Enter a name of up to 100 characters."}
	case !showable(person.Username, 64) || strings.ContainsFunc(person.Username, unicode.IsSpace):
		return &FieldError{"username", "Choose a username of up to 64 characters, without spaces."}
	case strings.Contains(person.Username, "@"):
		return &FieldError{"username", "Choose a username without an @ sign; the e-mail address has a field of its own."}
	case !mailbox(person.Email):
		return &FieldError{"email", "Enter an e-mail address such as name@example.com."}
	}
	return nil
}

// showable reports whether text has 1 to limit characters, all of them printable.
func showable(text string, limit int) bool {
	count := utf8.RuneCountInString(text)
	return count >= 1 && count <= limit && strings.TrimSpace(text) == text && utf8.ValidString(text) &&
		!strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// mailbox reports whether text is a plain e-mail address, without a display name or comments.
func mailbox(text string) bool {
	if !showable(text, 254) || strings.ContainsFunc(text, unicode.IsSpace) {
		return false
	}
	address, err := mail.ParseAddress(text)
	return err == nil && address.Name == "" && address.Address == text
}

// NewInvitation returns a one-use link's secret and the invitation to be kept, for the first administrator.
func NewInvitation(now time.Time, life time.Duration) (secret.String, Invitation) {
	link := NewLink()
	return link, Invitation{ID: LinkID(link), Administrator: true, Created: now, Expires: now.Add(life)}
}

// Welcome makes a person of an invitation. Invitations and Hasher are needed.
type Welcome struct {
	Invitations Invitations
	Hasher      *Hasher
	Now         func() time.Time // nil: time.Now
}

// Find returns the invitation of a link. It fails with ErrUnknown for unknown, used and expired ones.
func (w *Welcome) Find(ctx context.Context, link secret.String) (Invitation, error) {
	invitation, err := w.Invitations.Invitation(ctx, LinkID(link))
	if err != nil {
		return Invitation{}, err
	}
	if !w.now().Before(invitation.Expires) {
		return Invitation{}, ErrUnknown
	}
	return invitation, nil
}

// Accept makes the person, who may sign in from then on; the link is used up. Of person only Name, Username and Email
// are read. It fails with ErrUnknown, a *FieldError, ErrTaken or ErrBusy, and the link then stays as it was.
func (w *Welcome) Accept(ctx context.Context, link secret.String, person Person, password secret.String) (Person, error) {
	invitation, err := w.Find(ctx, link) // before the hash: strangers with no link cost no work
	if err != nil {
		return Person{}, err
	}
	made := Person{ // field by field: a form says nothing about rights (SEC-213)
		ID: NewPersonID(), Name: strings.TrimSpace(person.Name), Username: strings.TrimSpace(person.Username),
		Email: strings.TrimSpace(person.Email), Administrator: invitation.Administrator,
		Created: w.now(), PasswordChanged: w.now(),
	}
	if err := errors.Join(CheckPerson(made), CheckNew(password, made)); err != nil {
		return Person{}, err
	}
	if made.Password, err = w.Hasher.Hash(ctx, password); err != nil {
		return Person{}, err
	}
	return made, w.Invitations.AcceptInvitation(ctx, invitation.ID, made)
}

func (w *Welcome) now() time.Time {
	if w.Now == nil {
		return time.Now()
	}
	return w.Now()
}

// ignoreUnknown is nil where what was to go is gone.
func ignoreUnknown(err error) error {
	if errors.Is(err, ErrUnknown) {
		return nil
	}
	return err
}
