package profiles_test

import (
	"encoding/json"
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/cred/profiles"
	"github.com/doorward/doorward/secret"
)

func login(token string) cred.Credential {
	return cred.Credential{
		Kind: cred.KindOAuth, Access: secret.New(token), TokenType: "Bearer", Expires: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC),
		Extra: map[string]string{profiles.Server: "https://api.example"},
	}
}

func at(name string) cred.Key { return cred.Key{Profile: name} }

func TestFirstProfileIsTheDefault_PLX05(t *testing.T) {
	t.Parallel()
	file, err := profiles.Codec{Name: "work"}.Encode(nil, map[cred.Key]cred.Credential{at("work"): login("t<0>")})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{
  "default": "work",
  "profiles": {
    "work": {
      "expires_at": "2026-11-22T12:00:00Z",
      "server": "https://api.example",
      "token": "t<0>",
      "token_type": "Bearer"
    }
  }
}
`
	if diff := cmp.Diff(want, string(file)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	creds, err := profiles.Codec{}.Decode(file)
	if err != nil || len(creds) != 2 {
		t.Fatal(creds, err)
	}
	for _, key := range []cred.Key{at("work"), {}} {
		if got := creds[key]; got.Access != secret.New("t<0>") || got.TokenType != "Bearer" || !got.Expires.Equal(login("").Expires) ||
			got.Extra[profiles.Server] != "https://api.example" {
			t.Errorf("%v: %+v", key, got)
		}
	}
}

func TestOthersStay_PLX06(t *testing.T) {
	t.Parallel()
	const before = `{"default":"a","x":{"y":1.50},"profiles":{"a":{"server":"s","token":"t","expires_at":"2020-01-01T00:00:00+01:00","n":[1]},"b":{"token":"old","keep":true}}}`
	creds, err := profiles.Codec{}.Decode([]byte(before))
	if err != nil {
		t.Fatal(err)
	}
	creds[at("b")] = login("new")
	file, err := profiles.Codec{Name: "b"}.Encode([]byte(before), creds)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"default":"a","x":{"y":1.50},"profiles":{"a":{"server":"s","token":"t","expires_at":"2020-01-01T00:00:00+01:00","n":[1]},
		"b":{"server":"https://api.example","token":"new","token_type":"Bearer","expires_at":"2026-11-22T12:00:00Z","keep":true}}}`
	if diff := cmp.Diff(generic(t, want), generic(t, string(file))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	// Taken out again, it takes nothing with it; and the default does not point at nothing.
	delete(creds, at("b"))
	file, err = profiles.Codec{Name: "b"}.Encode(file, creds)
	if diff := cmp.Diff(generic(t, `{"default":"a","x":{"y":1.50},"profiles":{"a":{"server":"s","token":"t","expires_at":"2020-01-01T00:00:00+01:00","n":[1]}}}`),
		generic(t, string(file))); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	file, err = profiles.Codec{Name: "a"}.Encode(file, nil)
	if diff := cmp.Diff(generic(t, `{"x":{"y":1.50},"profiles":{}}`), generic(t, string(file))); err != nil || diff != "" {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
}

func generic(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}

func TestDefaultThatPointsAtNothing(t *testing.T) {
	t.Parallel()
	for _, before := range []string{`{"default":"gone","profiles":{}}`, `{"default":7}`, `{"profiles":null}`, `{}`} {
		file, err := profiles.Codec{Name: "a"}.Encode([]byte(before), map[cred.Key]cred.Credential{at("a"): login("t")})
		creds, failed := profiles.Codec{}.Decode(file)
		if err != nil || failed != nil || creds[cred.Key{}].Access != secret.New("t") {
			t.Errorf("%s: %s, %v, %v", before, file, err, failed)
		}
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, logins := range map[string]int{
		`{}`: 0, `null`: 0, `{"profiles":null}`: 0, `{"default":"x","profiles":{"a":{}}}`: 1, `{"profiles":{"a":{"expires_at":null}}}`: 1,
		``: -1, `[]`: -1, `{"profiles":[]}`: -1, `{"profiles":{"a":7}}`: -1, `{"profiles":{"a":{"token":1}}}`: -1, `{"default":1}`: -1,
		`{"profiles":{"a":{"expires_at":"soon"}}}`: -1, `{"profiles":{"a":{"token":"tr`: -1,
	} {
		got, err := profiles.Codec{}.Decode([]byte(text))
		if (err != nil) != (logins < 0) || err == nil && len(got) != logins {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func FuzzCodec(f *testing.F) {
	f.Add([]byte(`{"default":"a","x":1,"profiles":{"a":{"server":"s","token":"t","token_type":"Bearer","expires_at":"2020-01-01T00:00:00Z","y":2}}}`), "a")
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		creds, err := profiles.Codec{}.Decode(data)
		if err != nil || name == "" {
			return
		}
		before := maps.Clone(creds)
		creds[at(name)] = login("t")
		file, err := profiles.Codec{Name: name}.Encode(data, creds)
		if err != nil {
			t.Fatal(err)
		}
		again, err := profiles.Codec{}.Decode(file)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for key, was := range before {
			if got := again[key]; key.Profile != "" && key.Profile != name && got.Access != was.Access {
				t.Errorf("the profile %q has changed: %s became %s", key.Profile, data, file)
			}
		}
	})
}
