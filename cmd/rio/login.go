package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/authcmd/ask"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/flow"
	"github.com/doorward/doorward/flow/ready"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/oauth/client/contract"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/terminal"
)

// login obtains a token in one of the three ways and sets the context, and only then replaces an earlier login: whatever
// fails before leaves that as it was, and the new session is ended again.
func (c *cli) login(ctx context.Context) error {
	// Before anything is asked or sent: a project is chosen within an organisation.
	if c.project != "" && c.organization == "" && !c.ask.Asks() {
		return authcmd.Fail("no_organization")
	}
	before, err := c.Stored(ctx)
	if err == nil && !before.Access.IsZero() && c.ask.Asks() {
		question := "You are already logged in as " + terminal.Clean(cmp.Or(before.Account, "somebody")) + ". Override this login? [y/N] "
		if yes, err := c.Terminal.Confirm(ctx, terminal.Question{Text: question}); err != nil || !yes {
			return cmp.Or(err, authcmd.Fail("kept"))
		}
	}
	chosen, err := c.choose(ctx)
	if err != nil {
		return err
	}
	_, err = c.Login(ctx, flow.Func(func(ctx context.Context, ui flow.UI) (cred.Credential, error) {
		made, err := chosen.Login(ctx, ui)
		if err == nil && made.Account == "" {
			made, err = c.api.identify(ctx, made)
		}
		if err == nil {
			// Inside the login: a context that cannot be set fails it whole, and the earlier one stays.
			made.Extra, err = c.place(ctx, made, before)
		}
		if err != nil && made.Kind == cred.KindOAuth && !made.Access.IsZero() { // a new session that nobody will hold
			err = errors.Join(err, c.api.revoke(context.WithoutCancel(ctx), made))
		}
		return made, err
	}))
	return err
}

// choose is the way that the flags mean: a token that is there, a password, else the code that is approved elsewhere.
func (c *cli) choose(ctx context.Context) (flow.Flow, error) {
	if c.authToken != "" {
		return flow.Static{Token: secret.New(c.authToken)}, nil
	}
	if c.email == "" && c.given == "" && !c.ask.Refuses() {
		device := &ready.Wire{Client: c.client, Scope: oauth.ParseScope("openid email"), Claim: "rio_token"}
		return flow.Device{Wire: device, Issuer: c.client.Issuer}, nil
	}
	return c.byPassword(ctx, cred.Credential{}, c.email, "med")
}

// byPassword is a login at a level with what the flags gave, or what the person types now. It is asked for before anything is
// sent; the password goes to the server once and is kept nowhere. old is whose name and context the new login has.
func (c *cli) byPassword(ctx context.Context, old cred.Credential, email, level string) (flow.Flow, error) {
	email, err := c.ask.Text(ctx, email, "Email: ", authcmd.Fail("no_email"))
	if err != nil {
		return nil, err
	}
	password, err := c.ask.Secret(ctx, c.given, "Password: ", authcmd.Fail("no_password"))
	return flow.Func(func(ctx context.Context, _ flow.UI) (cred.Credential, error) {
		made, err := c.api.password(ctx, email, password, level)
		made.Account, made.Extra = old.Account, old.Extra
		return made, err
	}), err
}

// thing is an organisation or a project.
type thing struct{ GUID, Name, ShortGUID, OrganizationGUID string }

// place is the context of a login: what the flags name, what the person chooses, or what it was before for the same
// account. The context of somebody else is not taken over: their projects may not be this account's.
func (c *cli) place(ctx context.Context, made, before cred.Credential) (map[string]string, error) {
	if c.organization == "" && !c.ask.Asks() {
		if made.Account == before.Account {
			return before.Extra, nil
		}
		return nil, nil
	}
	var me struct {
		Spec struct{ Organizations, Projects []thing }
	}
	if err := c.api.Call(ctx, contract.Request{Path: "/v2/users/me/", Bearer: made.Access}, &me); err != nil {
		return nil, err
	}
	organization, err := c.pick(ctx, "organization", c.organization, "", me.Spec.Organizations)
	if err != nil || organization.GUID == "" {
		return nil, err
	}
	project, err := c.pick(ctx, "project", c.project, organization.GUID, me.Spec.Projects)
	return map[string]string{
		"organization_id": organization.GUID, "organization_name": organization.Name, "organization_short_id": organization.ShortGUID,
		"project_id": project.GUID, "project_name": project.Name,
	}, err
}

// pick takes one of those in an organisation; the empty one is none.
func (c *cli) pick(ctx context.Context, kind, given, inside string, all []thing) (thing, error) {
	var there []thing
	var items []ask.Item
	for _, each := range all {
		if each.OrganizationGUID == inside {
			there, items = append(there, each), append(items, ask.Item{ID: each.GUID, Name: each.Name})
		}
	}
	n, err := c.ask.Pick(ctx, kind, given, items)
	if n < 0 || err != nil {
		return thing{}, err
	}
	return there[n], nil
}
