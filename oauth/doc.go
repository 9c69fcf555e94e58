// Package oauth is the vocabulary that both wings of Doorward share: grant types, scopes, error codes, the wire's token and
// error, metadata, and PKCE. It speaks no HTTP; oauth/client does.
//
// Names are those of the RFCs: OAuth 2.1 (draft), RFC 6749, RFC 7636 (PKCE), RFC 8414 (metadata), RFC 8628 (device
// grant), RFC 9207 (iss).
package oauth
