package identity

import (
	"cmp"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/doorward/doorward/secret"
)

// apps keeps second factors for tests, each call one transaction; down is what a store that is down answers.
type apps struct {
	mu   sync.Mutex
	rows map[string]Factor
	down error
}

func (a *apps) AddFactor(_ context.Context, factor Factor) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rows[factor.ID] = factor
	return a.down
}

func (a *apps) Factors(_ context.Context, personID string) ([]Factor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var factors []Factor
	for _, factor := range a.rows {
		if factor.PersonID == personID && a.down == nil {
			factors = append(factors, factor)
		}
	}
	slices.SortFunc(factors, func(a, b Factor) int { return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.ID, b.ID)) })
	return factors, a.down
}

func (a *apps) ChangeFactor(_ context.Context, id string, change func(*Factor) error) (Factor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	factor, found := a.rows[id]
	if !found {
		return Factor{}, ErrUnknown
	}
	if err := change(&factor); err != nil {
		return Factor{}, err
	}
	a.rows[id] = factor
	return factor, nil
}

func (a *apps) RemoveFactor(_ context.Context, id string) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, found := a.rows[id]; !found {
		return ErrUnknown
	}
	delete(a.rows, id)
	return nil
}

// seedText is a secret as an app shows it; seedKey is what it means.
const seedText = "gezd gnbv-gy3t qojq gezd gnbv gy3t qojq"

var seedKey = []byte("12345678901234567890")

// phone is a service over a store at a time that the test moves.
func phone(t *testing.T, m *memory, now *time.Time) (*TOTP, *apps) {
	t.Helper()
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		t.Fatal(err)
	}
	a := &apps{rows: map[string]Factor{}}
	return &TOTP{
		Factors: a, Attempts: m, People: m, Now: func() time.Time { return *now },
		Seal: func(plaintext, ad []byte) []byte { return seal.Seal(nil, nil, plaintext, ad) },
		Open: func(sealed, ad []byte) ([]byte, error) { return seal.Open(nil, nil, sealed, ad) },
	}, a
}

// enrolled is a phone of ada's, whose secret is seedText.
func enrolled(t *testing.T, now *time.Time) (*TOTP, *apps, *memory) {
	t.Helper()
	m := newMemory(ada(quick()))
	totp, a := phone(t, m, now)
	if _, _, err := totp.Enrol(t.Context(), "usr_ada", "", secret.New(seedText)); err != nil {
		t.Fatal(err)
	}
	return totp, a, m
}

// codeAt is what the phone shows at a time.
func codeAt(at time.Time) secret.String { return secret.New(totpCode(seedKey, at.Unix()/30)) }

// wrongAt is six digits that the phone shows at none of the times around at.
func wrongAt(at time.Time) secret.String {
	for n := byte('0'); ; n++ {
		guess := secret.New(strings.Repeat(string(n), 6))
		if !slices.Contains([]secret.String{codeAt(at), codeAt(at.Add(-30 * time.Second))}, guess) {
			return guess
		}
	}
}

// check fails the test where Check answers anything but want.
func check(t *testing.T, totp *TOTP, code secret.String, want error) {
	t.Helper()
	if err := totp.Check(t.Context(), "usr_ada", code, "192.0.2.1"); !errors.Is(err, want) {
		t.Fatalf("Check answered %v and not %v", err, want)
	}
}

// The vectors of RFC 6238 appendix B, cut to six digits.
func TestCodesOfRFC6238(t *testing.T) {
	t.Parallel()
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := totpCode(seedKey, at/30); got != want {
			t.Errorf("at %d the code is %s and not %s", at, got, want)
		}
	}
}

