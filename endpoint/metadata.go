package endpoint

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/doorward/doorward/grant"
	"github.com/doorward/doorward/oauth"
)

// keepPublic is how long metadata and keys may be kept: a key is published longer than this before it signs.
const keepPublic = "public, max-age=300"

// metadata is RFC 8414 section 2 and OpenID Connect Discovery 1.0 section 3 in one document, from the configured issuer
// and never from a request (SEC-211). What is false is said, where leaving it out would mean true or leave a client to try.
type metadata struct {
	oauth.Metadata
	Prompts          []string `json:"prompt_values_supported"`
	ClaimsParameter  bool     `json:"claims_parameter_supported"`
	RequestParameter bool     `json:"request_parameter_supported"`
	RequestURI       bool     `json:"request_uri_parameter_supported"` // to be said: left out, it means true
}

func (e *Endpoint) metadata() metadata {
	// Introspection leaves "none" out: it is for clients with a secret (SEC-129).
	methods := []string{"client_secret_basic", "client_secret_post", "none"}
	return metadata{
		Prompts: []string{"none", "login", "consent", "select_account"},
		Metadata: oauth.Metadata{
			Issuer:                      e.Issuer,
			AuthorizationEndpoint:       e.Issuer + PathAuthorize,
			TokenEndpoint:               e.Issuer + PathToken,
			DeviceAuthorizationEndpoint: e.Issuer + PathDevice,
			UserinfoEndpoint:            e.Issuer + PathUserinfo,
			RevocationEndpoint:          e.Issuer + PathRevoke,
			IntrospectionEndpoint:       e.Issuer + PathIntrospect,
			JWKSURI:                     e.Issuer + PathKeys,
			ScopesSupported:             []string{oauth.ScopeOpenID, oauth.ScopeProfile, oauth.ScopeEmail, oauth.ScopeOfflineAccess},
			ResponseTypesSupported:      []string{"code"},
			ResponseModesSupported:      []string{"query"},
			GrantTypesSupported:         grantTypes(),
			SubjectTypesSupported:       []string{"public"},
			IDTokenSigningAlgs:          []string{"ES256", "RS256"},
			TokenEndpointAuthMethods:    methods,
			RevocationAuthMethods:       methods,
			IntrospectionAuthMethods:    methods[:2],
			CodeChallengeMethods:        []string{oauth.ChallengeS256},
			ClaimsSupported: []string{
				"iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "amr", "at_hash", "sid", "email", "email_verified",
				"name", "preferred_username", "organization", "role", "created_at",
			},
			IssInResponse: true,
		},
	}
}

// grantTypes are those that the pipeline redeems.
func grantTypes() []string {
	var names []string
	for _, kind := range grant.Types() {
		names = append(names, string(kind))
	}
	return names
}

// document is a JSON document that everybody may have and keep for a while.
type document struct {
	body []byte
	tag  string
}

func newDocument(value any) document {
	body, err := json.Marshal(value)
	if err != nil {
		panic("endpoint: metadata is strings and bools: " + err.Error())
	}
	return document{body, entityTag(body)}
}

// There is no CORS header: a page of another origin has no use for it here.
func (d document) serve(w http.ResponseWriter, r *http.Request) error {
	header := w.Header()
	header["Content-Type"] = jsonType
	header.Set("Cache-Control", keepPublic)
	header.Set("ETag", d.tag)
	if r.Header.Get("If-None-Match") == d.tag { // libraries send back the one tag they have; lists are for caches
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	_, _ = w.Write(d.body)
	return nil
}

// keys serves the public signing keys (RFC 7517 section 5). They change while the server runs.
func (e *Endpoint) keys(w http.ResponseWriter, r *http.Request) error {
	body := e.Authority.Keyring.JWKS()
	return document{body, entityTag(body)}.serve(w, r)
}

// entityTag is a strong validator (RFC 9110 section 8.8.3): it changes with any byte.
func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}
