package visitor

import (
	"context"

	"github.com/doorward/doorward/secret"
)

// The accessible names that the pages promise.
const (
	FieldName     = "Email or username"
	FieldPassword = "Password"
	FieldOneTime  = "One-time code"
	FieldCode     = "Code"

	ButtonSignIn   = "Sign in"
	ButtonContinue = "Continue"
	ButtonApprove  = "Approve"
	ButtonDeny     = "Deny"
	ButtonRevoke   = "Revoke"
)

// The pages that a visitor goes to by itself; the others are reached from there.
const (
	PathDevice       = "/device"
	PathApplications = "/settings/security/applications"
)

// maxSteps bounds the pages between a login's address and its decision: sign in, second factor, code.
const maxSteps = 6

// SignIn signs the person in with this name (a user name or e-mail address) and password, and remembers both for pages that
// ask again. It fails with ErrRefused where the page did not take them.
func (v *Visitor) SignIn(ctx context.Context, name string, password secret.String) error {
	v.Name, v.Password = name, password
	page, err := v.Open(ctx, PathApplications)
	if err != nil {
		return err
	}
	for range maxSteps {
		next, err := v.identify(ctx, page)
		if err != nil {
			return err
		}
		if next == nil {
			return nil
		}
		page = next
	}
	return page.fault(ErrRefused, "it asks to sign in again and again")
}

// ApproveDevice opens the address that a device login shows, with its code in it, and approves. It returns the page that
// says so.
func (v *Visitor) ApproveDevice(ctx context.Context, verificationURIComplete string) (*Page, error) {
	return v.decide(ctx, verificationURIComplete, "", ButtonApprove)
}

// DenyDevice denies instead.
func (v *Visitor) DenyDevice(ctx context.Context, verificationURIComplete string) (*Page, error) {
	return v.decide(ctx, verificationURIComplete, "", ButtonDeny)
}

// ApproveCode types a code into the device page, as somebody does who reads it off another screen, and approves.
func (v *Visitor) ApproveCode(ctx context.Context, code string) (*Page, error) {
	return v.decide(ctx, PathDevice, code, ButtonApprove)
}

// Authorize opens the address of a login in the browser, signs in where that is asked and approves where that is. It returns
// the address that the authority sent the browser to, the program's callback with the code; see Arrive.
func (v *Visitor) Authorize(ctx context.Context, authorizeURL string) (string, error) {
	return v.leave(ctx, authorizeURL, ButtonApprove)
}

// Refuse denies instead; the address carries the error.
func (v *Visitor) Refuse(ctx context.Context, authorizeURL string) (string, error) {
	return v.leave(ctx, authorizeURL, ButtonDeny)
}

// leave decides, and returns where the site sends the browser.
func (v *Visitor) leave(ctx context.Context, address, button string) (string, error) {
	page, err := v.decide(ctx, address, "", button)
	if err != nil {
		return "", err
	}
	if !page.Away {
		return "", page.fault(ErrNoPage, "the login did not lead back to the program that began it")
	}
	return page.URL.String(), nil
}

// decide walks from address to the page with the decision on it and presses button there.
func (v *Visitor) decide(ctx context.Context, address, code, button string) (*Page, error) {
	page, err := v.Open(ctx, address)
	for range maxSteps {
		if err != nil || page.Away {
			return page, err
		}
		if page.HasButton(button) {
			return decided(page.Press(ctx, button))
		}
		var next *Page
		if next, err = v.identify(ctx, page); err == nil && next == nil {
			next, err = enterCode(ctx, page, code, button)
		}
		if err != nil {
			return page, err
		}
		page = next
	}
	return page, page.fault(ErrMissing, "no button “%s” after %d pages", button, maxSteps)
}

// decided fails where the page after the decision still complains.
func decided(page *Page, err error) (*Page, error) {
	if err == nil && !page.Away && page.Alert() != "" {
		return page, page.fault(ErrRefused, "the decision was not taken")
	}
	return page, err
}

// enterCode takes the step from the code to the question that it stands for.
func enterCode(ctx context.Context, page *Page, code, button string) (*Page, error) {
	if !page.HasField(FieldCode) {
		return page, page.fault(ErrMissing, "no button “%s”", button)
	}
	if alert := page.Alert(); alert != "" {
		return page, page.fault(ErrRefused, "the code was not taken")
	}
	if code != "" {
		if err := page.Fill(FieldCode, code); err != nil {
			return page, err
		}
	}
	return page.Press(ctx, ButtonContinue)
}

// identify answers a page that asks who is there. It returns nil where the page does not ask.
func (v *Visitor) identify(ctx context.Context, page *Page) (*Page, error) {
	switch {
	case page.HasField(FieldPassword) && page.HasButton(ButtonSignIn):
		if alert := page.Alert(); alert != "" {
			return nil, page.fault(ErrRefused, "the sign-in was not taken")
		}
		if err := page.Fill(FieldName, v.Name); err != nil {
			return nil, err
		}
		if err := page.Fill(FieldPassword, v.Password.Reveal()); err != nil {
			return nil, err
		}
		return asked(page.Press(ctx, ButtonSignIn))
	case page.HasField(FieldOneTime):
		if v.OneTime == nil {
			return nil, page.fault(ErrRefused, "it asks for a one-time code and there is no authenticator")
		}
		code, err := v.OneTime()
		if err != nil {
			return nil, err
		}
		if err := page.Fill(FieldOneTime, code); err != nil {
			return nil, err
		}
		return asked(page.Press(ctx, ButtonContinue))
	}
	return nil, nil
}

// asked fails where the page after the sign-in asks for the same again: it refused, and says why.
func asked(page *Page, err error) (*Page, error) {
	if err == nil && !page.Away && page.Alert() != "" && page.HasField(FieldPassword) {
		return page, page.fault(ErrRefused, "the sign-in was not taken")
	}
	return page, err
}
