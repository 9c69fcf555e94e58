package oauth

import (
	"time"

	"github.com/doorward/doorward/secret"
)

// Token is the answer of the token endpoint (RFC 6749 section 5.1).
type Token struct {
	Access    secret.String
	Refresh   secret.String // empty where the grant or the client has none
	ID        secret.String // the ID token, with scope openid
	Type      string        // "Bearer" or "DPoP"
	ExpiresIn int64         // whole seconds; 0 where the server does not say
	Scope     Scope         // nil where it is what was asked for

	// SessionExpiresIn is when a new login will be needed, in whole seconds (`refresh_expires_in`, a widespread
	// extension); 0 where the server does not say.
	SessionExpiresIn int64
	// IdleExpiresIn is how long the session lives without being used, in whole seconds (`idle_expires_in`, ours); 0 where
	// there is no such end or the server does not say.
	IdleExpiresIn int64
	// SessionID is the `sid` of the session, where the server says it.
	SessionID string

	// Date is the server's clock when it answered (the HTTP Date header), set by oauth/client; zero where it did not say.
	// An ID token's end is judged by it, so that a wrong clock on this machine does not stop a login.
	Date time.Time
}

// DeviceAuthorization is the answer of the device authorization endpoint (RFC 8628 section 3.2).
type DeviceAuthorization struct {
	DeviceCode              secret.String
	UserCode                string
	VerificationURI         string
	VerificationURIComplete string // empty where the server has none
	ExpiresIn               int64  // whole seconds
	Interval                int64  // whole seconds; 5 where the server does not say
}

// Metadata is the authorization server's description of itself (RFC 8414, OpenID Connect Discovery 1.0).
type Metadata struct {
	Issuer                      string   `json:"issuer"`
	AuthorizationEndpoint       string   `json:"authorization_endpoint,omitempty"`
	TokenEndpoint               string   `json:"token_endpoint,omitempty"`
	DeviceAuthorizationEndpoint string   `json:"device_authorization_endpoint,omitempty"`
	UserinfoEndpoint            string   `json:"userinfo_endpoint,omitempty"`
	RevocationEndpoint          string   `json:"revocation_endpoint,omitempty"`
	IntrospectionEndpoint       string   `json:"introspection_endpoint,omitempty"`
	JWKSURI                     string   `json:"jwks_uri,omitempty"`
	ScopesSupported             []string `json:"scopes_supported,omitempty"`
	ResponseTypesSupported      []string `json:"response_types_supported,omitempty"`
	ResponseModesSupported      []string `json:"response_modes_supported,omitempty"`
	GrantTypesSupported         []string `json:"grant_types_supported,omitempty"`
	SubjectTypesSupported       []string `json:"subject_types_supported,omitempty"`
	IDTokenSigningAlgs          []string `json:"id_token_signing_alg_values_supported,omitempty"`
	TokenEndpointAuthMethods    []string `json:"token_endpoint_auth_methods_supported,omitempty"`
	RevocationAuthMethods       []string `json:"revocation_endpoint_auth_methods_supported,omitempty"`
	IntrospectionAuthMethods    []string `json:"introspection_endpoint_auth_methods_supported,omitempty"`
	CodeChallengeMethods        []string `json:"code_challenge_methods_supported,omitempty"`
	ClaimsSupported             []string `json:"claims_supported,omitempty"`
	// IssInResponse promises RFC 9207: every authorization answer carries `iss`.
	IssInResponse bool `json:"authorization_response_iss_parameter_supported,omitempty"`
}
