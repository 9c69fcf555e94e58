package oauth

import (
	"slices"
	"strings"
)

// GrantType names what a client presents at the token endpoint (RFC 6749 section 4, RFC 8628 section 3.4).
type GrantType string

// The grant types that Doorward knows.
const (
	GrantAuthorizationCode GrantType = "authorization_code"
	GrantDeviceCode        GrantType = "urn:ietf:params:oauth:grant-type:device_code"
	GrantRefreshToken      GrantType = "refresh_token"
	GrantClientCredentials GrantType = "client_credentials"
	GrantPassword          GrantType = "password"
	GrantAPIKey            GrantType = "urn:doorward:params:oauth:grant-type:api-key"
)

// Scope is a set of scope values in the order in which they were given (RFC 6749 section 3.3).
type Scope []string

// ParseScope splits a space-separated scope parameter; repeated values count once.
func ParseScope(text string) Scope {
	var scope Scope
	for _, value := range strings.Fields(text) {
		if !slices.Contains(scope, value) {
			scope = append(scope, value)
		}
	}
	return scope
}

// String joins the values with single spaces, as the wire has them.
func (s Scope) String() string { return strings.Join(s, " ") }

// Has reports whether value is in the set.
func (s Scope) Has(value string) bool { return slices.Contains(s, value) }

// Within reports whether every value of s is also in other.
func (s Scope) Within(other Scope) bool {
	for _, value := range s {
		if !other.Has(value) {
			return false
		}
	}
	return true
}

// The scope values that have a meaning of their own (OpenID Connect Core section 5.4 and section 11).
const (
	ScopeOpenID        = "openid"
	ScopeProfile       = "profile"
	ScopeEmail         = "email"
	ScopeOfflineAccess = "offline_access"
)
