package cred

import (
	"encoding/json"
	"time"

	"github.com/doorward/doorward/secret"
)

// Flat is the codec of a file that is one JSON object with one login in it, whose members have the names that its product
// gave them. A name that is "" is not kept. What the file holds under other names stays as it is.
type Flat struct {
	Key Key // of the one login

	Access, Refresh, APIKey, Account string // Refresh is Access where one token is both: it renews itself while it lives
	Expires, Renewed, SessionEnds    string // RFC 3339, in UTC
	Extra                            []string

	// Given marks, with true, a login with a token that was brought along (KindStatic). "": one without a Refresh is that.
	Given string
}

var _ Codec = Flat{}

// Decode reads the file; one that knows neither a secret nor whose login it was is a file without a login.
func (f Flat) Decode(data []byte) (map[Key]Credential, error) {
	file, err := OpenObject(data)
	if err != nil {
		return nil, err
	}
	read := flatReader{file: file}
	login := Credential{
		Kind: KindOAuth, Access: secret.New(read.text(f.Access)), Refresh: secret.New(read.text(f.Refresh)),
		APIKey: secret.New(read.text(f.APIKey)), Account: read.text(f.Account),
		Expires: read.time(f.Expires), Renewed: read.time(f.Renewed), SessionEnds: read.time(f.SessionEnds),
	}
	for _, name := range f.Extra {
		if value := read.text(name); value != "" {
			if login.Extra == nil {
				login.Extra = make(map[string]string)
			}
			login.Extra[name] = value
		}
	}
	_, given := file[f.Given]
	switch {
	case read.err != nil:
		return nil, ShapeError(read.err)
	case login.Access.IsZero() && login.Refresh.IsZero() && login.APIKey.IsZero() && login.Account == "":
		return nil, nil
	case !login.APIKey.IsZero():
		login.Kind = KindAPIKey
	case f.Given != "" && given, f.Given == "" && login.Refresh.IsZero():
		login.Kind = KindStatic
	}
	return map[Key]Credential{f.Key: login}, nil
}

// Encode puts the login into the file, or takes it out.
func (f Flat) Encode(old []byte, creds map[Key]Credential) ([]byte, error) {
	file, err := OpenObject(old)
	if err != nil {
		return nil, err
	}
	login := creds[f.Key]
	texts := map[string]string{f.Refresh: login.Refresh.Reveal(), f.APIKey: login.APIKey.Reveal(), f.Account: login.Account}
	texts[f.Access] = login.Access.Reveal() // last: it may have the name of Refresh
	for _, name := range f.Extra {
		texts[name] = login.Extra[name]
	}
	delete(texts, "")
	for name, text := range texts {
		file.PutText(name, text)
	}
	times := map[string]time.Time{f.Expires: login.Expires, f.Renewed: login.Renewed, f.SessionEnds: login.SessionEnds}
	delete(times, "")
	for name, at := range times {
		file.PutTime(name, at)
	}
	if f.Given != "" {
		file.Drop(f.Given)
		if login.Kind == KindStatic {
			_ = file.Put(f.Given, true) // which JSON can say
		}
	}
	return file.Text()
}

// flatReader reads members and keeps the first error.
type flatReader struct {
	file Object
	err  error
}

func (r *flatReader) text(name string) (text string) {
	r.into(name, &text)
	return text
}

func (r *flatReader) time(name string) (at time.Time) {
	r.into(name, &at)
	return at
}

func (r *flatReader) into(name string, target any) {
	if raw, there := r.file[name]; there && name != "" && r.err == nil {
		r.err = json.Unmarshal(raw, target)
	}
}
