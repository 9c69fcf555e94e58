package main

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/secret"
)

// codec is the file of PipeOps: auth_token, refresh_token, expires_at and email beside whatever else is there. An older
// client keeps the same under oauth: that is read too, and kept in step where it is there, since a refresh token that was
// exchanged is of no use to it.
type codec struct{ key cred.Key }

// content is what this program knows of the file. Unknown keys are not read here and are kept by Encode, which works on the
// file as it is.
type content struct {
	Access      string    `json:"auth_token"`
	Refresh     string    `json:"refresh_token"`
	Expires     time.Time `json:"expires_at"`
	SessionEnds time.Time `json:"session_expires_at"`
	Email       string    `json:"email"`
	Old         struct {
		Access  string    `json:"access_token"`
		Refresh string    `json:"refresh_token"`
		Expires time.Time `json:"expires_at"`
	} `json:"oauth"`
}

// Decode reads the file; one without a token is a file without a login.
func (c codec) Decode(data []byte) (map[cred.Key]cred.Credential, error) {
	var file content
	if err := json.Unmarshal(data, &file); err != nil {
		return nil, cred.ShapeError(err)
	}
	if file.Access == "" {
		file.Access, file.Refresh, file.Expires = file.Old.Access, file.Old.Refresh, file.Old.Expires
	}
	if file.Access == "" && file.Email == "" {
		return nil, nil
	}
	// A token without a refresh token cannot renew itself; whoever put it there may have typed it.
	kind := cred.KindOAuth
	if file.Refresh == "" {
		kind = cred.KindStatic
	}
	return map[cred.Key]cred.Credential{c.key: {
		Kind: kind, Access: secret.New(file.Access), Refresh: secret.New(file.Refresh), Expires: file.Expires,
		SessionEnds: file.SessionEnds, Account: file.Email,
	}}, nil
}

// Encode puts the login into the file, or takes it out.
func (c codec) Encode(old []byte, creds map[cred.Key]cred.Credential) ([]byte, error) {
	file, err := cred.OpenObject(old)
	if err != nil {
		return nil, err
	}
	// The zero credential takes the keys out: that is a logout.
	login, loggedIn := creds[c.key]
	file.PutText("auth_token", login.Access.Reveal())
	file.PutText("refresh_token", login.Refresh.Reveal())
	file.PutTime("expires_at", login.Expires)
	file.PutTime("session_expires_at", login.SessionEnds)
	file.PutText("email", login.Account)
	if before, ok := file.Object("oauth"); ok {
		before.PutText("access_token", login.Access.Reveal())
		before.PutText("refresh_token", login.Refresh.Reveal())
		before.PutTime("expires_at", login.Expires)
		if len(before) > 0 || loggedIn {
			err = file.Put("oauth", before)
		} else {
			file.Drop("oauth")
		}
	}
	text, failed := file.Text()
	return text, errors.Join(err, failed)
}
