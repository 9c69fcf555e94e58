package server_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"mime"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/contracts"
	"github.com/doorward/doorward/cmd/doorward/seed"
	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
	"github.com/doorward/doorward/server"
)

// node is a JSON object of the document.
type node = map[string]any

// described is a server beside what it says of itself.
type described struct {
	*running
	document node
}

func describe(t *testing.T) *described {
	t.Helper()
	r := start(t, func(c *server.Config) {
		c.Contracts, c.OpenAPI, c.Seed = contracts.All(), contracts.OpenAPI(), seed.Dev("")
		seed.Federate(c.Seed, "http://localhost:1")
		c.Seed.Clients = append(c.Seed.Clients, authority.Client{
			ID: "other-service", SecretHash: authority.HashClientSecret(secret.New("other-service-secret")),
			Grants: []oauth.GrantType{oauth.GrantClientCredentials},
		})
	})
	return &described{r, r.do(t, "GET", "/openapi.json", "").json(t)}
}

// at follows a path of names; nil where it leads nowhere.
func at(value any, names ...string) any {
	for _, name := range names {
		members, _ := value.(node)
		value = members[name]
	}
	return value
}

func members(value any) node {
	found, _ := value.(node)
	return found
}

var methods = []string{"get", "post", "put", "patch", "delete"}

// operations are those of the document, as "POST /token".
func (d *described) operations() map[string]node {
	all := make(map[string]node)
	for path, item := range members(d.document["paths"]) {
		for method, operation := range members(item) {
			all[strings.ToUpper(method)+" "+path] = members(operation)
		}
	}
	return all
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	d := describe(t)
	t.Run("is a valid document", func(t *testing.T) { wellFormed(t, d) })
	t.Run("describes every route and no other", func(t *testing.T) {
		var routes []string
		for _, pattern := range d.Machines() {
			_, path, _ := strings.Cut(pattern, "/")
			routes = append(routes, "/"+strings.TrimSuffix(path, "{$}"))
		}
		slices.Sort(routes)
		if paths := slices.Sorted(maps.Keys(members(d.document["paths"]))); !slices.Equal(paths, slices.Compact(routes)) {
			t.Errorf("described:\n%s\nserved:\n%s", strings.Join(paths, "\n"), strings.Join(routes, "\n"))
		}
	})
	t.Run("describes every method and no other", func(t *testing.T) {
		for path, item := range members(d.document["paths"]) {
			for _, method := range methods {
				got := d.do(t, strings.ToUpper(method), strings.ReplaceAll(path, "{key}", "x"), "", "Accept", "application/json")
				if _, ok := members(item)[method]; ok == (got.status == 405) {
					t.Errorf("%s %s: %d %s", method, path, got.status, got.body)
				}
			}
		}
	})
	t.Run("may be kept", func(t *testing.T) {
		first := d.do(t, "GET", "/openapi.json", "")
		second := d.do(t, "GET", "/openapi.json", "", "If-None-Match", first.header.Get("ETag"))
		if !strings.Contains(first.header.Get("Cache-Control"), "max-age=") || second.status != 304 || second.body != "" {
			t.Errorf("%v, then %d %q", first.header, second.status, second.body)
		}
	})
	t.Run("tells what is answered", func(t *testing.T) { answersAsDescribed(t, d) })
}

// wellFormed checks what tools stumble over.
func wellFormed(t *testing.T, d *described) {
	if version := d.document["openapi"]; version != "3.1.0" {
		t.Errorf("openapi: %v", version)
	}
	for _, name := range []string{"title", "version"} {
		if at(d.document, "info", name) == nil {
			t.Errorf("info has no %s", name)
		}
	}
	d.follow(t, d.document)
	tags := make(map[any]bool)
	for _, tag := range d.document["tags"].([]any) {
		tags[at(tag, "name")] = true
	}
	ids := make(map[any]string)
	for name, operation := range d.operations() {
		method, path, _ := strings.Cut(name, " ")
		id, _ := operation["operationId"].(string)
		if id == "" || ids[id] != "" {
			t.Errorf("%s: operationId %q, which %q has", name, id, ids[id])
		}
		ids[id] = name
		list, _ := operation["tags"].([]any)
		if operation["summary"] == nil || len(list) != 1 || !tags[list[0]] || len(members(operation["responses"])) == 0 {
			t.Errorf("%s: summary, responses or a tag that is listed are missing", name)
		}
		if !slices.Contains(methods, strings.ToLower(method)) {
			t.Errorf("%s: no such method", name)
		}
		for status, response := range members(operation["responses"]) {
			if at(response, "description") == nil || len(status) != 3 {
				t.Errorf("%s: the response %s is not described", name, status)
			}
		}
		var inPath []string
		parameters, _ := operation["parameters"].([]any)
		for _, p := range parameters {
			if at(p, "schema") == nil || !slices.Contains([]any{"query", "header", "path"}, at(p, "in")) {
				t.Errorf("%s: %v is no parameter", name, p)
			}
			if at(p, "in") == "path" && at(p, "required") == true {
				inPath = append(inPath, "{"+at(p, "name").(string)+"}")
			}
		}
		if found := regexp.MustCompile(`\{\w+\}`).FindAllString(path, -1); !slices.Equal(found, inPath) {
			t.Errorf("%s: parameters of the path are %v", name, inPath)
		}
		security, _ := operation["security"].([]any)
		for _, way := range security {
			for scheme := range members(way) {
				if at(d.document, "components", "securitySchemes", scheme) == nil {
					t.Errorf("%s: the scheme %s is not described", name, scheme)
				}
			}
		}
	}
}

