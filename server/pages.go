package server

import (
	"context"
	"html"
	"io"
	"net/http"
	"time"

	"github.com/doorward/doorward/identity"
)

// pages are the routes for people.
func (s *Server) pages() map[string]http.Handler { return nil }

// page shows an error to a person.
func (s *Server) page(w http.ResponseWriter, _ *http.Request, status int, message string) {
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><title>This cannot go on</title>`+
		`<h1>This cannot go on</h1><p>`+html.EscapeString(message)+`</p></html>`)
}

// inviteLife is how long the first administrator may take.
const inviteLife = 24 * time.Hour

// invite makes the link by which the first administrator comes, where there are no people.
func (s *Server) invite(ctx context.Context) error {
	if s.config.Invite == nil {
		return nil
	}
	people, err := s.config.Store.ListPeople(ctx, "", 1)
	if err != nil || len(people) > 0 {
		return err
	}
	link, invitation := identity.NewInvitation(s.config.Now(), inviteLife)
	if err := s.config.Store.AddInvitation(ctx, invitation); err != nil {
		return err
	}
	s.config.Invite(s.config.Issuer + "/welcome?invitation=" + link.Reveal())
	return nil
}
