package cred

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/doorward/doorward/secret"
)

// StandardVersion is the version of the file that Standard writes.
const StandardVersion = 1

// Standard is the file of doorward itself, a JSON object:
//
//	{"version": 1, "credentials": [{"issuer": "…", "client": "…", "profile": "…", "access_token": "…", …}]}
//
// A credential is found by issuer, client and profile together. Keys that it does not know, in the file and in each
// credential, stay as they are. A file of a later version is answered with ErrNewer. It is a Codec.
type Standard struct{}

var _ Codec = Standard{}

// standardFile is the file for reading, where what is not known does not matter.
type standardFile struct {
	Version     int             `json:"version"`
	Credentials []standardEntry `json:"credentials"`
}

// standardEntry is a credential as the file has it. Secrets are plain text here and nowhere else in the room.
type standardEntry struct {
	Issuer  string `json:"issuer"`
	Client  string `json:"client"`
	Profile string `json:"profile,omitempty"`

	Kind      Kind     `json:"kind,omitempty"`
	Access    string   `json:"access_token,omitempty"`
	Refresh   string   `json:"refresh_token,omitempty"`
	APIKey    string   `json:"api_key,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Scope     []string `json:"scope,omitempty"`

	Expires     time.Time `json:"expires_at,omitzero"`
	SessionEnds time.Time `json:"session_ends_at,omitzero"`
	Idle        int64     `json:"idle_seconds,omitempty"`
	Renewed     time.Time `json:"renewed_at,omitzero"`

	SessionID string `json:"session_id,omitempty"`
	Subject   string `json:"subject,omitempty"`
	Account   string `json:"account,omitempty"`
	Name      string `json:"name,omitempty"`

	Extra map[string]string `json:"extra,omitempty"`
}

// standardKeys are the names that standardEntry knows; a name that is absent after a change is taken out of the file.
var standardKeys = [...]string{
	"issuer", "client", "profile", "kind", "access_token", "refresh_token", "api_key", "token_type", "scope",
	"expires_at", "session_ends_at", "idle_seconds", "renewed_at", "session_id", "subject", "account", "name", "extra",
}

// Decode reads the file.
func (Standard) Decode(data []byte) (map[Key]Credential, error) {
	var file standardFile
	err := json.Unmarshal(data, &file)
	// A later version may have changed the type of anything but the version: that is not damage.
	if file.Version > StandardVersion {
		return nil, ErrNewer
	}
	if err != nil {
		return nil, ShapeError(err)
	}
	if file.Version < 1 {
		return nil, errors.New("it has no version")
	}
	creds := make(map[Key]Credential, len(file.Credentials))
	for _, entry := range file.Credentials {
		key := Key{entry.Issuer, entry.Client, entry.Profile}
		if _, twice := creds[key]; twice {
			return nil, fmt.Errorf("it has two credentials of %q at %q", key.Client, key.Issuer)
		}
		creds[key] = entry.credential()
	}
	return creds, nil
}

// Encode writes creds into the file, in the order that it had; new ones follow, sorted by their keys.
func (Standard) Encode(old []byte, creds map[Key]Credential) ([]byte, error) {
	file, entries, err := openStandard(old)
	if err != nil {
		return nil, err
	}
	left := maps.Clone(creds)
	kept := make([]Object, 0, len(creds))
	for _, entry := range entries {
		c, stays := left[entry.key]
		if !stays {
			continue
		}
		delete(left, entry.key)
		if err := entry.object.overlay(entry.key, c); err != nil {
			return nil, err
		}
		kept = append(kept, entry.object)
	}
	for _, key := range slices.SortedFunc(maps.Keys(left), compareKeys) {
		object := make(Object, len(standardKeys))
		if err := object.overlay(key, left[key]); err != nil {
			return nil, err
		}
		kept = append(kept, object)
	}
	if file["credentials"], err = marshal(kept, ""); err != nil {
		return nil, err
	}
	file["version"] = json.RawMessage("1")
	return marshal(file, "  ")
}

// looseEntry is a credential of a file with what is not known in it.
type looseEntry struct {
	key    Key
	object Object
}

// openStandard takes the file apart without losing what it does not know.
func openStandard(old []byte) (file Object, entries []looseEntry, err error) {
	file = make(Object, 2)
	if old == nil {
		return file, nil, nil
	}
	var known struct{ Credentials []json.RawMessage }
	if err := errors.Join(json.Unmarshal(old, &file), json.Unmarshal(old, &known)); err != nil {
		return nil, nil, ShapeError(err)
	}
	file.Drop("version", "credentials")
	for _, raw := range known.Credentials {
		var entry standardEntry
		object := make(Object, len(standardKeys))
		if err := errors.Join(json.Unmarshal(raw, &entry), json.Unmarshal(raw, &object)); err != nil {
			return nil, nil, ShapeError(err)
		}
		if object == nil { // null
			object = make(Object, len(standardKeys))
		}
		entries = append(entries, looseEntry{Key{entry.Issuer, entry.Client, entry.Profile}, object})
	}
	return file, entries, nil
}

// overlay puts a credential into an object and leaves the names alone that it does not know.
func (o Object) overlay(key Key, c Credential) error {
	o.Drop(standardKeys[:]...)
	known, err := marshal(newStandardEntry(key, c), "")
	if err != nil {
		return err
	}
	return json.Unmarshal(known, &o)
}

func newStandardEntry(key Key, c Credential) standardEntry {
	return standardEntry{
		Issuer: key.Issuer, Client: key.Client, Profile: key.Profile,
		Kind: c.Kind, Access: c.Access.Reveal(), Refresh: c.Refresh.Reveal(), APIKey: c.APIKey.Reveal(),
		TokenType: c.TokenType, Scope: c.Scope,
		Expires: c.Expires.UTC(), SessionEnds: c.SessionEnds.UTC(), Idle: int64(c.IdleTimeout / time.Second), Renewed: c.Renewed.UTC(),
		SessionID: c.SessionID, Subject: c.Subject, Account: c.Account, Name: c.Name, Extra: c.Extra,
	}
}

func (e standardEntry) credential() Credential {
	return Credential{
		Kind: e.Kind, Access: secret.New(e.Access), Refresh: secret.New(e.Refresh), APIKey: secret.New(e.APIKey),
		TokenType: e.TokenType, Scope: e.Scope,
		Expires: e.Expires, SessionEnds: e.SessionEnds, IdleTimeout: time.Duration(e.Idle) * time.Second, Renewed: e.Renewed,
		SessionID: e.SessionID, Subject: e.Subject, Account: e.Account, Name: e.Name, Extra: e.Extra,
	}
}
