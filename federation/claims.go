package federation

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/doorward/doorward/oauth"
)

// claims are what is read of an ID token. Everything else that a provider writes into it (roles, cnf, groups, …) is not even
// looked at, so that it can overwrite nothing here (SEC-197).
type claims struct {
	Subject  string   `json:"sub"`
	Party    string   `json:"azp"`
	Email    string   `json:"email"`
	Verified flag     `json:"email_verified"`
	Username string   `json:"preferred_username"`
	Name     string   `json:"name"`
	ACR      string   `json:"acr"`
	AMR      []string `json:"amr"`
	AuthTime float64  `json:"auth_time"` // NumericDate (RFC 7519 section 2)
}

// flag is a boolean that some providers write as text.
type flag bool

// UnmarshalJSON implements json.Unmarshaler; what is neither is false.
func (f *flag) UnmarshalJSON(text []byte) error {
	var said any
	if err := json.Unmarshal(text, &said); err != nil {
		return err
	}
	*f = said == true || said == "true"
	return nil
}

// maxText is the longest text that is taken over, in bytes.
const maxText = 254

func (c *claims) identity(issuer string) Identity {
	who := Identity{
		Issuer: issuer, Subject: c.Subject, Email: inert(c.Email), EmailVerified: bool(c.Verified), Username: inert(c.Username), Name: inert(c.Name),
		ACR: inert(c.ACR),
	}
	for _, method := range c.AMR[:min(len(c.AMR), 8)] {
		who.AMR = append(who.AMR, inert(method))
	}
	if c.AuthTime > 0 {
		who.AuthTime = time.Unix(int64(c.AuthTime), 0)
	}
	return who
}

// inert makes a text of the provider fit to be shown; too long is none.
func inert(text string) string {
	if len(text) > maxText {
		return ""
	}
	return strings.TrimSpace(oauth.Inert(text))
}
