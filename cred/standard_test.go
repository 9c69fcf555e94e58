package cred

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/doorward/doorward/secret"
)

var seeSecrets = cmp.AllowUnexported(secret.String{})

func genCredential(t *rapid.T) Credential {
	text := rapid.String()
	when := func(name string) time.Time {
		return time.Unix(rapid.Int64Range(1, 1<<35).Draw(t, name), 0).UTC()
	}
	return Credential{
		Kind: Kind(text.Draw(t, "kind")), Access: secret.New(text.Draw(t, "access")), Refresh: secret.New(text.Draw(t, "refresh")),
		APIKey: secret.New(text.Draw(t, "key")), TokenType: text.Draw(t, "type"), Scope: rapid.SliceOfN(text, 1, 3).Draw(t, "scope"),
		Expires: when("expires"), SessionEnds: when("ends"), Renewed: when("renewed"), SessionID: text.Draw(t, "sid"),
		Subject: text.Draw(t, "subject"), Account: text.Draw(t, "account"), Name: text.Draw(t, "name"),
		Extra: rapid.MapOfN(text, text, 1, 3).Draw(t, "extra"),
	}
}

func TestStandardGivesBackWhatItTook(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.Custom(func(t *rapid.T) Key {
			text := rapid.String()
			return Key{text.Draw(t, "issuer"), text.Draw(t, "client"), text.Draw(t, "profile")}
		})
		first := rapid.MapOfN(key, rapid.Custom(genCredential), 0, 3).Draw(t, "first")
		second := rapid.MapOfN(key, rapid.Custom(genCredential), 0, 3).Draw(t, "second")
		var data []byte
		for _, creds := range []map[Key]Credential{first, second, first} {
			var err error
			if data, err = (Standard{}).Encode(data, creds); err != nil {
				t.Fatal(err)
			}
			got, err := Standard{}.Decode(data)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(creds, got, seeSecrets); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}

func TestStandardIsStable(t *testing.T) {
	t.Parallel()
	creds := map[Key]Credential{{"b", "c", ""}: sample("1"), {"a", "c", "p"}: sample("2"), {"a", "c", ""}: sample("3")}
	want, err := Standard{}.Encode(nil, creds)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if got, err := (Standard{}).Encode(want, creds); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%v\n%s\nwant\n%s", err, got, want)
		}
	}
}

func TestStandardRefusesTwins(t *testing.T) {
	t.Parallel()
	if _, err := (Standard{}).Decode([]byte(`{"version":1,"credentials":[{"issuer":"a"},{"issuer":"a"}]}`)); err == nil {
		t.Fatal("two credentials under one key: which one counts?")
	}
}

func FuzzStandard(f *testing.F) {
	for _, seed := range []string{
		`{"version":1,"credentials":[]}`, `{"version":1,"x":1,"credentials":[{"issuer":"i","client":"c","y":{}}]}`, `{"version":2}`,
		`{"Version":1,"Credentials":[{"ISSUER":"i","Access_Token":"t"}],"credentials":[null]}`, `{"version":1,"credentials":null}`, `null`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		creds, err := Standard{}.Decode(data)
		if err != nil {
			return
		}
		again, err := Standard{}.Encode(data, creds)
		if err != nil {
			t.Fatalf("%q decodes, but does not encode: %v", data, err)
		}
		got, err := Standard{}.Decode(again)
		if err != nil {
			t.Fatalf("%q became %q: %v", data, again, err)
		}
		if len(got) != len(creds) {
			t.Fatalf("%d credentials became %d", len(creds), len(got))
		}
		for key, c := range creds {
			if g := got[key]; g.Access != c.Access || g.Refresh != c.Refresh || !g.Expires.Equal(c.Expires) || g.Account != c.Account {
				t.Fatalf("%v changed: %q became %q", key, data, again)
			}
		}
	})
}