func TestEachCodeOnce_SEC169(t *testing.T) {
	t.Parallel()
	now := noon
	totp, a, m := enrolled(t, &now)
	replica, _ := phone(t, m, &now)
	replica.Factors = a
	check(t, totp, codeAt(now), nil)
	t.Run("SEC-169 the same code again", func(t *testing.T) { check(t, totp, codeAt(now), ErrWrong) })
	t.Run("SEC-169 the same code at another replica", func(t *testing.T) { check(t, replica, codeAt(now), ErrWrong) })
	t.Run("SEC-169 the code before it", func(t *testing.T) { check(t, replica, codeAt(now.Add(-30*time.Second)), ErrWrong) })
	now = now.Add(30 * time.Second)
	t.Run("SEC-169 the same code in the step after", func(t *testing.T) { check(t, replica, codeAt(noon), ErrWrong) })
	t.Run("the next code is good", func(t *testing.T) { check(t, replica, codeAt(now), nil) })
	t.Run("SEC-169 one secret enrolled twice", func(t *testing.T) {
		if _, _, err := totp.Enrol(t.Context(), "usr_ada", "again", secret.New(seedText)); err != nil {
			t.Fatal(err)
		}
		check(t, totp, codeAt(now), ErrWrong)
	})
}

func TestParallelCodes_SEC170(t *testing.T) {
	t.Parallel()
	now := noon
	one, a, m := enrolled(t, &now)
	two, _ := phone(t, m, &now)
	two.Factors = a
	answers := make([]error, 50)
	var all sync.WaitGroup
	begin := make(chan struct{})
	for n := range answers {
		all.Go(func() {
			<-begin
			answers[n] = []*TOTP{one, two}[n%2].Check(t.Context(), "usr_ada", codeAt(noon), "192.0.2.1")
		})
	}
	close(begin)
	all.Wait()
	good := 0
	for _, err := range answers {
		switch {
		case err == nil:
			good++
		case !errors.Is(err, ErrWrong) && !errors.Is(err, ErrLocked):
			t.Fatal(err)
		}
	}
	if good != 1 {
		t.Fatalf("the code was good %d times", good)
	}
}

func TestLockedFactor_SEC171(t *testing.T) {
	t.Parallel()
	now := noon
	h := quick()
	totp, a, m := enrolled(t, &now)
	for range totpTries {
		check(t, totp, wrongAt(now), ErrWrong)
	}
	check(t, totp, codeAt(now), ErrLocked)
	t.Run("SEC-171 a new sign-in brings no new tries", func(t *testing.T) {
		replica, _ := phone(t, m, &now)
		replica.Factors = a
		for range 3 {
			person, err := door(m, h, &now).Password(t.Context(), "ada", secret.New("lovelace-1815-engine"), "192.0.2.1")
			if err != nil {
				t.Fatal(err)
			}
			presence := &Presence{SignIns: m, People: m, Now: func() time.Time { return now }}
			if _, _, err := presence.Begin(t.Context(), person.ID, []string{"pwd"}, "192.0.2.1", ""); err != nil {
				t.Fatal(err)
			}
			check(t, replica, codeAt(now), ErrLocked)
		}
	})
	t.Run("SEC-171 nor does another address or another app", func(t *testing.T) {
		if _, _, err := totp.Enrol(t.Context(), "usr_ada", "other", secret.New(seedText)); err != nil {
			t.Fatal(err)
		}
		if err := totp.Check(t.Context(), "usr_ada", codeAt(now), "2001:db8::1"); !errors.Is(err, ErrLocked) {
			t.Fatal(err)
		}
	})
	t.Run("nobody else is locked", func(t *testing.T) {
		if err := totp.Check(t.Context(), "usr_bob", codeAt(now), "192.0.2.1"); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	})
	now = noon.Add(totpWindow)
	check(t, totp, codeAt(now), ErrLocked)
	now = noon.Add(totpWindow + time.Second)
	check(t, totp, codeAt(now), nil)
	t.Run("a right code clears the count", func(t *testing.T) {
		for range totpTries {
			check(t, totp, wrongAt(now), ErrWrong)
		}
	})
	if err := totp.Unlock(t.Context(), "usr_ada"); err != nil {
		t.Fatal(err)
	}
	check(t, totp, wrongAt(now), ErrWrong)
}

