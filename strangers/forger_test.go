package strangers

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// forger has a signing key that is not the authority's.
type forger struct {
	key *ecdsa.PrivateKey
}

// forgerKey is the key id under which the forger's key is published, where it is.
const forgerKey = "forger"

func newForger(t *testing.T) *forger {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	return &forger{key}
}

// claims are those of an ID token.
type claims map[string]any

// resign makes the authority's ID token anew with the forger's key: with the key id of the genuine one or, where the key is
// published, under its own.
func (f *forger) resign(token string, published bool, change func(claims)) (string, error) {
	header, body, err := open(token)
	if err != nil {
		return "", err
	}
	change(body)
	payload, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	kid := header["kid"]
	if published {
		kid = forgerKey
	}
	options := (&jose.SignerOptions{}).WithType("JWT").WithHeader("kid", kid)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: f.key}, options)
	if err != nil {
		return "", err
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// open reads a token without a look at its signature.
func open(token string) (header, body claims, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("%d parts are no JWT", len(parts))
	}
	for i, into := range []*claims{&header, &body} {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil {
			return nil, nil, err
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber() // times stay what they are
		if err := decoder.Decode(into); err != nil {
			return nil, nil, err
		}
	}
	return header, body, nil
}

// unsigned is the token with the algorithm "none".
func unsigned(token string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + strings.Split(token, ".")[1] + "."
}

// symmetric is the token signed with HMAC under what is public: the client's id stands for any such text.
func symmetric(token string) string {
	text := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + strings.Split(token, ".")[1]
	mac := hmac.New(sha256.New, []byte("doorward"))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// tampers below are what a proxy may do; each is one lie.

// inIDToken replaces the ID token of every answer of the token endpoint.
func inIDToken(replace func(token string) (string, error)) tamper {
	return tamper{response: func(response *http.Response) error {
		if response.Request.URL.Path != "/token" || response.StatusCode != http.StatusOK {
			return nil
		}
		return rewrite(response, func(answer claims) error {
			token, ok := answer["id_token"].(string)
			if !ok {
				return fmt.Errorf("the answer has no ID token: %v", maps.Keys(answer))
			}
			forged, err := replace(token)
			answer["id_token"] = forged
			return err
		})
	}}
}

// inClaims changes the ID token's claims and signs them with a key that the tampered key set names: only the claims can be
// what is refused.
func (f *forger) inClaims(change func(claims)) tamper {
	made := inIDToken(func(token string) (string, error) { return f.resign(token, true, change) })
	token := made.response
	made.response = func(response *http.Response) error {
		if response.Request.URL.Path != "/jwks" {
			return token(response)
		}
		return rewrite(response, func(set claims) error {
			set["keys"] = []jose.JSONWebKey{{Key: f.key.Public(), KeyID: forgerKey, Algorithm: string(jose.ES256), Use: "sig"}}
			return nil
		})
	}
	return made
}

// inMetadata changes what the authority says of itself.
func inMetadata(change func(claims)) tamper {
	return tamper{response: func(response *http.Response) error {
		if !strings.HasPrefix(response.Request.URL.Path, "/.well-known/") {
			return nil
		}
		return rewrite(response, func(metadata claims) error {
			change(metadata)
			return nil
		})
	}}
}

// inRequest changes the authorization request on its way to the authority.
func inRequest(change func(url.Values)) tamper {
	return tamper{request: func(request *http.Request) {
		if request.URL.Path == "/authorize" {
			query := request.URL.Query()
			change(query)
			request.URL.RawQuery = query.Encode()
		}
	}}
}

// inAnswer changes the authorization answer that the browser carries to the program.
func inAnswer(change func(url.Values)) tamper {
	return tamper{response: func(response *http.Response) error {
		if response.Header.Get("Location") == "" {
			return nil
		}
		location, err := response.Location()
		if err != nil || !location.Query().Has("code") {
			return err // or it is not the redirect to the program
		}
		query := location.Query()
		change(query)
		location.RawQuery = query.Encode()
		response.Header.Set("Location", location.String())
		return nil
	}}
}

// rewrite changes an answer's JSON object.
func rewrite(response *http.Response, change func(claims) error) error {
	var object claims
	decoder := json.NewDecoder(response.Body)
	decoder.UseNumber()
	if err := decoder.Decode(&object); err != nil {
		return err
	}
	_ = response.Body.Close()
	if err := change(object); err != nil {
		return err
	}
	body, err := json.Marshal(object)
	if err != nil {
		return err
	}
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.ContentLength = int64(len(body))
	response.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}