// follow checks that every $ref leads somewhere and that every required member is described.
func (d *described) follow(t *testing.T, value any) {
	t.Helper()
	switch value := value.(type) {
	case node:
		if ref, ok := value["$ref"].(string); ok && d.schema(value) == nil {
			t.Errorf("%s leads nowhere", ref)
		}
		required, _ := value["required"].([]any)
		for _, name := range required {
			if at(value, "properties", name.(string)) == nil {
				t.Errorf("%v is required and not described in %v", name, value)
			}
		}
		for _, member := range value {
			d.follow(t, member)
		}
	case []any:
		for _, member := range value {
			d.follow(t, member)
		}
	}
}

// schema resolves a reference.
func (d *described) schema(value any) node {
	if ref, ok := at(value, "$ref").(string); ok {
		name, local := strings.CutPrefix(ref, "#/components/schemas/")
		if !local {
			return nil
		}
		value = at(d.document, "components", "schemas", name)
	}
	found, _ := value.(node)
	return found
}

// differs says where a value is not what its schema says; "" where it is. It knows the words that the document uses.
func (d *described) differs(value, described any, where string) string {
	schema := d.schema(described)
	if schema == nil {
		return where + ": no schema"
	}
	if types := listed(schema["type"]); len(types) > 0 && !slices.ContainsFunc(types, func(name any) bool { return name == typeOf(value) }) {
		return fmt.Sprintf("%s: %v is no %v", where, value, types)
	}
	if enum := listed(schema["enum"]); len(enum) > 0 && !slices.Contains(enum, value) {
		return fmt.Sprintf("%s: %v is none of %v", where, value, enum)
	}
	switch value := value.(type) {
	case node:
		return d.objectDiffers(value, schema, where)
	case []any:
		for i, item := range value {
			if found := d.differs(item, schema["items"], fmt.Sprintf("%s[%d]", where, i)); found != "" {
				return found
			}
		}
	case string:
		if pattern, ok := schema["pattern"].(string); ok && !regexp.MustCompile(pattern).MatchString(value) {
			return fmt.Sprintf("%s: %q is not %s", where, value, pattern)
		}
		if _, err := time.Parse(time.RFC3339, value); schema["format"] == "date-time" && err != nil {
			return fmt.Sprintf("%s: %v", where, err)
		}
	case float64:
		if least, ok := schema["minimum"].(float64); ok && value < least {
			return fmt.Sprintf("%s: %v is less than %v", where, value, least)
		}
	}
	return ""
}

func (d *described) objectDiffers(value, schema node, where string) string {
	for _, name := range listed(schema["required"]) {
		if _, ok := value[name.(string)]; !ok {
			return fmt.Sprintf("%s: %v is missing", where, name)
		}
	}
	for name, member := range value {
		described, ok := members(schema["properties"])[name]
		if !ok && schema["additionalProperties"] == false {
			return where + ": " + name + " is not described"
		}
		if ok {
			if found := d.differs(member, described, where+"."+name); found != "" {
				return found
			}
		}
	}
	return ""
}

func listed(value any) []any {
	if list, ok := value.([]any); ok || value == nil {
		return list
	}
	return []any{value}
}

func typeOf(value any) string {
	switch value := value.(type) {
	case node:
		return "object"
	case []any:
		return "array"
	case string:
		return "string"
	case bool:
		return "boolean"
	case float64:
		if value == float64(int64(value)) {
			return "integer"
		}
		return "number"
	}
	return "null"
}

