package flat_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/cred/flat"
	"github.com/doorward/doorward/secret"
)

var key = cred.Key{Issuer: "https://id.example", Client: "acme"}

func codec() flat.Codec {
	return flat.Codec{Key: key, Account: "email_id", Token: "auth_token", Given: "given", Extra: []string{"organization_id", "project_id"}}
}

func TestWhatElseIsThereStays(t *testing.T) {
	t.Parallel()
	login := cred.Credential{
		Kind: cred.KindStatic, Access: secret.New("t<0>"), Account: "a@example.com", Extra: map[string]string{"organization_id": "org-1"},
	}
	before := []byte(`{"host":"x","deep":{"a":[1.50]},"Auth_Token":"old","project_id":"project-old"}`)
	file, err := codec().Encode(before, map[cred.Key]cred.Credential{key: login})
	if err != nil {
		t.Fatal(err)
	}
	want := "{\n  \"Auth_Token\": \"old\",\n  \"auth_token\": \"t<0>\",\n  \"deep\": {\n    \"a\": [\n      1.50\n    ]\n  },\n" +
		"  \"email_id\": \"a@example.com\",\n  \"given\": true,\n  \"host\": \"x\",\n  \"organization_id\": \"org-1\"\n}\n"
	if diff := cmp.Diff(want, string(file)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	got, err := codec().Decode(file)
	login.Refresh = login.Access
	if err != nil || got[key].Access != login.Access || got[key].Refresh != login.Access || got[key].Account != login.Account ||
		got[key].Kind != cred.KindStatic || got[key].Extra["organization_id"] != "org-1" || len(got[key].Extra) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if file, err = codec().Encode(file, nil); err != nil || string(file) != "{\n  \"deep\": {\n    \"a\": [\n      1.50\n    ]\n  },\n  \"host\": \"x\"\n}\n" {
		t.Errorf("%s, %v", file, err)
	}
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for text, logins := range map[string]int{
		`{}`: 0, `null`: 0, `{"auth_token":"","email_id":null}`: 0, `{"email_id":"a"}`: 1, `{"auth_token":"t","project_id":null}`: 1,
		``: -1, `[]`: -1, `{"auth_token":"tr`: -1, `{"auth_token":7}`: -1, `{"email_id":["a"]}`: -1,
	} {
		got, err := codec().Decode([]byte(text))
		if (err != nil) != (logins < 0) || err == nil && len(got) != logins {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}

func FuzzCodec(f *testing.F) {
	f.Add([]byte(`{"auth_token":"t","email_id":"a","x":{"y":1}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		creds, err := codec().Decode(data)
		if err != nil {
			return
		}
		file, err := codec().Encode(data, creds)
		if err != nil {
			t.Fatal(err)
		}
		if len(creds) == 0 {
			return
		}
		again, err := codec().Decode(file)
		if err != nil || again[key].Access != creds[key].Access || again[key].Account != creds[key].Account {
			t.Errorf("%q: %v, %v", data, again, err)
		}
	})
}
