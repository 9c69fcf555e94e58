package identity

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/doorward/doorward/secret"
)

const (
	totpPeriod  = 30 // seconds of a step; with six digits and SHA-1 it is all that every authenticator app knows
	totpDigits  = 6
	totpTries   = 5
	totpWindow  = 15 * time.Minute
	totpAddress = 1000 // tries of one address within totpWindow: a whole company may share one
	// totpGiven is LastStep of a factor whose secret was given: a step of 1970, so that it counts as confirmed.
	totpGiven = 1
)

// base32Text is how secrets of authenticator apps are written: without padding.
func base32Text() *base32.Encoding { return base32.StdEncoding.WithPadding(base32.NoPadding) }

// TOTP enrols authenticator apps and checks their codes (RFC 6238: SHA-1, six digits, 30 seconds). Factors, Attempts, Seal
// and Open are needed; whoever shares a store shares what was used and counted, whatever replica it is.
//
// A code is good in its own step of 30 seconds and in the one after, for clocks that are late and people who are slow: for up
// to a minute, where RFC 6238 section 5.2 recommends one step and allows this one more. A code of a later step is not. Only
// this service's clock counts; there is nothing by which a client could send its own.
type TOTP struct {
	Factors  Factors
	Attempts Attempts
	// Seal and Open are the master key's. ad is bound to the sealed secret: moved to another factor or person, it does not open.
	Seal func(plaintext, ad []byte) []byte
	Open func(sealed, ad []byte) ([]byte, error)

	People People           // names the account in the app; nil: the person's id does
	Issuer string           // what the app shows beside it; "" : Doorward
	Now    func() time.Time // nil: time.Now
}

// Confirmed reports whether the factor counts: a code of it was used once, or its secret was given by whoever enrolled it.
func (f Factor) Confirmed() bool { return f.LastStep > 0 }

// Enrol adds an authenticator app of the person and returns its otpauth URL, for the QR code; the URL carries the secret.
// name is what the person calls the app; "" : Authenticator app.
//
// An empty seed makes a new secret of 160 bits. That factor is asked for from its first right code (Check) on, so that who
// leaves the page before the app has it is not locked out; enrolling again replaces one that never got there. A seed is the
// secret in base32, for seeds and imports, and counts at once. It fails with a *FieldError for a name that cannot be shown and
// a seed that is not base32 or shorter than 80 bits, and with ErrUnknown where there is no such person.
func (t *TOTP) Enrol(ctx context.Context, personID, name string, seed secret.String) (Factor, secret.String, error) {
	if name == "" {
		name = "Authenticator app"
	}
	if !showable(name, 100) {
		return Factor{}, secret.String{}, &FieldError{"name", "Enter a name of up to 100 characters."}
	}
	factor := Factor{
		ID: "factor_" + strings.ToLower(rand.Text()), PersonID: personID, Kind: FactorTOTP, Name: name, Created: t.now(),
	}
	raw := make([]byte, sha1.Size)
	_, _ = rand.Read(raw) // crypto/rand.Read never fails
	if !seed.IsZero() {
		var err error
		if raw, err = parseSeed(seed); err != nil {
			return Factor{}, secret.String{}, err
		}
		factor.LastStep = totpGiven
	}
	account, err := t.account(ctx, personID)
	if err != nil {
		return Factor{}, secret.String{}, err
	}
	if err := t.forgetUnconfirmed(ctx, personID); err != nil {
		return Factor{}, secret.String{}, err
	}
	factor.Secret = t.Seal(raw, factorAD(factor))
	return factor, t.url(account, raw), t.Factors.AddFactor(ctx, factor)
}

// Check uses up a code of one of the person's authenticator apps; spaces in it do not matter.
//
// It fails with ErrWrong for a wrong code, one that was used before and a person without an app alike; with ErrLocked after
// five wrong ones within 15 minutes, be the code right or wrong and the sign-in a new one, or where the address has used up
// its tries; otherwise with the store's error. A try is counted in the store before the code is looked at, and a code is
// used up by comparing and swapping its step in the store, so that neither guesses nor replays made at the same moment, on
// whatever replica, pass.
func (t *TOTP) Check(ctx context.Context, personID string, code secret.String, address string) error {
	return t.Counted(ctx, personID, address, func() error {
		factor, step, err := t.match(ctx, personID, strings.ReplaceAll(code.Reveal(), " ", ""))
		if err != nil {
			return err
		}
		_, err = t.Factors.ChangeFactor(ctx, factor.ID, func(f *Factor) error {
			if step <= f.LastStep {
				return ErrWrong
			}
			f.LastStep = step
			return nil
		})
		if errors.Is(err, ErrUnknown) {
			return ErrWrong // it was removed a moment ago
		}
		return err
	})
}

// Counted runs check as one try at the person's second factor, of whatever kind: it is counted before check runs, refused
// with ErrLocked beyond the limits that Check names, and the count is cleared where check answers nil.
func (t *TOTP) Counted(ctx context.Context, personID, address string, check func() error) error {
	if err := t.count(ctx, personID, address); err != nil {
		return err
	}
	if err := check(); err != nil {
		return err
	}
	return t.Attempts.ClearAttempts(ctx, totpKey(personID))
}

