package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/visitor"
)

// begun is the answer to device-code.
type begun struct {
	UserCode string `json:"user_code"`
	URI      string `json:"verification_uri"`
}

// begin begins a login by hand.
func (h *house) begin(t *testing.T, domain string) (b begun) {
	t.Helper()
	resp, err := http.Post(h.wire.URL+"/v1/auth/device-code", "application/json", strings.NewReader(`{"domain_id":"`+domain+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&b); err != nil || b.UserCode == "" {
		t.Fatalf("%d, %v", resp.StatusCode, err)
	}
	return b
}

// signedIn is the page at an address of the authority, after a sign-in at the provider.
func (h *house) signedIn(ctx context.Context, t *testing.T, address string) *visitor.Page {
	t.Helper()
	page, err := h.arrive(ctx, address, (*visitor.Visitor).Authorize)
	if err != nil {
		t.Fatal(err)
	}
	return page
}

// TestTypedCode_PLX16_PLX20: without the code in its address, the page asks for it after the sign-in through the binding; the
// dash is optional, and a code of another binding reads as unknown.
func TestTypedCode_PLX16_PLX20(t *testing.T) {
	t.Parallel()
	h, ctx := start(t), t.Context()
	own, other := h.begin(t, seed.DomainID), h.begin(t, seed.OtherDomainID)
	if !strings.HasSuffix(own.URI, "/device/"+seed.BindingID) || !strings.HasSuffix(other.URI, "/device/"+seed.OtherBindingID) {
		t.Fatalf("%+v, %+v", own, other)
	}
	said := map[string]string{}
	for name, code := range map[string]string{"unknown": "BBBB-BBBB", "of another binding": other.UserCode} {
		page := h.signedIn(ctx, t, own.URI)
		if !page.HasField(visitor.FieldCode) || page.HasButton(visitor.ButtonApprove) {
			t.Fatalf("the page reads: %s", page.Text())
		}
		if err := page.Fill(visitor.FieldCode, code); err != nil {
			t.Fatal(err)
		}
		page, _ = page.Press(ctx, visitor.ButtonContinue) // a 404 with a page
		if page == nil || page.HasButton(visitor.ButtonApprove) || page.Alert() == "" {
			t.Fatalf("%s: %+v", name, page)
		}
		said[name] = page.Alert()
	}
	if said["unknown"] != said["of another binding"] {
		t.Errorf("%q", said)
	}
	page := h.signedIn(ctx, t, own.URI)
	if err := page.Fill(visitor.FieldCode, strings.ToLower(strings.ReplaceAll(own.UserCode, "-", ""))); err != nil {
		t.Fatal(err)
	}
	page, err := page.Press(ctx, visitor.ButtonContinue)
	if err != nil || !page.HasButton(visitor.ButtonApprove) || !page.Says(own.UserCode) {
		t.Fatalf("%v: %+v", err, page)
	}
	if _, err := page.Press(ctx, visitor.ButtonApprove); err != nil {
		t.Error(err)
	}
}