// try sends a request and holds the answer against what its operation says; what was seen is ticked off.
func (d *described) try(t *testing.T, seen map[string]bool, operation, target, text string, header ...string) answer {
	t.Helper()
	method, path, _ := strings.Cut(operation, " ")
	if target == "" {
		target = path
	}
	got := d.do(t, method, target, text, header...)
	key := fmt.Sprintf("%s %d", operation, got.status)
	seen[key] = true
	response := at(d.operations()[operation], "responses", fmt.Sprint(got.status))
	if response == nil {
		t.Errorf("%s: not described: %s", key, got.body)
		return got
	}
	if got.status < 300 && text != "" {
		d.asked(t, operation, text, header)
	}
	for name := range members(at(response, "headers")) {
		if name != "Preference-Applied" && got.header.Get(name) == "" {
			t.Errorf("%s: no header %s", key, name)
		}
	}
	content := members(at(response, "content"))
	if len(content) == 0 {
		if got.body != "" {
			t.Errorf("%s: a body that is not described: %s", key, got.body)
		}
		return got
	}
	media, _, err := mime.ParseMediaType(got.header.Get("Content-Type"))
	if err != nil || content[media] == nil {
		t.Errorf("%s: %q is not described", key, got.header.Get("Content-Type"))
		return got
	}
	if strings.HasSuffix(media, "json") {
		var value any
		if err := json.Unmarshal([]byte(got.body), &value); err != nil {
			t.Errorf("%s: %v", key, err)
		} else if found := d.differs(value, at(content[media], "schema"), "answer"); found != "" {
			t.Errorf("%s: %s\n%s", key, found, got.body)
		}
	}
	return got
}

// asked checks that a request that was answered well is one that the document describes.
func (d *described) asked(t *testing.T, operation, text string, header []string) {
	t.Helper()
	sent := make(node)
	if header[1] == formType {
		values, err := url.ParseQuery(text)
		must(t, err)
		for name := range values {
			sent[name] = values.Get(name)
		}
	} else {
		must(t, json.Unmarshal([]byte(text), &sent))
	}
	schema := d.schema(at(d.operations()[operation], "requestBody", "content", header[1], "schema"))
	if found := d.differs(sent, schema, "request"); found != "" {
		t.Errorf("%s: %s", operation, found)
	}
	for name := range sent {
		if members(schema["properties"])[name] == nil {
			t.Errorf("%s: the parameter %s is not described", operation, name)
		}
	}
}

// answersAsDescribed makes every answer that the document describes, but for those of a server in need, and checks its members.
func answersAsDescribed(t *testing.T, d *described) {
	seen := make(map[string]bool)
	c := &caller{d, t, seen}
	c.bodies()
	c.core()
	c.pipeops()
	c.rio()
	c.plexsphere()
	c.pilot()
	for name, operation := range d.operations() {
		for status := range members(operation["responses"]) {
			if key := name + " " + status; !seen[key] && status != "429" && status != "503" {
				t.Errorf("no request of this test has got %s", key)
			}
		}
	}
}

type caller struct {
	*described
	t    *testing.T
	seen map[string]bool
}

func (c *caller) form(operation string, pairs ...string) answer {
	c.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	return c.try(c.t, c.seen, operation, "", values.Encode(), "Content-Type", formType)
}

func (c *caller) object(operation string, value any) answer {
	c.t.Helper()
	return c.try(c.t, c.seen, operation, "", string(must1(json.Marshal(value))), "Content-Type", "application/json")
}

func (c *caller) bearer(operation, target, token string) answer {
	c.t.Helper()
	return c.try(c.t, c.seen, operation, target, "", "Authorization", "Bearer "+token)
}

