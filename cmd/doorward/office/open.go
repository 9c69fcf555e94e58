package office

import (
	"context"
	"errors"

	"github.com/doorward/doorward/authority/law"
	"github.com/doorward/doorward/cmd/doorward/admin"
	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/server"
)

// Open lets `doorward admin` reach the server that runs, on its socket. nil is none: administration of a database goes there,
// from any machine.
func Open(ctx context.Context, issuer string, config server.Config, where place.Place) (*admin.Open, error) {
	if where.Socket() == "" {
		return nil, nil
	}
	office, err := open(ctx, issuer, config, where)
	if err != nil {
		return nil, err
	}
	return admin.Listen(where.Socket(), office)
}

// register is what administration asks of a store beside what the server does.
type register interface {
	identity.OrganisationRegister
	identity.DomainRegister
}

// open makes the office over a store that is open, be it another's in this process: to the authority that serves, it is one
// more replica.
func open(ctx context.Context, issuer string, config server.Config, where place.Place) (*admin.Office, error) {
	store, ok := config.Store.(register)
	if !ok {
		return nil, errors.New("this store cannot be administered")
	}
	law := law.New(law.Config{
		Issuer: issuer, Store: config.Store, People: config.Store, Attempts: config.Store, APIKeys: config.Store, Master: config.Master,
		Now: config.Now, Log: config.Log,
	})
	if err := law.Load(ctx); err != nil {
		return nil, err
	}
	made := &admin.Office{
		Authority: law, People: config.Store, SignIns: config.Store, Hasher: new(identity.Hasher), Now: config.Now,
		Organisations: config.Store, Projects: config.Store, Domains: config.Store, Register: store, DomainRegister: store,
		SigningKeys: config.Store, Seal: config.Master.Seal, AllowPrivate: config.PrivateProviders,
	}
	if where.Database.IsZero() {
		made.MasterFile = where.Master
	}
	if store, ok := config.Store.(interface {
		Backup(ctx context.Context, path string) error
	}); ok {
		made.Backup = store.Backup
	}
	return made, nil
}
