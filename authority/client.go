package authority

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// clientCache is how long a replica may not hear of a client's change by another one: below the second in which the
// authority promises to refuse what was taken back.
const clientCache = 800 * time.Millisecond

// maxClients bounds the cache; a flood of unknown ids is never cached at all.
const maxClients = 4096

// Registry knows the clients.
type Registry struct {
	store    Clients
	now      func() time.Time
	recorder *Recorder

	mu    sync.Mutex
	cache map[string]cachedClient
}

// NewRegistry makes a registry over the store.
func NewRegistry(store Clients, recorder *Recorder, now func() time.Time) *Registry {
	return &Registry{store: store, recorder: recorder, now: now}
}

type cachedClient struct {
	client Client
	read   time.Time
}

// Client returns the client, a disabled one too (Disabled), or ErrUnknown.
func (r *Registry) Client(ctx context.Context, id string) (Client, error) {
	now := r.now()
	r.mu.Lock()
	cached, ok := r.cache[id]
	r.mu.Unlock()
	if age := now.Sub(cached.read); ok && age >= 0 && age < clientCache {
		return cached.client, nil
	}
	client, err := r.store.Client(ctx, id)
	if err != nil {
		return Client{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cache == nil || len(r.cache) >= maxClients {
		r.cache = make(map[string]cachedClient)
	}
	r.cache[id] = cachedClient{client, now}
	return client, nil
}

func (r *Registry) forget(id string) {
	r.mu.Lock()
	delete(r.cache, id)
	r.mu.Unlock()
}

// Authenticate returns the active client of that id and secret; a public client authenticates with the empty one. The
// answer to an unknown, a disabled and a wrongly authenticated client is the same invalid_client (RFC 6749 section 5.2).
func (r *Registry) Authenticate(ctx context.Context, id string, given secret.String) (Client, error) {
	client, err := r.Client(ctx, id)
	if errors.Is(err, ErrUnknown) {
		return Client{}, unauthenticated()
	}
	if err != nil {
		return Client{}, err
	}
	hash := sha256.Sum256([]byte(given.Reveal()))
	right := client.Public() && given.IsZero() || subtle.ConstantTimeCompare(hash[:], client.SecretHash) == 1
	if !right || client.Disabled {
		return Client{}, unauthenticated()
	}
	return client, nil
}

// unauthenticated is the one answer, made only where it is given.
func unauthenticated() *oauth.Error {
	return &oauth.Error{Code: oauth.InvalidClient, Description: "client authentication failed", Status: 401}
}

// Add registers a client; what is wrong with it is said in words. actor is who did it.
func (r *Registry) Add(ctx context.Context, client Client, actor string) error {
	if err := client.check(); err != nil {
		return err
	}
	if client.Created.IsZero() {
		client.Created = r.now()
	}
	if err := r.store.AddClient(ctx, client); err != nil {
		return err
	}
	r.recorder.Record(ctx, Event{Kind: EventClientAdded, ClientID: client.ID, Actor: actor})
	return nil
}

// Change changes a client for all replicas within a second.
func (r *Registry) Change(ctx context.Context, id, actor string, change func(*Client) error) (Client, error) {
	var event Event
	client, err := r.store.ChangeClient(ctx, id, func(c *Client) (After, error) {
		event = Event{} // this may run again
		if err := change(c); err != nil {
			return After{}, err
		}
		event = r.recorder.Prepare(Event{Kind: EventClientChanged, ClientID: id, Actor: actor})
		return After{Events: []Event{event}}, c.check()
	})
	r.forget(id)
	if err == nil && event.ID != "" { // none where change had nothing to change
		r.recorder.Log(event)
	}
	return client, err
}

// Remove removes a client and ends all that it holds.
func (r *Registry) Remove(ctx context.Context, id, actor string) error {
	event := r.recorder.Prepare(Event{Kind: EventClientRemoved, ClientID: id, Actor: actor})
	mark := NewMark(MarkClient, id, r.now())
	err := r.store.RemoveClient(ctx, id, After{Marks: []Mark{mark}, Events: []Event{event}})
	r.forget(id)
	if err == nil {
		r.recorder.Log(event)
	}
	return err
}

// List returns all clients by id.
func (r *Registry) List(ctx context.Context) ([]Client, error) { return r.store.ListClients(ctx) }

// NewClientSecret makes a client secret, and the hash of it that is kept.
func NewClientSecret() (given secret.String, hash []byte) {
	given = NewSecret()
	return given, HashClientSecret(given)
}

// HashClientSecret returns what is kept of a client secret. It is machine-made, so a plain hash is enough.
func HashClientSecret(given secret.String) []byte {
	sum := sha256.Sum256([]byte(given.Reveal()))
	return sum[:]
}

// Allows reports whether the client is registered for the grant.
func (c *Client) Allows(grant oauth.GrantType) bool { return slices.Contains(c.Grants, grant) }

// GrantScope returns what a request for asked means: the default for an empty one, invalid_scope beyond what the client
// may ask for (RFC 6749 section 3.3).
func (c *Client) GrantScope(asked oauth.Scope) (oauth.Scope, error) {
	if len(asked) == 0 {
		return c.Default, nil
	}
	if !asked.Within(c.Scope) {
		return nil, oauth.Errorf(oauth.InvalidScope, "this application may ask for: %s", c.Scope)
	}
	return asked, nil
}

// GrantAudience returns the audience for the resources asked for (RFC 8707): the client's own where none was; else
// invalid_target for one that it may not name.
func (c *Client) GrantAudience(issuer string, resources []string) ([]string, error) {
	own := c.Audience
	if own == "" {
		own = issuer
	}
	if len(resources) == 0 {
		return []string{own}, nil
	}
	for _, resource := range resources {
		if resource != own && !slices.Contains(c.Resources, resource) {
			return nil, oauth.Errorf(oauth.InvalidTarget, "this application may not ask for that resource")
		}
	}
	return resources, nil
}

// IsAudience reports whether a token for audience is meant for this client as a service.
func (c *Client) IsAudience(audience []string) bool {
	return slices.ContainsFunc(audience, func(a string) bool {
		return a != "" && (a == c.ID || a == c.Audience || slices.Contains(c.Resources, a))
	})
}

// AccessLife is the life of the client's access tokens.
func (c *Client) AccessLife() time.Duration {
	if c.Access == 0 {
		return 10 * time.Minute
	}
	return c.Access
}

// ReplayLife is how long the previous refresh token still yields its successor.
func (c *Client) ReplayLife() time.Duration {
	if c.Replay == 0 {
		return 24 * time.Hour
	}
	return c.Replay
}

// ReadyPrefix begins the client's ready tokens.
func (c *Client) ReadyPrefix() string {
	if c.TokenPrefix == "" {
		return "dwt_"
	}
	return c.TokenPrefix
}

// ClockSlack is how far the clocks of two replicas may lie apart.
const ClockSlack = 10 * time.Second

// Namesake reports whether something that began then was another client's, which had the same id and was removed: the mark of
// its removal is forgotten after an hour, and what it held must not come to life for the new one. A registration that lies ahead
// of now was made by a clock that was wrong and says nothing: else nobody could log in until that time has come.
func (c *Client) Namesake(began, now time.Time) bool {
	return began.Before(c.Created.Add(-ClockSlack)) && !now.Before(c.Created)
}

// check says what is wrong with a client that is to be kept.
func (c *Client) check() error {
	switch {
	case c.ID == "" || strings.ContainsFunc(c.ID, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("a client's id is made of visible ASCII characters")
	case c.AccessLife() > MaxAccess:
		return errors.New("an access token may not live longer than an hour")
	case !c.Default.Within(c.Scope):
		return errors.New("the default scope holds something that the client may not ask for")
	case c.Public() && c.Allows(oauth.GrantClientCredentials):
		return errors.New("a client without a secret cannot use client credentials")
	case slices.Contains(reservedClaims(), c.ReadyClaim):
		return errors.New("the claim of a ready token needs a name that no other claim has")
	}
	for _, redirect := range c.Redirects {
		if err := CheckRedirect(redirect); err != nil {
			return err
		}
	}
	return nil
}

// reservedClaims are the names that a claim of a client's own must not have: those of RFC 7519, RFC 9068 and OpenID Connect
// Core. A member that stands twice is read one way by one verifier and another way by the next.
func reservedClaims() []string {
	return []string{
		"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "nonce", "auth_time", "at_hash", "c_hash", "acr", "amr", "azp", "sid",
		"scope", "client_id", "name", "given_name", "family_name", "preferred_username", "email", "email_verified", "updated_at",
	}
}

// loopbackHosts are the hosts for which a redirect URI may use http and any port (RFC 8252 section 7.3); localhost only
// where a client registered that very name.
var loopbackHosts = []string{"127.0.0.1", "[::1]", "localhost"}

// CheckRedirect says what is wrong with a redirect URI that is to be registered: allowed are https, http on a loopback
// host, and private-use schemes with a dot in them (RFC 8252 section 7.1).
func CheckRedirect(uri string) error {
	parsed, err := url.Parse(uri)
	switch {
	case err != nil || parsed.Scheme == "":
		return errors.New("a redirect URI is an absolute URI")
	case parsed.Fragment != "" || strings.Contains(uri, "#"):
		return errors.New("a redirect URI has no fragment")
	case parsed.User != nil:
		return errors.New("a redirect URI has no user information")
	case parsed.Scheme == "https" && parsed.Host != "":
		return nil
	case parsed.Scheme == "http":
		if _, _, ok := splitLoopback(uri); ok {
			return nil
		}
		return errors.New("a redirect URI with http is allowed on 127.0.0.1, [::1] and localhost only")
	case strings.Contains(parsed.Scheme, "."):
		return nil
	}
	return errors.New("a redirect URI uses https, http on a loopback host, or a scheme of the application's own with a dot in it")
}

// RedirectAllowed reports whether uri is one that the client registered. Strings are compared, never what a parser makes
// of them; the port of a loopback host is the only thing that may differ (RFC 8252 section 7.3, RFC 9700 section 2.1).
func (c *Client) RedirectAllowed(uri string) bool {
	if slices.Contains(c.Redirects, uri) {
		return true
	}
	host, rest, ok := splitLoopback(uri)
	if !ok {
		return false
	}
	return slices.ContainsFunc(c.Redirects, func(registered string) bool {
		ownHost, ownRest, ok := splitLoopback(registered)
		return ok && ownHost == host && ownRest == rest
	})
}

// splitLoopback splits an http URI on a loopback host into the host and what follows the port.
func splitLoopback(uri string) (host, rest string, ok bool) {
	after, ok := strings.CutPrefix(uri, "http://")
	if !ok {
		return "", "", false
	}
	for _, host := range loopbackHosts {
		rest, ok := strings.CutPrefix(after, host)
		if !ok {
			continue
		}
		if port, isPort := strings.CutPrefix(rest, ":"); isPort {
			end := strings.IndexAny(port, "/?#")
			if end < 0 {
				end = len(port)
			}
			number, err := strconv.ParseUint(port[:end], 10, 16)
			if err != nil || number == 0 || port[0] == '0' || port[0] == '+' {
				return "", "", false
			}
			rest = port[end:]
		}
		if rest == "" || rest[0] == '/' {
			return host, rest, true
		}
	}
	return "", "", false
}