// An address that tries the codes of many people is stopped, too.
func TestLockedAddress(t *testing.T) {
	t.Parallel()
	now := noon
	totp, _, _ := enrolled(t, &now)
	for n := range totpAddress {
		if err := totp.Check(t.Context(), "usr_"+time.Duration(n).String(), wrongAt(now), "2001:db8::1"); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
	}
	if err := totp.Check(t.Context(), "usr_ada", codeAt(now), "2001:db8::2"); !errors.Is(err, ErrLocked) {
		t.Fatal(err)
	}
	check(t, totp, codeAt(now), nil)
}

// As TOTP documents: a code is good in its own step and in the one after, whenever in its step it was read.
func TestStepsBack_SEC172(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		read, after time.Duration
		want        error
	}{
		"SEC-172 T+31 s":                           {0, 31 * time.Second, nil},
		"SEC-172 T+61 s":                           {0, 61 * time.Second, ErrWrong},
		"SEC-172 at once":                          {0, 0, nil},
		"SEC-172 the last moment":                  {0, 59*time.Second + 999*time.Millisecond, nil},
		"SEC-172 one step back only":               {0, 60 * time.Second, ErrWrong},
		"SEC-172 T+31 s, read in the middle":       {15 * time.Second, 31 * time.Second, nil},
		"SEC-172 T+61 s, read in the middle":       {15 * time.Second, 61 * time.Second, ErrWrong},
		"SEC-172 T+31 s, read at the very end":     {29 * time.Second, 31 * time.Second, ErrWrong},
		"SEC-172 a code of the next step is none":  {30 * time.Second, -time.Second, ErrWrong},
		"SEC-172 a code of a later step is none":   {300 * time.Second, -300 * time.Second, ErrWrong},
		"SEC-172 a code of an hour before is none": {0, time.Hour, ErrWrong},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			read := noon.Add(test.read)
			now := read.Add(test.after)
			totp, _, _ := enrolled(t, &now)
			check(t, totp, codeAt(read), test.want)
		})
	}
}

// What a client believes to be the time changes nothing, in either direction; its code is good when our clock says so.
func TestClientTime_SEC181(t *testing.T) {
	t.Parallel()
	now := noon
	totp, _, _ := enrolled(t, &now)
	for _, off := range []time.Duration{5 * time.Minute, -5 * time.Minute, 24 * time.Hour} {
		check(t, totp, codeAt(noon.Add(off)), ErrWrong)
	}
	now = noon.Add(5 * time.Minute)
	check(t, totp, codeAt(noon.Add(5*time.Minute)), nil)
}

// Who left the page before the app had the secret is not locked out; who used a code once is asked from then on.
func TestEnrolment(t *testing.T) {
	t.Parallel()
	now, ctx := noon, t.Context()
	m := newMemory(ada(quick()))
	totp, a := phone(t, m, &now)
	totp.Issuer = "Example & Co: SSO"
	left, first, err := totp.Enrol(ctx, "usr_ada", "left", secret.String{})
	if err != nil || left.Confirmed() || totp.Has(ctx, "usr_ada") {
		t.Fatalf("%v, %v", left, err)
	}
	now = now.Add(time.Minute)
	factor, link, err := totp.Enrol(ctx, "usr_ada", "My phone", secret.String{})
	if err != nil || len(a.rows) != 1 || a.rows[factor.ID].Name != "My phone" || link == first {
		t.Fatalf("%v, %v", a.rows, err)
	}
	raw := secretOf(t, link)
	if strings.Contains(string(factor.Secret), string(raw)) {
		t.Fatal("the secret is kept as it is")
	}
	check(t, totp, secret.New(totpCode(secretOf(t, first), now.Unix()/30)), ErrWrong)
	code := totpCode(raw, now.Unix()/30)
	check(t, totp, secret.New(" "+code[:3]+" "+code[3:]), nil)
	if !totp.Has(ctx, "usr_ada") || !a.rows[factor.ID].Confirmed() || totp.Has(ctx, "usr_bob") {
		t.Fatal("a confirmed app is not asked for")
	}
	if _, _, err := totp.Enrol(ctx, "usr_ada", "second", secret.New(seedText)); err != nil || len(a.rows) != 2 {
		t.Fatalf("a confirmed app was replaced: %v", err)
	}
	now = now.Add(time.Minute)
	check(t, totp, codeAt(now), nil)
	if err := a.RemoveFactor(ctx, factor.ID); err != nil {
		t.Fatal(err)
	}
	check(t, totp, secret.New(totpCode(raw, now.Unix()/30)), ErrWrong)
}

