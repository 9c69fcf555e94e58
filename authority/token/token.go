// Package token makes access tokens and ID tokens, says of any token whether it is good, and keeps the keys that sign them.
//
// What comes in is a family (login) or a client, and what the pipeline of grants has decided; what goes out is signed text,
// or a Standing. The law it keeps: a signature says only that a token was ours when it was made. Whether it is good now is
// asked of the marks, the client and the clock at every check, and a replica that cannot know answers ErrUnavailable, never
// yes (SEC-123, SEC-285).
package token

import (
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/authority/login"
	"github.com/doorward/doorward/authority/replica"
	"github.com/doorward/doorward/identity"
	"github.com/doorward/doorward/keys"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// The typ of our tokens' headers: an ID token can never pass as an access token (RFC 9068 section 2.1).
const (
	// Verify compares the whole header, so that confusing the two takes a forged signature and not a careless reader.
	typAccess = "at+jwt"
	typID     = "JWT"
)

// Tokens makes access tokens and ID tokens, and says of any token whether it is good.
type Tokens struct {
	issuer   string
	keyring  *Keyring
	registry *authority.Registry
	people   identity.People
	sessions *login.Sessions
	marks    *replica.Marks
	now      func() time.Time
	// fresh is asked before every check; a replica that has lost the others knows of no new mark.
	fresh func() bool

	verified standingCache
}

// Config is what tokens are made of. All of it is needed.
type Config struct {
	Issuer   string
	Keyring  *Keyring
	Registry *authority.Registry
	People   identity.People
	Sessions *login.Sessions
	Marks    *replica.Marks
	Now      func() time.Time
	Fresh    func() bool // reports whether this replica has heard of the others lately
}

// New makes the maker and checker of tokens.
func New(config Config) *Tokens {
	return &Tokens{
		issuer: config.Issuer, keyring: config.Keyring, registry: config.Registry, people: config.People,
		sessions: config.Sessions, marks: config.Marks, now: config.Now, fresh: config.Fresh,
	}
}

// claims is the body of an access token (RFC 9068 section 2.2). Of the person it holds the id, and the name only for Named: an access
// token is handed to every API and lives in their logs.
type claims struct {
	Issuer   string   `json:"iss"`
	Subject  string   `json:"sub"`
	Audience audience `json:"aud"`
	ClientID string   `json:"client_id"`
	Scope    string   `json:"scope,omitempty"`
	Session  string   `json:"sid,omitempty"`
	Issued   int64    `json:"iat"`
	Expires  int64    `json:"exp"`
	ID       string   `json:"jti"`
	Ends     int64    `json:"session_exp,omitempty"`
	Party    string   `json:"azp,omitempty"`                // with Username: only where somebody reads it (Named)
	Username string   `json:"preferred_username,omitempty"` // OpenID Connect Core section 5.1
}

// audience is a string where there is one, an array where there are several (RFC 7519 section 4.1.3).
type audience []string

// MarshalJSON writes the shorter form. Some resource servers compare aud as a string and would refuse a list of one.
func (a audience) MarshalJSON() ([]byte, error) {
	if len(a) == 1 {
		return json.Marshal(a[0])
	}
	return json.Marshal([]string(a))
}

// UnmarshalJSON reads both forms.
func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]string)(a))
	}
	// The one place has to be there before it can be read into.
	*a = audience{""}
	return json.Unmarshal(data, &(*a)[0])
}

// Access makes an access token of the family for scope and audience, which are within the family's. It lives as long as
// the client's access tokens do, and never beyond the session.
func (t *Tokens) Access(family authority.Family, client authority.Client, scope oauth.Scope, aud []string) (token secret.String, life time.Duration, err error) {
	return t.access(family, client, claims{Scope: scope.String(), Audience: aud})
}

// access fills in what every access token of the family says.
func (t *Tokens) access(family authority.Family, client authority.Client, c claims) (token secret.String, life time.Duration, err error) {
	now := t.now()
	// An hour at most (authority.MaxAccess; SEC-055): an API that verifies by itself hears of a revocation only at the
	// expiry.
	life = client.AccessLife()
	c.Subject, c.ClientID, c.Session = family.PersonID, client.ID, family.ID
	if !family.Ends.IsZero() {
		// Else the last refresh before the absolute end would carry the session beyond it (SEC-121).
		life = min(life, family.Ends.Sub(now))
		c.Ends = family.Ends.Unix()
	}
	token, err = t.sign(client, c, now, life)
	return token, life, err
}

// Service makes an access token for a client that acts for itself (RFC 6749 section 4.4): no person, no session.
func (t *Tokens) Service(client authority.Client, scope oauth.Scope, aud []string) (token secret.String, life time.Duration, err error) {
	life = client.AccessLife()
	token, err = t.sign(client, claims{
		Subject: client.ID, Audience: aud, ClientID: client.ID, Scope: scope.String(),
	}, t.now(), life)
	return token, life, err
}

