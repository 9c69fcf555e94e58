package main

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/doorward/doorward/cmd/doorward/place"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/console"
	"github.com/doorward/doorward/server"
)

// upstream is the second authority of --dev: the identity provider of the first one's Domains, so that federation is real.
// Everything in it goes at the end.
type upstream struct {
	issuer  string
	end     context.CancelFunc
	ready   chan struct{} // closed where it answers, or never will
	running chan error    // what became of it
}

// listenBeside takes the next port for the second authority, or a free one where that is taken or the first has a free one.
func listenBeside(ctx context.Context, asked string, first net.Addr) (net.Listener, error) {
	host, port, err := net.SplitHostPort(asked)
	if err != nil {
		return nil, err
	}
	var config net.ListenConfig
	if number, err := strconv.Atoi(port); err == nil && number != 0 && number < 65535 {
		if listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(number+1))); err == nil {
			return listener, nil
		}
	}
	if at, _, err := net.SplitHostPort(first.String()); err == nil {
		host = at
	}
	return config.Listen(ctx, "tcp", net.JoinHostPort(host, "0"))
}

// besidePlace is a new folder beside the first one's database: what a killed server has left there goes at the next start.
func besidePlace(where place.Place) (place.Place, error) {
	if where.Store == "" {
		return place.NewTemporary("doorward-upstream-")
	}
	folder := where.Store + ".upstream"
	if err := errors.Join(os.RemoveAll(folder), os.MkdirAll(folder, 0o700)); err != nil {
		return place.Place{}, err
	}
	path := filepath.Join(folder, "doorward.db")
	return place.Place{Store: path, Master: path + ".key", Temporary: folder}, nil
}

// startUpstream starts the second authority while the first one starts too: both make keys and hash passwords, which is most
// of a start.
func startUpstream(ctx context.Context, asked string, first server.Config, where place.Place) (*upstream, error) {
	beside, err := besidePlace(where)
	if err != nil {
		return nil, err
	}
	listener, err := listenBeside(ctx, asked, first.Listener.Addr())
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	u := &upstream{issuer: "http://localhost:" + port, ready: make(chan struct{}), running: make(chan error, 1)}
	// It ends after the first one, which may still ask it something while it drains.
	ctx, u.end = context.WithCancel(context.WithoutCancel(ctx))
	config := server.Config{
		Issuer: u.issuer, Listener: listener, Now: first.Now, Log: first.Log.With("server", "upstream"), Seed: seed.Upstream(first.Issuer),
		Brand: console.Brand{Name: "Identity provider for development"},
	}
	go func() {
		err := u.run(ctx, config, beside)
		switch {
		case errors.Is(err, context.Canceled): // the first one ended before this one had begun
			err = nil
		case err != nil:
			config.Log.Error("the identity provider for development has ended", "error", err)
		}
		u.running <- err
	}()
	return u, nil
}

func (u *upstream) run(ctx context.Context, config server.Config, where place.Place) (err error) {
	ready := sync.OnceFunc(func() { close(u.ready) })
	defer ready()
	defer func() { err = errors.Join(err, where.Remove()) }()
	store, master, err := where.Open(ctx, config.Now, config.Log)
	if err != nil {
		return errors.Join(err, config.Listener.Close())
	}
	config.Store, config.Master = store, master
	running, err := server.New(ctx, config)
	if err != nil {
		return err
	}
	ready()
	return running.Run(ctx)
}

// wait waits until it answers: what --dev prints is then true.
func (u *upstream) wait() {
	if u != nil {
		<-u.ready
	}
}

// close ends it and waits until nothing of it is left.
func (u *upstream) close() error {
	if u == nil {
		return nil
	}
	u.end()
	return <-u.running
}
