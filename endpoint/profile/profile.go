// Package profile is what userinfo and introspection tell of a person, read from the store and believed for a second.
//
// What comes in is a person's id; what goes out is a Profile, or identity.ErrUnknown for whoever is gone or disabled. The
// law it keeps: a profile is believed for a second at most, and whether a session lives is never read from it.
package profile

import (
	"context"
	"sync"
	"time"

	"github.com/doorward/doorward/identity"
)

// Profile is a person as claims tell of them. Organisation and Role are those of the organisation joined first; both are ""
// for somebody who belongs to none.
type Profile struct {
	Person       identity.Person
	Organisation string
	Role         identity.Role
}

const (
	// age is how long a profile is believed. What ends a session is never in it: that is checked at every request.
	age = time.Second
	// most bounds the memory; a cache that is full starts anew.
	most = 4096
)

// Cache reads people and their places, and remembers them for a second, so that a service that checks every request
// of a person costs the store two reads a second. All of its exported fields are needed.
type Cache struct {
	People        identity.People
	Organisations identity.Organisations
	Now           func() time.Time

	mu    sync.Mutex
	known map[string]readProfile
}

type readProfile struct {
	Profile
	read time.Time
}

// Of returns the profile of a person; identity.ErrUnknown where the person is gone or disabled.
func (p *Cache) Of(ctx context.Context, id string) (Profile, error) {
	now := p.Now()
	p.mu.Lock()
	known, ok := p.known[id]
	p.mu.Unlock()
	if old := now.Sub(known.read); ok && old >= 0 && old < age {
		return known.Profile, nil
	}
	// Outside the lock: a slow store holds up those who ask it, and nobody else. Two may read the same person at once. An
	// error is not remembered: a store that comes back is believed at once.
	found, err := p.read(ctx, id)
	if err != nil {
		return Profile{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= most {
		p.known = make(map[string]readProfile)
	}
	p.known[id] = readProfile{found, now}
	return found, nil
}

func (p *Cache) read(ctx context.Context, id string) (Profile, error) {
	person, err := p.People.Person(ctx, id)
	if err != nil {
		return Profile{}, err
	}
	if person.Disabled { // marks end the sessions; this is for the moment in between
		return Profile{}, identity.ErrUnknown
	}
	memberships, err := p.Organisations.Memberships(ctx, id)
	if err != nil {
		return Profile{}, err
	}
	found := Profile{Person: person}
	if len(memberships) > 0 { // the first joined comes first
		found.Organisation, found.Role = memberships[0].Organisation.Name, memberships[0].Role
	}
	return found, nil
}
