// Package profiles is the shape of a credential file with several logins, each under a name that a person gave it:
//
//	{"default": "work", "profiles": {"work": {"server": "…", "token": "…", "token_type": "Bearer", "expires_at": "…"}}}
package profiles

import (
	"encoding/json"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// Server is the member of Credential.Extra that holds the address of a profile's server.
const Server = "server"

// Codec reads all profiles, by cred.Key{Profile: name}; the default one is found under the zero Key too. It writes the
// profile Name alone: the others, and what is not known in the file, stay as they are. Where nothing is the default, what is
// written becomes it. It is a cred.Codec.
type Codec struct{ Name string }

var _ cred.Codec = Codec{}

// profile is one login for reading.
type profile struct {
	Server    string    `json:"server"`
	Token     string    `json:"token"`
	TokenType string    `json:"token_type"`
	Expires   time.Time `json:"expires_at"`
}

// Decode reads the file.
func (Codec) Decode(data []byte) (map[cred.Key]cred.Credential, error) {
	var file struct {
		Default  string             `json:"default"`
		Profiles map[string]profile `json:"profiles"`
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, cred.ShapeError(err)
	}
	creds := make(map[cred.Key]cred.Credential, len(file.Profiles)+1)
	for name, p := range file.Profiles {
		login := cred.Credential{
			Kind: cred.KindOAuth, Access: secret.New(p.Token), TokenType: p.TokenType, Expires: p.Expires,
			Extra: map[string]string{Server: p.Server},
		}
		creds[cred.Key{Profile: name}] = login
		if name == file.Default {
			creds[cred.Key{}] = login
		}
	}
	return creds, nil
}

// Encode writes the profile, or takes it out.
func (c Codec) Encode(old []byte, creds map[cred.Key]cred.Credential) ([]byte, error) {
	file, err := cred.OpenObject(old)
	if err != nil {
		return nil, err
	}
	all, there := file.Object("profiles")
	if !there {
		all = make(cred.Object)
	}
	if login, there := creds[cred.Key{Profile: c.Name}]; there {
		err = put(all, c.Name, login)
	} else {
		delete(all, c.Name)
	}
	if err == nil {
		err = file.Put("profiles", all)
	}
	if err != nil {
		return nil, err
	}
	var chosen string
	if json.Unmarshal(file["default"], &chosen) != nil || all[chosen] == nil {
		file.Drop("default")
		if all[c.Name] != nil {
			file.PutText("default", c.Name)
		}
	}
	return file.Text()
}

// put writes one profile over what is known of it.
func put(all cred.Object, name string, login cred.Credential) error {
	mine, there := all.Object(name)
	if !there {
		mine = make(cred.Object)
	}
	mine.PutText("server", login.Extra[Server])
	mine.PutText("token", login.Access.Reveal())
	mine.PutText("token_type", login.TokenType)
	mine.PutTime("expires_at", login.Expires)
	return all.Put(name, mine)
}
