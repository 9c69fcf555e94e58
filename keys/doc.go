// Package keys holds what the authority must keep secret for itself: the master key, under which everything at rest is
// sealed, hashed or derived, and the signing keys, with which its tokens are signed.
//
// Master and Ring are immutable: a rotation makes a new one, and the server exchanges the pointer. The master key is
// never in the database; the signing keys are, sealed under it. Names given to this package (purposes, typ values) are
// constants of the program: each is a domain of its own, and what was made under one is worth nothing under another.
package keys

import "errors"

var (
	// ErrMaster answers a text or file that holds no usable master key; what is wrong and how to mend it stands behind it.
	ErrMaster = errors.New("keys: no usable master key")
	// ErrNoKey answers the id of a master key that has been retired, and a Ring that has no signer of the algorithm.
	ErrNoKey = errors.New("keys: no such key")
	// ErrSealed answers everything that Seal did not make under a live key, this purpose and this additional data. The
	// reason is not told, on purpose: whoever presents a forgery learns nothing.
	ErrSealed = errors.New("keys: forged, foreign or damaged sealed value")
	// ErrSigner answers a signing key that is not one, not of the algorithm it is said to be, or too weak.
	ErrSigner = errors.New("keys: unusable signing key")
	// ErrToken answers every token that a signer of the Ring did not sign for the wanted typ, and a token too large to make.
	ErrToken = errors.New("keys: not a token of this authority")
)
