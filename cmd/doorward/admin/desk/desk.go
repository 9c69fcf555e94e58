package desk

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/doorward/doorward/secret"
)

// maxAnswer is the largest answer that is read, in bytes: a list of a million people is not for this command.
const maxAnswer = 64 << 20

// Desk is where requests are handed in: that of a running server (Dial), or one in this process (Local). Its methods fail
// with a *Refusal where the office says no.
type Desk struct {
	http *http.Client
}

// Dial returns the desk of the server that listens on the socket; ok is false where nobody does.
func Dial(ctx context.Context, socket string) (desk *Desk, ok bool) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	probe, err := dial(ctx, "", "")
	if err != nil {
		return nil, false // not there, or left behind by a server that was killed
	}
	_ = probe.Close()
	return &Desk{&http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}, true
}

// Local returns a desk whose requests the handler answers in this process.
func Local(office http.Handler) *Desk {
	return &Desk{&http.Client{Transport: inProcess{office}}}
}

// AddUser makes a person.
func (d *Desk) AddUser(ctx context.Context, user User, password secret.String) (made User, err error) {
	ask := NewUser{user.Username, user.Email, user.Name, user.Administrator, password.Reveal()}
	return made, d.do(ctx, http.MethodPost, "/users", ask, &made)
}

// Users lists the people by user name.
func (d *Desk) Users(ctx context.Context) (users []User, err error) {
	return users, d.do(ctx, http.MethodGet, "/users", nil, &users)
}

// RemoveUser removes the person of that user name or e-mail address and ends all that they hold.
func (d *Desk) RemoveUser(ctx context.Context, name string) (removed User, err error) {
	return removed, d.do(ctx, http.MethodDelete, query("/users", "user", name), nil, &removed)
}

// AddClient registers a client; a confidential one (Public false) gets a secret, which is shown this once.
func (d *Desk) AddClient(ctx context.Context, client Client) (made Client, err error) {
	ask := NewClient{client.ID, client.Name, client.Redirects, client.Grants, client.Scope, !client.Public}
	return made, d.do(ctx, http.MethodPost, "/clients", ask, &made)
}

// Clients lists the clients by id.
func (d *Desk) Clients(ctx context.Context) (clients []Client, err error) {
	return clients, d.do(ctx, http.MethodGet, "/clients", nil, &clients)
}

// RemoveClient removes a client and ends all that it holds.
func (d *Desk) RemoveClient(ctx context.Context, id string) (removed Client, err error) {
	return removed, d.do(ctx, http.MethodDelete, query("/clients", "client", id), nil, &removed)
}

// Events lists the audit, the newest first.
func (d *Desk) Events(ctx context.Context, filter EventFilter) (events []Event, err error) {
	q := url.Values{"user": {filter.User}, "client": {filter.Client}, "kind": {filter.Kind}}
	if !filter.Since.IsZero() {
		q.Set("since", filter.Since.Format(time.RFC3339Nano))
	}
	if filter.Limit > 0 {
		q.Set("limit", strconv.Itoa(filter.Limit))
	}
	return events, d.do(ctx, http.MethodGet, "/events?"+q.Encode(), nil, &events)
}

// Backup writes a consistent copy of the store to path, which must be absolute and not be there.
func (d *Desk) Backup(ctx context.Context, path string) error {
	return d.do(ctx, http.MethodPost, "/backup", NewBackup{path}, nil)
}

// do hands in one request and reads the answer.
func (d *Desk) do(ctx context.Context, method, path string, ask, answer any) error {
	var body bytes.Buffer
	if ask != nil {
		if err := json.NewEncoder(&body).Encode(ask); err != nil {
			return err
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://office"+path, &body)
	if err != nil {
		return err
	}
	response, err := d.http.Do(request)
	if err != nil {
		return fmt.Errorf("the server did not answer: %w", err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("the server's answer broke off: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return refusal(response.StatusCode, data)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(data, answer)
}

// refusal reads what the office says; another server's words are not taken for its own.
func refusal(status int, data []byte) error {
	r := &Refusal{Status: status}
	if err := json.Unmarshal(data, r); err != nil || r.Message == "" {
		return fmt.Errorf("the server answered with status %d; is it of another version?", status)
	}
	return r
}

// inProcess is a transport without a wire.
type inProcess struct{ handler http.Handler }

// RoundTrip has the handler answer.
func (t inProcess) RoundTrip(request *http.Request) (*http.Response, error) {
	answer := &recorded{header: make(http.Header), status: http.StatusOK}
	t.handler.ServeHTTP(answer, request)
	return &http.Response{
		Status: strconv.Itoa(answer.status), StatusCode: answer.status, Header: answer.header,
		Body: io.NopCloser(strings.NewReader(answer.body.String())), Request: request,
	}, nil
}

// recorded is an http.ResponseWriter that keeps the answer.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header is that of http.ResponseWriter.
func (r *recorded) Header() http.Header { return r.header }

// WriteHeader is that of http.ResponseWriter.
func (r *recorded) WriteHeader(status int) { r.status = status }

// Write is that of http.ResponseWriter.
func (r *recorded) Write(p []byte) (int, error) { return r.body.Write(p) }
