package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"

	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/visitor"
)

// sends posts JSON to the server and returns the status and what came back.
func (s *server) sends(t *testing.T, path string, body map[string]string, bearer string) (int, map[string]any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	method := http.MethodPost
	if body == nil {
		method = http.MethodGet
	}
	request, err := http.NewRequestWithContext(t.Context(), method, s.Issue+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(raw, &answer); err != nil {
		t.Fatalf("%s answers %d %s", path, response.StatusCode, raw)
	}
	return response.StatusCode, answer
}

// TestFederation goes through both authorities of --dev: the operator signs in at the second one, approves at the first, and
// a provider's refusal is told from a person's.
func TestFederation_PLX16_PLX20_PLX21_PLX22(t *testing.T) {
	t.Parallel()
	s := serve(t)
	begin := func() map[string]any {
		status, begun := s.sends(t, "/v1/auth/device-code", map[string]string{"domain_id": "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0a0"}, "")
		if status != http.StatusOK {
			t.Fatal(status, begun)
		}
		return begun
	}
	poll := func(begun map[string]any) (int, map[string]any) {
		return s.sends(t, "/v1/auth/device-token", map[string]string{"device_code": begun["device_code"].(string)}, "")
	}
	walk := func(begun map[string]any, at func(*visitor.Visitor, string) (string, error)) *visitor.Page {
		jar, _ := cookiejar.New(nil)
		v := &visitor.Visitor{Base: s.Issue, HTTP: &http.Client{Jar: jar}}
		page, err := v.Open(t.Context(), begun["verification_uri_complete"].(string))
		if err != nil || !page.Away {
			t.Fatal("it does not lead to the provider:", err)
		}
		provider := &visitor.Visitor{
			Base: page.URL.Scheme + "://" + page.URL.Host, Name: "johndoe", Password: secret.New("MySecretPassword"),
		}
		back, err := at(provider, page.URL.String())
		if err != nil {
			t.Fatal(err)
		}
		page, _ = v.Open(t.Context(), back)
		return page
	}
	begun := begin()
	if at, err := url.Parse(begun["verification_uri"].(string)); err != nil || !strings.HasPrefix(at.Path, "/device/0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0b0") {
		t.Error("PLX-20:", begun)
	}
	page := walk(begun, func(v *visitor.Visitor, address string) (string, error) { return v.Authorize(t.Context(), address) })
	if status, answer := poll(begun); status != http.StatusBadRequest || answer["code"] != "authorization_pending" {
		t.Error("PLX-16: only Approve approves:", status, answer)
	}
	if _, err := page.Press(t.Context(), "Approve"); err != nil {
		t.Fatal(err)
	}
	status, token := poll(begun)
	if status != http.StatusOK {
		t.Fatal(status, token)
	}
	status, who := s.sends(t, "/v1/auth/whoami", nil, token["access_token"].(string))
	if status != http.StatusOK || who["principal_type"] != "user" || who["domain_id"] != "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0a0" {
		t.Error("PLX-22:", status, who)
	}
	begun = begin()
	page = walk(begun, func(v *visitor.Visitor, address string) (string, error) { return v.Refuse(t.Context(), address) })
	if page == nil || !page.Says("did not let you through") {
		t.Error("the page after a refusal:", page)
	}
	if status, answer := poll(begun); status != http.StatusForbidden || answer["code"] != "access_denied" {
		t.Error("PLX-21: the provider's refusal:", status, answer)
	}
	begun = begin()
	page = walk(begun, func(v *visitor.Visitor, address string) (string, error) { return v.Authorize(t.Context(), address) })
	if _, err := page.Press(t.Context(), "Deny"); err != nil {
		t.Fatal(err)
	}
	if status, answer := poll(begun); status != http.StatusBadRequest || answer["code"] != "access_denied" {
		t.Error("PLX-21: the person's refusal:", status, answer)
	}
}
