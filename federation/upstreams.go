package federation

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/doorward/doorward/oauth"
)

const (
	// fresh is how long a discovery is used without asking again.
	fresh = time.Hour
	// stale is how long an old one still serves while the provider does not answer.
	stale = 24 * time.Hour
	// retry is how long a failed discovery is not tried again: everybody who clicks meanwhile gets the same answer at once.
	retry = 5 * time.Second
	// maxUpstreams bounds how many providers are remembered.
	maxUpstreams = 100
)

// Upstreams knows providers by their issuers: what they say of themselves, and their keys, for an hour. The zero value is
// ready to use. It must not be copied.
type Upstreams struct {
	// AllowPrivate lets providers be on this machine or in private networks: for development.
	AllowPrivate bool
	Roots        *x509.CertPool // who may vouch for certificates; nil: whom the system trusts
	Resolver     *net.Resolver  // nil: the system's
	Now          func() time.Time
	Log          *slog.Logger // takes why a provider could not be used; nil: discards

	once  sync.Once
	http  *http.Client
	mu    sync.Mutex
	known map[string]*upstream // by issuer
}

// upstream is one provider; its own lock is held while it is asked.
type upstream struct {
	mu     sync.Mutex
	tried  time.Time
	err    error // of the last try
	found  *discovered
	loaded time.Time
	used   time.Time // under Upstreams.mu
}

// discovered is what a provider says of itself.
type discovered struct {
	*oidc.Provider
	verifies []string
	Issues   bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
	Methods  []string `json:"token_endpoint_auth_methods_supported"`
	Token    string   `json:"token_endpoint"`
	Start    string   `json:"authorization_endpoint"`
	Keys     string   `json:"jwks_uri"`
}

func (u *Upstreams) prepare() {
	u.once.Do(func() {
		if u.Now == nil {
			u.Now = time.Now
		}
		if u.Log == nil {
			u.Log = slog.New(slog.DiscardHandler)
		}
		u.http, u.known = client(u.Roots, u.Resolver, u.AllowPrivate), make(map[string]*upstream)
	})
}

// context carries the HTTP client to the libraries below.
func (u *Upstreams) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, u.http)
}

// upstream returns the entry of an issuer; the one that was used longest ago makes way where there are too many.
func (u *Upstreams) upstream(issuer string) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	entry, ok := u.known[issuer]
	if !ok {
		if len(u.known) >= maxUpstreams {
			oldest := ""
			for name, other := range u.known {
				if oldest == "" || other.used.Before(u.known[oldest].used) {
					oldest = name
				}
			}
			delete(u.known, oldest)
		}
		entry = new(upstream)
		u.known[issuer] = entry
	}
	entry.used = u.Now()
	return entry
}

// discover returns what the provider of an issuer says of itself. It fails with ErrUnavailable.
func (u *Upstreams) discover(ctx context.Context, issuer string) (*discovered, error) {
	u.prepare()
	entry := u.upstream(issuer)
	entry.mu.Lock()
	defer entry.mu.Unlock()
	now := u.Now()
	if entry.found != nil && now.Sub(entry.loaded) < fresh {
		return entry.found, nil
	}
	if since := now.Sub(entry.tried); entry.tried.IsZero() || since >= retry || since < 0 {
		entry.tried = now
		found, err := u.ask(ctx, issuer)
		if entry.err = err; err == nil {
			entry.found, entry.loaded = found, now
			return found, nil
		}
		u.Log.WarnContext(ctx, "an identity provider could not be used", "issuer", issuer, "error", brief(err))
	}
	if entry.found != nil && now.Sub(entry.loaded) < stale {
		return entry.found, nil
	}
	return nil, fmt.Errorf("%w: %s", ErrUnavailable, issuer)
}

// ask reads and checks the provider's metadata (OpenID Connect Discovery 1.0 section 4). The issuer is compared letter by
// letter (SEC-183).
func (u *Upstreams) ask(ctx context.Context, issuer string) (*discovered, error) {
	if err := oauth.CheckAddress(issuer); err != nil {
		return nil, err
	}
	provider, err := oidc.NewProvider(u.context(detached(ctx)), issuer)
	if err != nil {
		return nil, err
	}
	found := &discovered{Provider: provider, verifies: algorithms}
	if err := provider.Claims(found); err != nil {
		return nil, err
	}
	for _, address := range []string{found.Start, found.Token, found.Keys} {
		if err := oauth.CheckAddress(address); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// algorithms are those that an ID token may be signed with: asymmetric ones alone, whatever a provider says (SEC-182).
var algorithms = []string{oidc.RS256, oidc.PS256, oidc.ES256, oidc.ES384, oidc.RS384, oidc.RS512, oidc.EdDSA}

// posts reports whether the client's secret goes into the form: where the provider names that and not the header.
func (d *discovered) posts() bool {
	return slices.Contains(d.Methods, "client_secret_post") && !slices.Contains(d.Methods, "client_secret_basic")
}

// brief is an error for the log: libraries quote whole answers in theirs.
func brief(err error) string {
	var unwrapped interface{ Timeout() bool }
	text := oauth.Inert(err.Error())
	if errors.As(err, &unwrapped) && unwrapped.Timeout() {
		text = "it did not answer in time: " + text
	}
	return text[:min(len(text), 300)]
}
