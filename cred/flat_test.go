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

// flatOne is a file with one token for everything.
func flatOne() cred.Flat {
	return cred.Flat{
		Key: cred.Key{Issuer: "https://id.example", Client: "acme"}, Account: "email_id", Access: "auth_token", Refresh: "auth_token",
		Given: "given", Extra: []string{"organization_id", "project_id"},
	}
}

func TestFlatOneToken(t *testing.T) {
	t.Parallel()
	key := flatOne().Key
	login := cred.Credential{
		Kind: cred.KindStatic, Access: secret.New("t<0>"), Account: "a@example.com", Extra: map[string]string{"organization_id": "org-1"},
	}
	before := []byte(`{"host":"x","deep":{"a":[1.50]},"Auth_Token":"old","project_id":"project-old"}`)
	file, err := flatOne().Encode(before, map[cred.Key]cred.Credential{key: login})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"Auth_Token\": \"old\",\n  \"auth_token\": \"t<0>\",\n  \"deep\": {\n    \"a\": [\n      1.50\n    ]\n  },\n" +
		"  \"email_id\": \"a@example.com\",\n  \"given\": true,\n  \"host\": \"x\",\n  \"organization_id\": \"org-1\"\n}\n"
	if diff := cmp.Diff(want, string(file)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got, err := flatOne().Decode(file)
	login.Refresh = login.Access
	if err != nil || got[key].Access != login.Access || got[key].Refresh != login.Access || got[key].Account != login.Account ||
		got[key].Kind != cred.KindStatic || got[key].Extra["organization_id"] != "org-1" || len(got[key].Extra) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if file, err = flatOne().Encode(file, nil); err != nil || string(file) != "{\n  \"deep\": {\n    \"a\": [\n      1.50\n    ]\n  },\n  \"host\": \"x\"\n}\n" {
		t.Errorf("%s, %v", file, err)
	}
}

func TestFlatOneTokenDecode(t *testing.T) {
	t.Parallel()
	for text, logins := range map[string]int{
		`{}`: 0, `null`: 0, `{"auth_token":"","email_id":null}`: 0, `{"email_id":"a"}`: 1, `{"auth_token":"t","project_id":null}`: 1,
		``: -1, `[]`: -1, `{"auth_token":"tr`: -1, `{"auth_token":7}`: -1, `{"email_id":["a"]}`: -1,
	} {
		got, err := flatOne().Decode([]byte(text))
		if (err != nil) != (logins < 0) || err == nil && len(got) != logins {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func FuzzFlatOneToken(f *testing.F) {
	key := flatOne().Key
	f.Add([]byte(`{"auth_token":"t","email_id":"a","x":{"y":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		creds, err := flatOne().Decode(data)
		if err != nil {
			return
		}
		file, err := flatOne().Encode(data, creds)
		if err != nil {
			t.Fatal(err)
		}
		if len(creds) == 0 {
			return
		}
		again, err := flatOne().Decode(file)
		if err != nil || again[key].Access != creds[key].Access || again[key].Account != creds[key].Account {
			t.Errorf("%q: %v, %v", data, again, err)
		}
	})
}
