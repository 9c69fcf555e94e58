package desk

import (
	"context"
	"net/http"
	"time"
)

// Key is a signing key, without what it signs with.
type Key struct {
	ID      string    `json:"kid"`
	Alg     string    `json:"alg"`
	State   string    `json:"state"` // announced, signs, or verifies: what it signed before
	Created time.Time `json:"created_at"`
	Signs   time.Time `json:"signs_at"` // from when
}

// Keys lists the signing keys: algorithm by algorithm, the newest first.
func (d *Desk) Keys(ctx context.Context) (all []Key, err error) {
	return all, d.do(ctx, http.MethodGet, "/keys", nil, &all)
}

// RotateKeys makes new signing keys; what the old ones signed stays valid.
func (d *Desk) RotateKeys(ctx context.Context) error {
	return d.do(ctx, http.MethodPost, "/keys/rotate", nil, nil)
}

// RotateMaster makes a new master key, in the file of the old ones, which stay in it. The server takes it when it starts.
func (d *Desk) RotateMaster(ctx context.Context) (made NewMaster, err error) {
	return made, d.do(ctx, http.MethodPost, "/keys/master/rotate", nil, &made)
}

// NewMaster says which master keys there are, by their ids, which are no secret: the current one first.
type NewMaster struct {
	IDs  []string `json:"master_keys"`
	File string   `json:"file"`
}
