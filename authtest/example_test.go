package authtest_test

import (
	"testing"

	"github.com/doorward/doorward/authtest"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/oauth/client"
)

// testLogin is a program's own test; in the program it is called TestLogin. TestExample runs it.
func testLogin(t *testing.T) {
	auth := authtest.New(t)
	c := &client.Client{Issuer: auth.Issuer, ID: auth.ClientID}

	login := flow.Device{Wire: &flow.OAuthWire{Client: c}, Issuer: auth.Issuer}
	made, err := login.Login(t.Context(), auth.UI()) // the person signs in on the real page, and approves
	if err != nil || made.Account != auth.Person.Email {
		t.Errorf("logged in as %q, %v", made.Account, err)
	}
}

// A program's login, tested against a whole authority.
func Example() {
	_ = testLogin
	// Output:
}