// Has reports whether the person is to be asked for a code. Where the store cannot say, it is true: Check then answers with
// the store's error, and nobody gets in with less because of a fault.
func (t *TOTP) Has(ctx context.Context, personID string) bool {
	factors, err := t.Factors.Factors(ctx, personID)
	for _, factor := range factors {
		if factor.Kind == FactorTOTP && factor.Confirmed() {
			return true
		}
	}
	return err != nil
}

// Unlock forgets the wrong codes of a person, for an administrator.
func (t *TOTP) Unlock(ctx context.Context, personID string) error {
	return t.Attempts.ClearAttempts(ctx, totpKey(personID))
}

// match finds the factor and the step that a code is of. The first factor that has the code decides: where one secret was
// enrolled twice, its codes still count once.
func (t *TOTP) match(ctx context.Context, personID, code string) (Factor, int64, error) {
	factors, err := t.Factors.Factors(ctx, personID)
	if err != nil {
		return Factor{}, 0, err
	}
	now := t.now().Unix() / totpPeriod
	for _, factor := range factors {
		if factor.Kind != FactorTOTP {
			continue
		}
		raw, err := t.Open(factor.Secret, factorAD(factor))
		if err != nil {
			return Factor{}, 0, fmt.Errorf("identity: the secret of %s cannot be opened: %w", factor.ID, err)
		}
		for _, step := range [...]int64{now, now - 1} {
			if subtle.ConstantTimeCompare([]byte(code), []byte(totpCode(raw, step))) == 1 {
				return factor, step, nil
			}
		}
	}
	return Factor{}, 0, ErrWrong
}

// count adds one try to the address and to the person: all apps of a person have one count, since a guess is tried on
// each. A right password does not clear it, so that new sign-ins bring no new tries.
func (t *TOTP) count(ctx context.Context, personID, address string) error {
	for _, limit := range [...]struct {
		key     string
		allowed int
	}{
		{attemptKey("totp-address", network(address)), totpAddress},
		{totpKey(personID), totpTries},
	} {
		tries, err := t.Attempts.CountAttempt(ctx, limit.key, t.now(), totpWindow)
		if err != nil {
			return err
		}
		if tries > limit.allowed {
			return ErrLocked
		}
	}
	return nil
}

// forgetUnconfirmed removes what an earlier visit to the page left behind.
func (t *TOTP) forgetUnconfirmed(ctx context.Context, personID string) error {
	factors, err := t.Factors.Factors(ctx, personID)
	if err != nil {
		return err
	}
	for _, factor := range factors {
		if factor.Kind != FactorTOTP || factor.Confirmed() {
			continue
		}
		if err := ignoreUnknown(t.Factors.RemoveFactor(ctx, factor.ID)); err != nil {
			return err
		}
	}
	return nil
}

func (t *TOTP) account(ctx context.Context, personID string) (string, error) {
	if t.People == nil {
		return personID, nil
	}
	person, err := t.People.Person(ctx, personID)
	return cmp.Or(person.Username, person.Email, person.ID), err
}

// url is the key URI that authenticator apps read from a QR code. They show a plus sign as one, so spaces are %20.
func (t *TOTP) url(account string, raw []byte) secret.String {
	issuer := strings.ReplaceAll(t.Issuer, ":", "") // a colon is what ends it in the label
	if issuer == "" {
		issuer = "Doorward"
	}
	query := url.Values{
		"secret": {base32Text().EncodeToString(raw)}, "issuer": {issuer}, "algorithm": {"SHA1"},
		"digits": {fmt.Sprint(totpDigits)}, "period": {fmt.Sprint(totpPeriod)},
	}
	return secret.New("otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(account) + "?" +
		strings.ReplaceAll(query.Encode(), "+", "%20"))
}

func (t *TOTP) now() time.Time {
	if t.Now == nil {
		return time.Now()
	}
	return t.Now()
}

// parseSeed reads base32 as people copy it: in either case, in groups, with or without padding.
func parseSeed(seed secret.String) ([]byte, error) {
	text := strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(seed.Reveal()))
	raw, err := base32Text().DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(raw) < 10 {
		return nil, &FieldError{"secret", "Enter the app's secret in base32, of at least 16 characters."}
	}
	return raw, nil
}

// totpCode is the code of a step (RFC 4226 section 5.3, with the step as its counter: RFC 6238 section 4.2). The collisions
// that SHA-1 is known for are no attack on an HMAC.
func totpCode(raw []byte, step int64) string {
	mac := hmac.New(sha1.New, raw)
	_ = binary.Write(mac, binary.BigEndian, step) // a hash takes what it is given
	sum := mac.Sum(nil)
	offset := sum[len(sum)-1] & 0xf
	number := binary.BigEndian.Uint32(sum[offset:]) & 0x7fff_ffff
	return fmt.Sprintf("%0*d", totpDigits, number%1_000_000)
}

// factorAD binds a sealed secret to its factor and person.
func factorAD(f Factor) []byte { return []byte("totp\x00" + f.PersonID + "\x00" + f.ID) }

func totpKey(personID string) string { return attemptKey("totp", personID) }