// secretOf reads what an app would read from the QR code.
func secretOf(t *testing.T, link secret.String) []byte {
	t.Helper()
	read, err := url.Parse(link.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	query := read.Query()
	if read.Scheme != "otpauth" || read.Host != "totp" || read.Path != "/Example & Co SSO:ada" || strings.Contains(link.Reveal(), "+") ||
		query.Get("issuer") != "Example & Co SSO" || query.Get("algorithm") != "SHA1" || query.Get("digits") != "6" ||
		query.Get("period") != "30" {
		t.Fatal(link.Reveal())
	}
	raw, err := base32.StdEncoding.DecodeString(query.Get("secret"))
	if err != nil || len(raw) != 20 {
		t.Fatalf("%x, %v", raw, err)
	}
	return raw
}

// A seed counts at once; one that is none, and a name that cannot be shown, are refused and leave nothing.
func TestEnrolmentRefusals(t *testing.T) {
	t.Parallel()
	now := noon
	totp, a, _ := enrolled(t, &now)
	if !totp.Has(t.Context(), "usr_ada") {
		t.Fatal("a seed does not count")
	}
	for _, test := range []struct{ name, seed, field string }{
		{"", "not base32!", "secret"},
		{"", "GEZDGNBV", "secret"},
		{"", "=", "secret"},
		{"\x00", "", "name"},
		{strings.Repeat("x", 101), "", "name"},
	} {
		var refused *FieldError
		_, link, err := totp.Enrol(t.Context(), "usr_ada", test.name, secret.New(test.seed))
		if !errors.As(err, &refused) || refused.Field != test.field || !link.IsZero() {
			t.Errorf("%q: %v", test, err)
		}
	}
	if _, _, err := totp.Enrol(t.Context(), "usr_nobody", "", secret.String{}); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	if len(a.rows) != 1 {
		t.Errorf("%d factors are left", len(a.rows))
	}
}

// A sealed secret that somebody moved in the store, to another person say, is no secret of theirs.
func TestMovedSecret(t *testing.T) {
	t.Parallel()
	now := noon
	totp, a, _ := enrolled(t, &now)
	for id, factor := range a.rows {
		factor.PersonID = "usr_eve"
		a.rows[id] = factor
	}
	err := totp.Check(t.Context(), "usr_eve", codeAt(now), "192.0.2.1")
	if err == nil || errors.Is(err, ErrWrong) || strings.Contains(err.Error(), codeAt(now).Reveal()) {
		t.Fatal(err)
	}
}

// A store that is down lets nobody in with less.
func TestFactorsDown(t *testing.T) {
	t.Parallel()
	now := noon
	totp, a, _ := enrolled(t, &now)
	a.down = errors.New("down")
	if !totp.Has(t.Context(), "usr_ada") {
		t.Fatal("nobody is asked while the store is down")
	}
	check(t, totp, codeAt(now), a.down)
	if _, _, err := totp.Enrol(t.Context(), "usr_ada", "", secret.String{}); !errors.Is(err, a.down) {
		t.Fatal(err)
	}
}

func FuzzSeed(f *testing.F) {
	for _, text := range []string{seedText, "", "=", "JBSWY3DPEHPK3PXP", "jbswy3dpehpk3pxp====", rand.Text()} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		raw, err := parseSeed(secret.New(text))
		if err != nil {
			return
		}
		again, err := parseSeed(secret.New(base32Text().EncodeToString(raw)))
		if err != nil || !slices.Equal(raw, again) || len(totpCode(raw, 1)) != totpDigits {
			t.Fatalf("%q: %x, %x, %v", text, raw, again, err)
		}
	})
}
