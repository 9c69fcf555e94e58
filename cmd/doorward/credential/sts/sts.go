// Package sts asks AWS's Security Token Service for the temporary credentials of a role, in exchange for a token
// (AssumeRoleWithWebIdentity, version 2011-06-15). It is one form and one answer in XML, and needs no signature: the token
// is the proof.
package sts

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

const (
	maxBody = 1 << 20          // of an answer
	limit   = 30 * time.Second // of one exchange, from the first byte sent to the last one read
)

// Request is one exchange. All but Duration are needed.
type Request struct {
	Endpoint string // https, or http on this machine
	Role     string // its ARN
	Session  string // the name by which AWS's records know it
	Token    secret.String
	Duration time.Duration // whole seconds; 0: as AWS has it
}

// Keys are temporary credentials.
type Keys struct {
	ID      string
	Secret  secret.String
	Session secret.String // the session token, which belongs to the other two
	Expires time.Time
}

// Error is a refusal of STS. Both texts are fit to be shown, and neither holds the token.
type Error struct {
	Status  int    // of HTTP
	Code    string // "AccessDenied"
	Message string // without a full stop; "" where it said nothing
}

// Error says what was refused.
func (e *Error) Error() string { return "AWS refused (" + e.Code + "): " + e.Message }

// document is what is read of an answer, of either kind. Elements are found by their names alone, in whatever namespace: STS
// has one, and the stand-ins of private partitions often have none.
type document struct {
	Keys struct {
		ID      string        `xml:"AccessKeyId"`
		Secret  secret.String `xml:"SecretAccessKey"`
		Session secret.String `xml:"SessionToken"`
		Expires time.Time     `xml:"Expiration"`
	} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	Error struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	} `xml:"Error"`
}

// Exchange sends the token and returns the role's credentials. Redirects are not followed: they would carry the token to an
// address that nobody named. hc nil is a client with the defaults of net/http. It fails with *Error where STS says no, with
// an *oauth.AddressError where the token may not travel to the endpoint, and else with what the network or the answer had
// wrong; no error holds the token.
func Exchange(ctx context.Context, hc *http.Client, r Request) (Keys, error) {
	if err := oauth.CheckAddress(r.Endpoint); err != nil {
		return Keys{}, err
	}
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	status, body, err := r.send(limited, hc)
	switch {
	case ctx.Err() != nil:
		return Keys{}, ctx.Err()
	case err != nil:
		return Keys{}, err
	case status >= 300 && status < 400:
		return Keys{}, errors.New("a redirect came back, which is not followed; is the address that of STS?")
	}
	var got document
	if err := xml.Unmarshal(body, &got); err != nil { // its own words may repeat the answer
		return Keys{}, fmt.Errorf("what answered (HTTP %d) is not STS", status)
	}
	// An error is one whatever the status says: gateways are known to turn every answer into 200.
	if got.Error.Code != "" || status != http.StatusOK {
		return Keys{}, r.refusal(status, got)
	}
	// All four or none: tools of AWS would go on with a half and fail where nobody knows why.
	keys := Keys{got.Keys.ID, got.Keys.Secret, got.Keys.Session, got.Keys.Expires}
	if !word(keys.ID) || !word(keys.Secret.Reveal()) || !word(keys.Session.Reveal()) || keys.Expires.IsZero() {
		return Keys{}, errors.New("the answer of STS is not whole")
	}
	return keys, nil
}

// send makes the request and reads the answer. The token travels in the body alone: addresses and headers end up in logs.
// An error names the host and not the address, which may have been typed with something in it.
func (r Request) send(ctx context.Context, hc *http.Client) (status int, body []byte, err error) {
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"},
		"RoleArn": {r.Role}, "RoleSessionName": {r.Session}, "WebIdentityToken": {r.Token.Reveal()},
	}
	if r.Duration > 0 {
		form.Set("DurationSeconds", strconv.FormatInt(int64(r.Duration/time.Second), 10))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.Endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, &oauth.AddressError{Address: oauth.Inert(r.Endpoint), Reason: "is not a URL"}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/xml")
	own := http.Client{} // a copy: the caller's may follow redirects for others
	if hc != nil {
		own = *hc
	}
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := own.Do(req)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err
		}
		return 0, nil, fmt.Errorf("%s: %w", req.URL.Host, err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return 0, nil, fmt.Errorf("%s: the answer broke off: %w", req.URL.Host, err)
	}
	if len(body) > maxBody {
		return 0, nil, fmt.Errorf("%s: the answer is longer than 1 MiB", req.URL.Host)
	}
	return resp.StatusCode, body, nil
}

// refusal is what STS says no with. A message with the token in it, as a broken proxy may write one, is left out.
func (r Request) refusal(status int, got document) error {
	// The code becomes a part of our own sentence, so only what a code is made of is taken over.
	code := strings.Map(func(c rune) rune {
		if c < 0x80 && (unicode.IsLetter(c) || unicode.IsDigit(c) || c == '.') {
			return c
		}
		return -1
	}, got.Error.Code)
	if code == "" || len(code) > 64 || strings.Contains(code, r.Token.Reveal()) {
		code = "HTTP " + strconv.Itoa(status)
	}
	message := strings.TrimRight(strings.Join(strings.Fields(got.Error.Message), " "), ".")
	if strings.Contains(got.Error.Message, r.Token.Reveal()) {
		message = ""
	}
	return &Error{Status: status, Code: code, Message: oauth.Inert(message)}
}

// word reports whether a text is printable ASCII without spaces, as keys are; the protocols that they go on in have lines.
func word(text string) bool {
	return text != "" && !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
