package cred

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// Exposure is what a File does about a file that other users of the machine can read or write. Whatever it is, the next
// write leaves the file with mode 0600; on Windows, where the mode says nothing, it is not looked at.
type Exposure int

// The answers to an exposed file.
const (
	Repair   Exposure = iota // set the mode to 0600, and warn: somebody may have read it
	Refuse                   // fail with a *RefusedError that names the command to mend it
	WarnOnly                 // use it as it is, with a warning that names the command to mend it
)

// DefaultWait is how long a File waits for the lock where it is not told otherwise.
const DefaultWait = 30 * time.Second

// lockPause is the time between two looks at a lock that another process holds.
const lockPause = 10 * time.Millisecond

// File keeps credentials in one file with mode 0600, in a folder that it makes with mode 0700. It is a Store.
//
// A write is all or nothing, whatever kills the process: a new file is written, flushed and renamed over the old one.
// Writers exclude each other by a kernel lock on Path + ".lock", which ends with the process that holds it; that file
// stays. Readers take no lock. A symbolic link at Path is read where it leads to a file of one's own, and replaced by the
// first write; what it led to stays as it was. Under sudo, files belong to the owner of the folder.
//
// Copy no File after its first use.
type File struct {
	Path  string
	Codec Codec // the shape of the file; nil: Standard

	// Wait bounds the wait for the lock; then Update and Delete fail with ErrBusy. 0: DefaultWait. The context that they
	// are given bounds this wait too, and nothing else.
	Wait time.Duration

	// Exposed says what to do about a file that others can read.
	Exposed Exposure

	// Warn takes a sentence for the person: what happened, what was kept, what to do. nil: nobody is told.
	Warn func(string)

	Now func() time.Time // dates the copy of a damaged file; nil: time.Now

	exposedOnce sync.Once // one warning a process, not one a read
}

var _ Store = (*File)(nil)

// Get opens, checks, reads and decodes the file, once each.
func (f *File) Get(ctx context.Context, key Key) (Credential, error) {
	if err := ctx.Err(); err != nil {
		return Credential{}, err
	}
	held, err := f.load()
	if err != nil {
		return Credential{}, err
	}
	if held.damage != nil {
		return Credential{}, held.damage
	}
	c, found := held.creds[key]
	if !found {
		return Credential{}, ErrNotFound
	}
	return c, nil
}

// Update is Store.Update. A file that cannot be decoded counts as empty here: where change succeeds, the file is written
// anew and a copy of the damaged one is kept beside it, named in a warning. A credential that change returns as it was is
// not written. Errors: ErrBusy, ErrNewer, *RefusedError, *WriteError.
func (f *File) Update(ctx context.Context, key Key, change func(Credential, bool) (Credential, error)) (Credential, error) {
	unlock, err := f.lock(ctx)
	if err != nil {
		return Credential{}, err
	}
	defer unlock()
	held, err := f.load()
	if err != nil {
		return Credential{}, err
	}
	old, found := held.creds[key]
	changed, err := change(old, found)
	if err != nil {
		return Credential{}, err
	}
	if found && reflect.DeepEqual(old, changed) {
		return changed, nil
	}
	creds := maps.Clone(held.creds) // the codec keeps its own map
	if creds == nil {
		creds = make(map[Key]Credential, 1)
	}
	creds[key] = changed
	return changed, f.save(held, creds)
}

// Delete is Store.Delete. A damaged file stays as it is and is reported as a *DamagedError.
func (f *File) Delete(ctx context.Context, key Key) error {
	// Without the lock first, so that there is no folder and no lock file where nobody ever logged in.
	if _, err := f.Get(ctx, key); err != nil {
		return err
	}
	unlock, err := f.lock(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	held, err := f.load()
	if err != nil {
		return err
	}
	if held.damage != nil {
		return held.damage
	}
	if _, found := held.creds[key]; !found {
		return ErrNotFound
	}
	creds := maps.Clone(held.creds)
	delete(creds, key)
	return f.save(held, creds)
}

// List returns the keys, sorted by issuer, client and profile; none where there is no file.
func (f *File) List(ctx context.Context) ([]Key, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	held, err := f.load()
	if err != nil {
		return nil, err
	}
	if held.damage != nil {
		return nil, held.damage
	}
	return slices.SortedFunc(maps.Keys(held.creds), compareKeys), nil
}

func compareKeys(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Issuer, b.Issuer), cmp.Compare(a.Client, b.Client), cmp.Compare(a.Profile, b.Profile))
}

// contents is the file at one moment.
type contents struct {
	data   []byte // nil where there is no file
	creds  map[Key]Credential
	damage *DamagedError // the codec could not read data
}

// load reads and decodes the file. A missing file is no error and holds nothing.
func (f *File) load() (contents, error) {
	data, err := f.read()
	if err != nil || data == nil {
		return contents{}, err
	}
	creds, err := f.codec().Decode(data)
	switch {
	case err == nil:
		return contents{data: data, creds: creds}, nil
	case errors.Is(err, ErrNewer):
		return contents{}, fmt.Errorf("%w (%s)", err, f.Path)
	default:
		return contents{data: data, damage: &DamagedError{Path: f.Path, Err: err}}, nil
	}
}

// save encodes and writes, and keeps a damaged file aside first.
func (f *File) save(held contents, creds map[Key]Credential) error {
	old := held.data
	if held.damage != nil {
		kept, err := f.keepAside(held.data)
		if err != nil {
			return &WriteError{Path: f.Path, Err: err}
		}
		held.damage.Kept = kept
		f.warn("the credential file " + f.Path + " was damaged and is written anew; a copy of the damaged one is kept at " + kept)
		old = nil
	}
	data, err := f.codec().Encode(old, creds)
	if err != nil {
		return &WriteError{Path: f.Path, Err: err}
	}
	return f.replace(data)
}

// lock takes the kernel lock of the store. It is on a file of its own, because the credential file is replaced by every
// write and a lock on it would go with the old one (and because Windows does not rename over an open file).
func (f *File) lock(ctx context.Context) (unlock func(), err error) {
	owner, err := f.prepareFolder()
	if err != nil {
		return nil, &WriteError{Path: f.Path, Err: err}
	}
	path := f.Path + ".lock"
	if err := owner.adopt(path); err != nil {
		return nil, &WriteError{Path: f.Path, Err: err}
	}
	bounded, cancel := context.WithTimeout(ctx, cmp.Or(f.Wait, DefaultWait))
	defer cancel()
	lock := flock.New(path, flock.SetFlag(lockFlags), flock.SetPermissions(0o600))
	locked, err := lock.TryLockContext(bounded, lockPause)
	switch {
	case locked:
		return func() { _ = lock.Close() }, nil
	case errors.Is(ctx.Err(), context.Canceled):
		return nil, ctx.Err()
	case bounded.Err() != nil:
		return nil, fmt.Errorf("%w (%s)", ErrBusy, f.Path)
	default:
		return nil, &WriteError{Path: f.Path, Err: fmt.Errorf("cannot lock it: %w", err)}
	}
}

func (f *File) codec() Codec {
	if f.Codec == nil {
		return Standard{}
	}
	return f.Codec
}

func (f *File) now() time.Time {
	if f.Now == nil {
		return time.Now()
	}
	return f.Now()
}

func (f *File) warn(text string) {
	if f.Warn != nil {
		f.Warn(text)
	}
}
