package admin

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/oauth"
)

// person finds somebody by user name, e-mail address or id: the audit shows ids.
func (o *Office) person(ctx context.Context, ref string) (identity.Person, error) {
	person, err := o.People.PersonByName(ctx, identity.Canonical(ref))
	if errors.Is(err, identity.ErrUnknown) {
		person, err = o.People.Person(ctx, ref)
	}
	return person, missing(err, "person", ref)
}

// optional is person, or nobody where nobody is named.
func (o *Office) optional(ctx context.Context, ref string) (identity.Person, error) {
	if ref == "" {
		return identity.Person{}, nil
	}
	return o.person(ctx, ref)
}

// everybody does something for each person, page by page.
func (o *Office) everybody(ctx context.Context, do func(identity.Person) error) error {
	for after := ""; ; {
		people, err := o.People.ListPeople(ctx, after, pageSize)
		if err != nil {
			return err
		}
		for _, person := range people {
			if err := do(person); err != nil {
				return err
			}
		}
		if len(people) < pageSize {
			return nil
		}
		after = identity.Canonical(people[len(people)-1].Username)
	}
}

// pick finds what has the id, else the only one that is called so.
func pick[T any](kind, ref string, all []T, id func(T) string, names func(T) []string) (found T, err error) {
	var called []T
	for _, one := range all {
		if id(one) == ref {
			return one, nil
		}
		if slices.Contains(names(one), ref) {
			called = append(called, one)
		}
	}
	switch len(called) {
	case 0:
		return found, no(http.StatusNotFound, "unknown", fmt.Sprintf("There is no %s %s.", kind, quoted(ref)))
	case 1:
		return called[0], nil
	}
	return found, no(http.StatusConflict, "ambiguous", fmt.Sprintf("%d of them are called %s: give the id.", len(called), quoted(ref)))
}

// missing says what there is none of.
func missing(err error, kind, ref string) error {
	if errors.Is(err, identity.ErrUnknown) || errors.Is(err, authority.ErrUnknown) {
		return no(http.StatusNotFound, "unknown", fmt.Sprintf("There is no %s %s.", kind, quoted(ref)))
	}
	return err
}

// taken says what is in use.
func taken(err error, message string) error {
	if errors.Is(err, identity.ErrTaken) || errors.Is(err, authority.ErrTaken) {
		return no(http.StatusConflict, "taken", message)
	}
	return err
}

// wrong refuses what was asked for.
func wrong(format string, args ...any) error {
	return no(http.StatusUnprocessableEntity, "invalid", fmt.Sprintf(format, args...))
}

// no is a refusal.
func no(status int, code, message string) *desk.Refusal {
	return &desk.Refusal{Status: status, Code: code, Message: message}
}

// partly says what was done before something failed; nil where nothing did.
func partly(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	why := refuse(err)
	return &desk.Refusal{Status: why.Status, Code: desk.Partly, Message: fmt.Sprintf(format, args...) + " What failed: " + why.Message}
}

// quoted is what somebody typed, fit to be shown.
func quoted(text string) string {
	return "“" + oauth.Inert(text[:min(len(text), 100)]) + "”"
}

// newID is a new random id: prefix and 16 letters and digits, as a person's.
func newID(prefix string) string {
	var raw [10]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	return prefix + strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
}

// newUUID is a random UUID (RFC 9562 section 5.4).
func newUUID() string {
	var raw [16]byte
	_, _ = rand.Read(raw[:]) // crypto/rand.Read never fails
	raw[6], raw[8] = raw[6]&0x0f|0x40, raw[8]&0x3f|0x80
	text := hex.EncodeToString(raw[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}

// uuid is a new one, or the one that was asked for: whoever moves here keeps the ids that clients and providers know.
func uuid(asked string) (string, error) {
	if asked == "" {
		return newUUID(), nil
	}
	ok := len(asked) == 36
	for i := 0; ok && i < len(asked); i++ {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash {
			ok = asked[i] == '-'
		} else {
			ok = strings.IndexByte("0123456789abcdef", asked[i]) >= 0
		}
	}
	if !ok {
		return "", wrong("The id must be a UUID in lower case, such as %s.", newUUID())
	}
	return asked, nil
}