func must1(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

// bodies sends what no operation reads to all that read something.
func (c *caller) bodies() {
	for name, operation := range c.operations() {
		if operation["requestBody"] == nil {
			continue
		}
		c.try(c.t, c.seen, name, "", "x", "Content-Type", "image/png")
		if at(operation, "responses", "413") != nil {
			for media := range members(at(operation, "requestBody", "content")) {
				c.try(c.t, c.seen, name, "", strings.Repeat("a", 70<<10), "Content-Type", media)
			}
		}
	}
}

// decide decides for John at the store.
func (c *caller) decide(userCode any, state authority.DeviceState, binding string) {
	c.t.Helper()
	request, err := c.store.DeviceRequestByUserCode(c.t.Context(), strings.ReplaceAll(userCode.(string), "-", ""), time.Now())
	must(c.t, err)
	_, err = c.store.ChangeDeviceRequest(c.t.Context(), request.ID, func(r *authority.DeviceRequest) (authority.After, error) {
		r.State, r.Decided = state, time.Now()
		r.Approval = authority.Approval{PersonID: "usr_1234567890", Scope: r.Scope, At: time.Now(), AuthTime: time.Now(), Binding: binding}
		return authority.After{}, nil
	})
	must(c.t, err)
}

// device logs John in at the standard endpoints.
func (c *caller) device(client string, more ...string) map[string]any {
	c.t.Helper()
	begun := c.form("POST /device_authorization", append(more, "client_id", client)...).json(c.t)
	c.decide(begun["user_code"], authority.DeviceApproved, "")
	return c.try(c.t, c.seen, "POST /token", "", url.Values{
		"grant_type": {string(oauth.GrantDeviceCode)}, "client_id": {client}, "device_code": {begun["device_code"].(string)},
	}.Encode(), "Content-Type", formType, "Prefer", "wait=10").json(c.t)
}

func (c *caller) core() {
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", "/jwks", "/openapi.json"} {
		first := c.try(c.t, c.seen, "GET "+path, "", "")
		c.try(c.t, c.seen, "GET "+path, "", "", "If-None-Match", first.header.Get("ETag"))
	}
	c.try(c.t, c.seen, "GET /healthz", "", "")
	c.try(c.t, c.seen, "GET /readyz", "", "")
	c.authorize("/authorize", "doorward")
	tokens := c.device("doorward")
	access, refresh := tokens["access_token"].(string), tokens["refresh_token"].(string)
	c.form("POST /token", "grant_type", "refresh_token", "client_id", "doorward", "refresh_token", refresh)
	c.form("POST /token", "grant_type", "refresh_token", "client_id", "doorward", "refresh_token", "x")
	c.form("POST /token", "grant_type", "refresh_token", "client_id", "nobody", "refresh_token", "x")
	service := []string{"client_id", "dev-service", "client_secret", seed.ServiceSecret}
	own := c.form("POST /token", append(service, "grant_type", "client_credentials")...).json(c.t)["access_token"].(string)
	c.form("POST /token", "grant_type", string(oauth.GrantAPIKey), "client_id", "octopipe", "api_key", seed.JohnKey)
	c.form("POST /token", "grant_type", "password", "client_id", "octopipe", "username", seed.John, "password", seed.JohnPassword)
	c.form("POST /device_authorization", "client_id", "doorward", "scope", "everything")
	c.form("POST /device_authorization", "client_id", "nobody")

	for _, token := range []string{access, own, seed.ReadyToken, "x", ""} {
		c.form("POST /introspect", append(service, "token", token)...)
	}
	c.form("POST /introspect", "client_id", "doorward", "token", access)
	c.form("POST /introspect", "client_id", "other-service", "client_secret", "other-service-secret", "token", access)
	for _, method := range []string{"GET", "POST"} {
		c.bearer(method+" /userinfo", "", access)
		c.bearer(method+" /userinfo", "", seed.ReadyToken)
		c.bearer(method+" /userinfo", "", "x")
		c.bearer(method+" /userinfo", "", own)
		c.bearer(method+" /userinfo", "/userinfo?access_token=x", access)
	}
	c.form("POST /revoke", "client_id", "doorward", "token", access)
	c.form("POST /revoke", "client_id", "doorward")
	c.form("POST /revoke", "client_id", "nobody", "token", access)
}

// authorize begins a login in a browser, well and badly.
func (c *caller) authorize(path, client string) {
	query := url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {"http://localhost:5123/callback"}, "scope": {"openid email"},
		"state": {"s"}, "code_challenge": {string(oauth.NewVerifier().Challenge())}, "code_challenge_method": {"S256"},
	}.Encode()
	c.try(c.t, c.seen, "GET "+path, path+"?"+query, "")
	c.try(c.t, c.seen, "GET "+path, path+"?client_id=nobody", "", "Accept", "text/html")
	c.try(c.t, c.seen, "POST "+path, path, query, "Content-Type", formType)
}

func (c *caller) pipeops() {
	c.authorize("/auth/signin", "pipeops_public_client")
	tokens := c.device("pipeops_public_client")
	ask := map[string]string{"grant_type": "refresh_token", "client_id": "pipeops_public_client", "refresh_token": tokens["refresh_token"].(string)}
	c.object("POST /oauth/token", ask)
	ask["refresh_token"] = "x"
	c.object("POST /oauth/token", ask)
	ask["client_id"] = "nobody"
	c.object("POST /oauth/token", ask)
	c.bearer("GET /profile/data", "", tokens["access_token"].(string))
	c.bearer("GET /profile/data", "", "x")
}

