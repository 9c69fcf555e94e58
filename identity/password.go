package identity

import (
	"cmp"
	"context"

	"github.com/doorward/doorward/secret"
)

// ChangePassword gives the person a new password; nothing else about them changes (SEC-213). Every browser in which they are
// signed in has to sign in again, since a sign-in from before the change is none (Presence.Who).
//
// It fails with a *FieldError for a new password that is refused by CheckNew or is the old one; then as Password does for
// the old one, with the tries counted together with those of the sign-in page (SEC-163); with ErrWrong for a person without
// a password, and where it was changed elsewhere in the meantime. address is where the person is.
func (d *Doorkeeper) ChangePassword(ctx context.Context, personID string, old, chosen secret.String, address string) error {
	person, err := d.People.Person(ctx, personID)
	if err != nil {
		return err
	}
	// Before the old one: what is refused here uses up no try, and says nothing about whether the old one was right.
	if err := CheckNew(chosen, person); err != nil {
		return err
	}
	if chosen.Equal(old) {
		return &FieldError{"password", "That is the password that you entered as the old one. Choose another one."}
	}
	checked, err := d.Password(ctx, cmp.Or(person.Username, person.Email), old, address)
	if err != nil {
		return err
	}
	if checked.ID != personID {
		return ErrWrong // names were changed at this very moment, and this is somebody else's now
	}
	hashed, err := d.Hasher.Hash(ctx, chosen)
	if err != nil {
		return err
	}
	// The time is that of the saving and not of the question, so that what was signed in while the hash was made is over too.
	now := d.now()
	_, err = d.People.ChangePerson(ctx, personID, func(p *Person) error {
		if p.Password != checked.Password || p.Disabled {
			return ErrWrong
		}
		p.Password, p.PasswordChanged = hashed, now
		return nil
	})
	return err
}
