// Package choice keeps which login of this machine is meant when none is named.
package choice

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/doorward/doorward/cred"
)

// File is a small file that says which login is meant when none is named. It holds no secret.
type File struct{ Path string }

// content is the shape of the file.
type content struct {
	Issuer  string `json:"issuer"`
	Client  string `json:"client_id"`
	Profile string `json:"profile"`
}

// maxSize is the largest file that is read, in bytes.
const maxSize = 64 << 10

// Load returns the choice; the zero Key and no error where none was made. A file that cannot be read as one is an error
// that names it: guessing could send a command to another account.
func (c File) Load() (cred.Key, error) {
	data, err := os.ReadFile(c.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return cred.Key{}, nil
	}
	if err != nil {
		return cred.Key{}, err
	}
	return parse(c.Path, data)
}

func parse(path string, data []byte) (cred.Key, error) {
	var file content
	if len(data) > maxSize {
		return cred.Key{}, fmt.Errorf("%s is too long for what it should hold; remove it and run switch again", path)
	}
	if err := json.Unmarshal(data, &file); err != nil {
		return cred.Key{}, fmt.Errorf("%s cannot be read (%w); remove it and run switch again", path, err)
	}
	return cred.Key{Issuer: file.Issuer, Client: file.Client, Profile: file.Profile}, nil
}

// Save writes the choice: to a new file that then takes the old one's place, so that a crash leaves one or the other.
func (c File) Save(key cred.Key) error {
	data, err := json.MarshalIndent(content{key.Issuer, key.Client, key.Profile}, "", "  ")
	if err != nil {
		return err
	}
	folder := filepath.Dir(c.Path)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	temp, err := os.CreateTemp(folder, ".choice-*") // 0600 from the beginning
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name())
	_, err = temp.Write(append(data, '\n'))
	if err := errors.Join(err, temp.Close()); err != nil {
		return err
	}
	return os.Rename(temp.Name(), c.Path)
}