// sign stamps what all access tokens have. The id begins with the time, to the millisecond, where iat has seconds: the id
// is what a mark is compared with (Standing.began).
func (t *Tokens) sign(client authority.Client, c claims, now time.Time, life time.Duration) (secret.String, error) {
	c.Issuer, c.ID, c.Issued, c.Expires = t.issuer, authority.NewID(now), now.Unix(), now.Add(life).Unix()
	return t.signed(client, typAccess, c)
}

// signed signs with the client's algorithm, or the keyring's first. keys.ErrNoKey where a client names one that no key is
// kept for; the client's row is then at fault and no other client is disturbed.
func (t *Tokens) signed(client authority.Client, typ string, body any) (secret.String, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return secret.String{}, err
	}
	token, err := t.keyring.Ring().Sign(t.algorithm(client), typ, text)
	return secret.New(token), err
}

// algorithm is what the client's tokens are signed with.
func (t *Tokens) algorithm(client authority.Client) keys.Alg {
	if client.Algorithm == "" {
		return t.keyring.algorithms[0]
	}
	return client.Algorithm
}

// idClaims is the body of an ID token (OpenID Connect Core sections 2 and 5.1).
type idClaims struct {
	Issuer     string   `json:"iss"`
	Subject    string   `json:"sub"`
	Audience   string   `json:"aud"`
	Expires    int64    `json:"exp"`
	Issued     int64    `json:"iat"`
	AuthTime   int64    `json:"auth_time,omitempty"`
	Nonce      string   `json:"nonce,omitempty"`
	AccessHash string   `json:"at_hash"`
	Methods    []string `json:"amr,omitempty"`
	Session    string   `json:"sid"`
	Email      string   `json:"email,omitempty"`
	Verified   *bool    `json:"email_verified,omitempty"`
	Name       string   `json:"name,omitempty"`
	Username   string   `json:"preferred_username,omitempty"`

	more map[string]string // claims whose names are settings
}

// MarshalJSON adds what has no name of its own. The fixed members come first and the object is never empty, so that its
// closing brace can become a comma.
func (c idClaims) MarshalJSON() ([]byte, error) {
	type plain idClaims
	text, err := json.Marshal(plain(c))
	if err != nil || len(c.more) == 0 {
		return text, err
	}
	more, err := json.Marshal(c.more)
	if err != nil {
		return nil, err
	}
	text[len(text)-1] = ','
	return append(text, more[1:]...), nil
}

// ID makes the ID token that goes with access, for whoever was granted openid. ready is the family's ready token, for a
// client whose logins end in one.
func (t *Tokens) ID(ctx context.Context, family authority.Family, client authority.Client, nonce string, access, ready secret.String) (secret.String, error) {
	// Read now, and not kept in the family: a name that was changed since the login is the new one.
	person, err := t.people.Person(ctx, family.PersonID)
	if err != nil {
		return secret.String{}, err
	}
	now := t.now()
	c := idClaims{
		Issuer: t.issuer, Subject: person.ID, Audience: client.ID, Issued: now.Unix(), Expires: now.Add(client.AccessLife()).Unix(),
		Nonce: nonce, AccessHash: accessHash(t.algorithm(client), access), Methods: family.Methods, Session: family.ID,
	}
	if !family.AuthTime.IsZero() {
		c.AuthTime = family.AuthTime.Unix()
	}
	// By what was approved for the session. The access token beside it may have been narrowed for one request.
	if family.Scope.Has(oauth.ScopeEmail) {
		c.Email, c.Verified = person.Email, &person.EmailVerified
	}
	if family.Scope.Has(oauth.ScopeProfile) {
		c.Name, c.Username = person.Name, person.Username
	}
	// The claim's name is the operator's setting and comes last; nothing that a client sends can become one.
	if client.ReadyClaim != "" && !ready.IsZero() {
		c.more = map[string]string{client.ReadyClaim: ready.Reveal()}
	}
	return t.signed(client, typID, c)
}

// accessHash is at_hash: the left half of the hash that goes with the signature's algorithm (OpenID Connect Core section
// 3.1.3.6). ES256 and RS256 go with SHA-256; Ed25519 hashes with SHA-512 inside, and verifiers expect that.
func accessHash(alg keys.Alg, access secret.String) string {
	if alg == keys.EdDSA {
		sum := sha512.Sum512([]byte(access.Reveal()))
		return base64.RawURLEncoding.EncodeToString(sum[:32])
	}
	sum := sha256.Sum256([]byte(access.Reveal()))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}