func (c *caller) rio() {
	john := map[string]string{"email": "user@example.com", "password": seed.JohnPassword}
	login := c.object("POST /user/login", john).json(c.t)
	c.object("POST /user/login", map[string]string{"email": "user@example.com", "password": "wrong"})
	c.object("POST /user/login", map[string]string{"email": "ada@example.com", "password": seed.AdaPassword})
	c.object("POST /user/login", map[string]string{})
	renewed := c.object("POST /refreshtoken", map[string]any{"token": at(login, "data", "token")}).json(c.t)
	c.object("POST /refreshtoken", map[string]string{"token": "x"})
	c.object("POST /refreshtoken", []string{})
	token := at(renewed, "data", "token").(string)
	narrow := c.device("doorward", "scope", "openid")["access_token"].(string)
	for _, path := range []string{"/user/info", "/v2/users/me/", "/v2/projects/"} {
		c.bearer("GET "+path, "", token)
		c.bearer("GET "+path, "", "x")
		c.bearer("GET "+path, "", narrow)
	}
	c.bearer("GET /v2/projects/", "/v2/projects/?limit=1&continue=1&name=demo&organizations=org-globex", token)
	c.bearer("GET /v2/projects/", "/v2/projects/?limit=2", token)
	c.bearer("GET /v2/projects/", "/v2/projects/?limit=many", token)
	c.bearer("POST /user/logout", "", token)
	c.bearer("POST /user/logout", "", token)
}

func (c *caller) plexsphere() {
	ask := map[string]string{"domain_id": seed.DomainID, "idp_binding_id": seed.BindingID}
	c.object("POST /v1/auth/device-code", map[string]string{"domain_id": seed.DomainID, "idp_binding_id": seed.OtherBindingID})
	c.object("POST /v1/auth/device-code", map[string]string{"domain_id": "0190a8b8-a0c0-7a0a-8a0a-a0a0a0a0a0ff"})
	c.object("POST /v1/auth/device-token", map[string]string{"device_code": "x"})
	var tokens map[string]any
	for _, state := range []authority.DeviceState{authority.DeviceRefused, authority.DeviceApproved} {
		begun := c.object("POST /v1/auth/device-code", ask).json(c.t)
		c.decide(begun["user_code"], state, seed.BindingID)
		poll := string(must1(json.Marshal(map[string]any{"device_code": begun["device_code"]})))
		tokens = c.try(c.t, c.seen, "POST /v1/auth/device-token", "", poll, "Content-Type", "application/json", "Prefer", "wait=10").json(c.t)
	}
	access, _ := tokens["access_token"].(string)
	c.bearer("GET /v1/auth/whoami", "", access)
	c.bearer("GET /v1/auth/whoami", "", "x")
}

func (c *caller) pilot() {
	const protocol = "/realms/pilot/protocol/openid-connect"
	begun := c.form("POST "+protocol+"/auth/device", "client_id", "cli").json(c.t)
	c.form("POST "+protocol+"/auth/device", "client_id", "nobody")
	c.form("POST "+protocol+"/auth/device", "client_id", "cli", "scope", "everything")
	c.decide(begun["user_code"], authority.DeviceApproved, "")
	tokens := c.try(c.t, c.seen, "POST "+protocol+"/token", "", url.Values{
		"grant_type": {string(oauth.GrantDeviceCode)}, "client_id": {"cli"}, "device_code": {begun["device_code"].(string)},
	}.Encode(), "Content-Type", formType, "Prefer", "wait=10").json(c.t)
	refresh, _ := tokens["refresh_token"].(string)
	c.form("POST "+protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", refresh)
	c.form("POST "+protocol+"/token", "grant_type", "refresh_token", "client_id", "cli", "refresh_token", "x")
	c.form("POST "+protocol+"/token", "grant_type", "refresh_token", "client_id", "nobody", "refresh_token", "x")
	c.form("POST "+protocol+"/revoke", "client_id", "cli", "token", refresh)
	c.form("POST "+protocol+"/revoke", "client_id", "cli")
	c.form("POST "+protocol+"/revoke", "client_id", "nobody", "token", "x")
	for _, path := range []string{"/realms/pilot/api-key/", "/realms/pilot/api-key/v1/"} {
		c.try(c.t, c.seen, "GET "+path, "", "")
		c.try(c.t, c.seen, "GET "+path+"{key}", path+"wrong", "")
		c.try(c.t, c.seen, "GET "+path+"{key}", path+seed.AdaKey, "")
	}
}
