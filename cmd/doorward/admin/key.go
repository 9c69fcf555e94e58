package admin

import (
	"cmp"
	"net/http"
	"slices"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/keys"
)

// keys tells from the rows what each key does, by the same rule as the key ring: of those of an algorithm whose time has come,
// the newest signs.
func (o *Office) keys(r *http.Request) (any, error) {
	all, err := o.SigningKeys.ListSigningKeys(r.Context())
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b authority.SigningKey) int {
		return cmp.Or(cmp.Compare(a.Alg, b.Alg), b.Signs.Compare(a.Signs), cmp.Compare(a.ID, b.ID))
	})
	now, signing := o.now(), make(map[keys.Alg]bool)
	return shownAll(all, func(k authority.SigningKey) desk.Key {
		state := "verifies"
		switch {
		case k.Signs.After(now):
			state = "announced"
		case !signing[k.Alg]: // of those whose time has come, the newest
			state, signing[k.Alg] = "signs", true
		}
		return desk.Key{ID: k.ID, Alg: string(k.Alg), State: state, Created: k.Created.UTC(), Signs: k.Signs.UTC()}
	}), nil
}

// rotateKeys makes keys that sign from now on; replicas find them when they look next.
func (o *Office) rotateKeys(r *http.Request) (any, error) {
	if err := o.Authority.Keyring.Rotate(r.Context()); err != nil {
		return nil, err
	}
	o.note(r.Context(), authority.Event{Kind: authority.EventKeyRotated})
	return struct{}{}, nil
}

// rotateMaster leaves the running server with the keys that it has: all of them stay in the file, so that what it seals until
// it starts anew opens then.
func (o *Office) rotateMaster(r *http.Request) (any, error) {
	if o.MasterFile == "" {
		return nil, wrong("Replicas that share a database share this key: a new one has to be in the file of each of them, behind the old one, " +
			"before one of them uses it. Put it there by hand, as the guide for operators says.")
	}
	master, err := keys.LoadMaster(o.MasterFile, false)
	if err != nil {
		return nil, err
	}
	master = master.Rotate()
	if err := master.Save(o.MasterFile); err != nil {
		return nil, err
	}
	o.note(r.Context(), authority.Event{Kind: authority.EventMasterKeyAdded, Detail: master.Current()})
	return desk.NewMaster{IDs: master.IDs(), File: o.MasterFile}, nil
}
