package cred_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

func flat() cred.Flat {
	return cred.Flat{
		Key: cred.Key{Client: "acme"}, Access: "token", Refresh: "refresh_token", APIKey: "key", Account: "user", Expires: "expires_at",
		Renewed: "refreshed_at", Extra: []string{"server"},
	}
}

func TestFlat(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 12, 0, 0, 5, time.UTC)
	full := cred.Credential{
		Kind: cred.KindOAuth, Access: secret.New("a"), Refresh: secret.New("r"), Account: "ada", Expires: at, Renewed: at,
		Extra: map[string]string{"server": "https://id.example"},
	}
	key, ready := full, full
	key.Kind, key.APIKey = cred.KindAPIKey, secret.New("k")
	ready.Kind, ready.Refresh = cred.KindStatic, secret.String{}
	gone := cred.Credential{Kind: cred.KindStatic, Account: "ada"}
	for name, login := range map[string]cred.Credential{"a session": full, "an API key": key, "a ready token": ready, "whose it was": gone} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := flat().Encode([]byte(`{"theme":["dark",1.50],"TOKEN":"old"}`), map[cred.Key]cred.Credential{flat().Key: login})
			if err != nil {
				t.Fatal(err)
			}
			got, err := flat().Decode(text)
			if diff := cmp.Diff(map[cred.Key]cred.Credential{flat().Key: login}, got, cmp.Comparer(secret.String.Equal)); err != nil || diff != "" {
				t.Errorf("%v %s\n%s", err, diff, text)
			}
			left, err := flat().Encode(text, nil)
			if diff := cmp.Diff("{\n  \"theme\": [\n    \"dark\",\n    1.50\n  ]\n}\n", string(left)); err != nil || diff != "" {
				t.Errorf("without a login: %v %s", err, diff)
			}
		})
	}
	text, err := flat().Encode(nil, map[cred.Key]cred.Credential{flat().Key: key})
	want := `{
  "expires_at": "2026-11-22T12:00:00.000000005Z",
  "key": "k",
  "refresh_token": "r",
  "refreshed_at": "2026-11-22T12:00:00.000000005Z",
  "server": "https://id.example",
  "token": "a",
  "user": "ada"
}
`
	if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if empty, err := flat().Encode(text, nil); err != nil || len(empty) != 0 {
		t.Errorf("%q %v", empty, err)
	}
}

func TestFlatDamaged(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "{", "[]", `"x"`, `{"token":1}`, `{"user":{}}`, `{"expires_at":"soon"}`, `{"server":[]}`} {
		if got, err := flat().Decode([]byte(text)); err == nil || got != nil {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{"{}", `{"other":1}`, `{"token":null}`, `{"token":""}`, `{"server":"x"}`, `{"expires_at":"2026-11-22T12:00:00Z"}`} {
		if got, err := flat().Decode([]byte(text)); err != nil || got != nil {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
}

func FuzzFlat(f *testing.F) {
	f.Add([]byte(`{"token":"a","refresh_token":"r","expires_at":"2026-11-22T12:00:00Z","server":"x","more":[1]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		logins, err := flat().Decode(text)
		if err != nil || logins == nil {
			return
		}
		again, err := flat().Encode(text, logins)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := flat().Decode(again); err != nil || !cmp.Equal(logins, got, cmp.Comparer(secret.String.Equal)) {
			t.Errorf("%q became %q: %v", text, again, err)
		}
	})
}
