package token

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/keys"
)

// A signing key is announced in the key set for keyAnnounce before it signs, so that whoever caches the set has it by
// then; it signs for keyLife; and it stays in the set for keyOverlap longer, so that its last token can be verified (RFC
// 9700 section 2.6).
const (
	keyAnnounce = 24 * time.Hour
	keyLife     = 90 * 24 * time.Hour
	keyOverlap  = authority.MaxAccess + time.Hour
	// keyLook is how often a replica looks for keys that another one made: well within keyAnnounce.
	keyLook = 10 * time.Minute
)

// Keyring keeps the signing keys: made where there are none, sealed in the store, rotated with overlap.
type Keyring struct {
	store      authority.SigningKeys
	master     *keys.Master
	algorithms []keys.Alg
	now        func() time.Time
	log        *slog.Logger
	ring       atomic.Pointer[keys.Ring]
}

// NewKeyring makes a keyring that signs with these algorithms, the first being the default. Load must be called before it is used.
func NewKeyring(store authority.SigningKeys, master *keys.Master, algorithms []keys.Alg, now func() time.Time, log *slog.Logger) *Keyring {
	return &Keyring{store: store, master: master, algorithms: algorithms, now: now, log: log}
}

// Ring returns the keys of this moment.
func (k *Keyring) Ring() *keys.Ring { return k.ring.Load() }

// JWKS returns the public keys (RFC 7517).
func (k *Keyring) JWKS() []byte { return k.ring.Load().JWKS() }

// Load reads the keys and makes what is missing or soon due.
func (k *Keyring) Load(ctx context.Context) error {
	stored, err := k.store.ListSigningKeys(ctx)
	if err != nil {
		return err
	}
	added := false
	for _, alg := range k.algorithms {
		made, err := k.ensure(ctx, alg, stored)
		if err != nil {
			return err
		}
		added = added || made
	}
	// Read again, since another replica may have been faster: what signs must be what is stored, or nobody else can verify
	// it.
	if added {
		if stored, err = k.store.ListSigningKeys(ctx); err != nil {
			return err
		}
	}
	return k.assemble(ctx, stored)
}

// Rotate makes a new key for every algorithm that signs from now on; what the old ones signed stays valid. It is for an
// operator whose key may have leaked, and so without the announcement: an API that caches the key set refuses new tokens
// until it reads it again, which is the lesser harm.
func (k *Keyring) Rotate(ctx context.Context) error {
	for _, alg := range k.algorithms {
		// A notAfter far ahead: nobody's key counts as a conflict, since a new one is what was asked for.
		if err := k.add(ctx, alg, k.now(), k.now().Add(100*keyLife)); err != nil {
			return err
		}
	}
	return k.Load(ctx)
}

// Run looks for keys that other replicas made, and makes the next ones in time, until ctx ends.
func (k *Keyring) Run(ctx context.Context) {
	tick := time.NewTicker(keyLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := k.Load(ctx); err != nil && ctx.Err() == nil {
				k.log.Warn("signing keys not read; the known ones stay in use", "error", err)
			}
		}
	}
}

// ensure makes the first key of alg, which signs at once, or the next one, which is announced first.
func (k *Keyring) ensure(ctx context.Context, alg keys.Alg, stored []authority.SigningKey) (made bool, err error) {
	now := k.now()
	var last time.Time
	for _, key := range stored {
		if key.Alg == alg && key.Signs.After(last) {
			last = key.Signs
		}
	}
	signs := now
	switch {
	// The very first key has nobody to announce it to.
	case last.IsZero():
	// A day early, so that the old key's time is over when the new one's begins. Replicas whose clocks lie apart agree:
	// Signs is a moment in the row, not a guess of each (SEC-289).
	case now.After(last.Add(keyLife - keyAnnounce)):
		signs = now.Add(keyAnnounce)
	default:
		return false, nil
	}
	// Two replicas that start at once make one key: the second is told that there is one.
	if err := k.add(ctx, alg, signs, last.Add(time.Microsecond)); errors.Is(err, authority.ErrConflict) {
		return true, nil
	} else if err != nil {
		return false, err
	}
	return true, nil
}

func (k *Keyring) add(ctx context.Context, alg keys.Alg, signs, notAfter time.Time) error {
	signer, err := keys.Generate(alg)
	if err != nil {
		return err
	}
	der, err := signer.Marshal()
	if err != nil {
		return err
	}
	// Sealed for this very id: a row that was copied over another one does not open.
	return k.store.AddSigningKey(ctx, authority.SigningKey{
		ID: signer.ID, Alg: alg, Created: k.now(), Signs: signs,
		Sealed: k.master.Seal("signing key", der, []byte(signer.ID)),
	}, notAfter)
}

// assemble builds the ring: of each algorithm the newest key whose time has come, then the announced and the old ones
// whose tokens may still live.
func (k *Keyring) assemble(ctx context.Context, stored []authority.SigningKey) error {
	now := k.now()
	// The newest first, so that the first one of an algorithm that is due is the one that signs.
	slices.SortFunc(stored, func(a, b authority.SigningKey) int { return b.Signs.Compare(a.Signs) })
	current := make(map[keys.Alg]authority.SigningKey)
	for _, key := range stored {
		if _, ok := current[key.Alg]; !ok && !key.Signs.After(now) {
			current[key.Alg] = key
		}
	}
	var first, rest []*keys.Signer
	for _, key := range stored {
		chosen := current[key.Alg]
		// Not before its last token is over: removed any earlier, valid tokens would be refused everywhere (RFC 9700
		// section 2.6).
		if key.Signs.Before(chosen.Signs) && now.After(chosen.Signs.Add(keyOverlap)) {
			// Its successor has signed long enough; where another replica was faster, there is nothing to remove.
			if err := k.store.RemoveSigningKey(ctx, key.ID); err != nil && !errors.Is(err, authority.ErrUnknown) {
				return err
			}
			continue
		}
		signer, err := k.open(key)
		if err != nil {
			return err
		}
		if key.ID == chosen.ID {
			first = append(first, signer)
		} else {
			rest = append(rest, signer)
		}
	}
	// One pointer, swapped whole: a request signs and publishes from the same keys, whatever Load does meanwhile.
	k.ring.Store(keys.NewRing(append(first, rest...)...))
	return nil
}

func (k *Keyring) open(key authority.SigningKey) (*keys.Signer, error) {
	der, err := k.master.Open("signing key", key.Sealed, []byte(key.ID))
	if err != nil {
		return nil, fmt.Errorf("the signing key %s does not open with this master key (a store needs the master key that it "+
			"was made with; see the backup guide): %w", key.ID, err)
	}
	return keys.ParseSigner(key.Alg, der)
}
