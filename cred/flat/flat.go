// Package flat is the shape of a credential file that is one JSON object of texts: a ready token, whose it is, and what a
// program remembers beside them. What else is in the file stays as it is.
package flat

import (
	"encoding/json"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// Codec says what the members of the file are called. It is a cred.Codec for one login.
type Codec struct {
	Key     cred.Key
	Account string
	Token   string
	// Given is a member that stands beside a token which was brought along and not made by a login (cred.KindStatic).
	Given string
	// Extra are members that stand in Credential.Extra under the same names. One that is no text reads as absent.
	Extra []string
}

var _ cred.Codec = Codec{}

// Decode reads the file; one without account and token is a file without a login. A token that lives renews itself, and so
// it is the Refresh of the credential too.
func (c Codec) Decode(data []byte) (map[cred.Key]cred.Credential, error) {
	var file cred.Object
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, cred.ShapeError(err)
	}
	var token string
	login := cred.Credential{Kind: cred.KindOAuth}
	for name, value := range map[string]*string{c.Account: &login.Account, c.Token: &token} {
		if text, there := file[name]; there && json.Unmarshal(text, value) != nil {
			return nil, cred.ShapeError(&json.UnmarshalTypeError{Field: name})
		}
	}
	if token == "" && login.Account == "" {
		return nil, nil
	}
	if _, given := file[c.Given]; given {
		login.Kind = cred.KindStatic
	}
	login.Access = secret.New(token)
	login.Refresh = login.Access
	for _, name := range c.Extra {
		var text string
		// An older client writes null where it has nothing.
		if json.Unmarshal(file[name], &text) == nil && text != "" {
			if login.Extra == nil {
				login.Extra = make(map[string]string)
			}
			login.Extra[name] = text
		}
	}
	return map[cred.Key]cred.Credential{c.Key: login}, nil
}

// Encode puts the login into the file, or takes it out.
func (c Codec) Encode(old []byte, creds map[cred.Key]cred.Credential) ([]byte, error) {
	file, err := cred.OpenObject(old)
	if err != nil {
		return nil, err
	}
	login := creds[c.Key]
	file.PutText(c.Account, login.Account)
	file.PutText(c.Token, login.Access.Reveal())
	for _, name := range c.Extra {
		file.PutText(name, login.Extra[name])
	}
	file.Drop(c.Given)
	if login.Kind == cred.KindStatic && c.Given != "" {
		if err := file.Put(c.Given, true); err != nil {
			return nil, err
		}
	}
	return file.Text()
}
