package credential

import (
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
)

// DockerName is the name under which docker finds this program, where its configuration says "doorward".
const DockerName = "docker-credential-doorward"

// RegistriesVariable names the registries where no flag does, separated by commas or spaces.
const RegistriesVariable = "DOORWARD_REGISTRIES"

// What docker and its libraries look for on standard output, word for word (docker-credential-helpers, credentials/error.go).
const (
	dockerNotFound  = "credentials not found in native keychain\n"
	dockerNoAddress = "no credentials server URL\n"
)

// Arguments are those of a process whose name and arguments are args: called as docker calls a helper, by its name, it is
// `doorward credential docker`.
func Arguments(args []string) []string {
	if len(args) == 0 {
		return nil
	}
	if name := strings.ToLower(filepath.Base(args[0])); strings.TrimSuffix(name, ".exe") == DockerName {
		return append([]string{"credential", "docker"}, args[1:]...)
	}
	return args[1:]
}

// dockerFlags are those of one call by docker.
type dockerFlags struct {
	registries []string
	username   string
}

// docker is `doorward credential docker`.
func (c *Commands) docker() *cobra.Command {
	var flags dockerFlags
	cmd := &cobra.Command{
		Use: "docker get|store|erase|list", Short: "Answer docker, as a credential helper",
		Long: "Answer docker, as a credential helper. The token is given to the named registries alone. Docker calls a program named\n" +
			DockerName + "; a symbolic link of that name to doorward takes the registries from " + RegistriesVariable + ":\n\n" +
			"  ln -s \"$(command -v doorward)\" ~/.local/bin/" + DockerName + "\n\n" +
			"or a script of that name says them, and can say more:\n\n" +
			"  #!/bin/sh\n" +
			"  exec doorward credential docker --registry registry.example \"$@\"\n\n" +
			"In ~/.docker/config.json, {\"credHelpers\": {\"registry.example\": \"doorward\"}} makes docker ask it for that registry.",
		Args: actions("get, store, erase or list"),
		RunE: func(cmd *cobra.Command, args []string) error { return c.answerDocker(cmd.Context(), flags, args[0]) },
	}
	cmd.Flags().StringArrayVar(&flags.registries, "registry", nil,
		"registry that is given the token, as HOST or HOST:PORT (repeat; required, here or in "+RegistriesVariable+")")
	cmd.Flags().StringVar(&flags.username, "username", "oauth2", "user name that goes with the token")
	return cmd
}

// answerDocker does one action. Flags win over the variable as a whole: a wrapper that names one registry is not widened by
// what the environment happens to hold.
func (c *Commands) answerDocker(ctx context.Context, flags dockerFlags, action string) error {
	if len(flags.registries) == 0 {
		flags.registries = strings.FieldsFunc(c.env(RegistriesVariable), func(r rune) bool { return r == ',' || r == ' ' })
	}
	allowed, err := checkHosts("--registry (or "+RegistriesVariable+")", flags.registries)
	if err != nil {
		return err
	}
	switch action {
	case "get":
		return c.getDocker(ctx, flags, allowed)
	case "store":
		return c.storeDocker(allowed)
	case "erase":
		return c.eraseDocker()
	case "list":
		return c.listDocker(flags)
	}
	return authcmd.Usagef("docker's helpers know get, store, erase and list")
}

// dockerCredential is the JSON of the protocol. Its names are matched in any case, as docker's own helpers do.
type dockerCredential struct {
	ServerURL string
	Username  string
	Secret    string
}

// getDocker answers with the token, or with docker's word for "ask somebody else".
func (c *Commands) getDocker(ctx context.Context, flags dockerFlags, allowed hosts) error {
	address, err := c.dockerAddress()
	// Docker takes these two sentences on standard output for answers, and everything else for a helper that is broken.
	switch {
	case err != nil:
		return refuse("question of docker", err)
	case address == "":
		return c.Program.No(dockerNoAddress)
	case !allowed.registry(address):
		return c.Program.No(dockerNotFound)
	}
	got, err := c.token(ctx)
	if err != nil {
		return err
	}
	return c.object(dockerCredential{address, flags.username, got.Access.Reveal()})
}

// storeDocker takes a password and keeps nothing. For a registry of ours the login answers anyway; for another one, docker
// must hear that its password was not kept.
func (c *Commands) storeDocker(allowed hosts) error {
	text, err := readAll(c.Program.Terminal.Input())
	if err != nil {
		return refuse("credential of docker", err)
	}
	stored, err := parseDocker(text)
	if err != nil {
		return refuse("credential of docker", err)
	}
	if allowed.registry(stored.ServerURL) {
		return nil
	}
	return &authcmd.Failure{
		Exit: authcmd.ExitFailed, Code: "not_kept",
		Message: "The password was not kept: this helper gives the token of a login to the registries that it was told, and this is none of them.",
		Hint:    "Name it with --registry, or give it another helper in credHelpers of docker's config.json.",
	}
}

// eraseDocker reads the address and does nothing: a logout from a registry does not end the login.
func (c *Commands) eraseDocker() error {
	if _, err := c.dockerAddress(); err != nil {
		return refuse("question of docker", err)
	}
	return nil
}

// listDocker names the registries with their user name. It needs no login: docker asks for the list to know whom to ask, and
// a list that fails would break builds that need none of them.
func (c *Commands) listDocker(flags dockerFlags) error {
	names := make(map[string]string, len(flags.registries))
	for _, registry := range flags.registries {
		names["https://"+registry] = flags.username
	}
	return c.object(names)
}

// object writes the JSON of a protocol, in one write: a reader sees all of it or nothing.
func (c *Commands) object(object any) error {
	text, err := json.Marshal(object)
	if err != nil {
		return err
	}
	return c.Program.Terminal.Result(string(text) + "\n")
}

// dockerAddress reads the server's address, which is all that docker asks with.
func (c *Commands) dockerAddress() (string, error) {
	text, err := readAll(c.Program.Terminal.Input())
	if err != nil {
		return "", err
	}
	return parseAddress(text)
}

// parseAddress reads an address: it takes off the end of the line that some callers send; any other control character is refused.
func parseAddress(text string) (string, error) {
	text = strings.TrimRight(strings.TrimSuffix(text, "\n"), " ")
	return text, checkText(text)
}

// parseDocker reads the JSON of store. Members that are not known are ignored; one that stands there twice is refused.
func parseDocker(text string) (dockerCredential, error) {
	if !utf8.ValidString(text) {
		return dockerCredential{}, errText
	}
	var stored dockerCredential
	if err := json.Unmarshal([]byte(text), &stored); err != nil {
		return dockerCredential{}, errJSON // its own words may repeat a secret
	}
	if repeats(text) {
		return dockerCredential{}, errTwice
	}
	for _, value := range []string{stored.ServerURL, stored.Username, stored.Secret} {
		if err := checkText(value); err != nil {
			return dockerCredential{}, err
		}
	}
	return stored, nil
}

// repeats reports whether a JSON object has a member twice, in any case of its letters. encoding/json takes the last of them,
// other readers the first, and they would speak of two registries.
func repeats(object string) bool {
	decoder := json.NewDecoder(strings.NewReader(object))
	if start, err := decoder.Token(); err != nil || start != json.Delim('{') {
		return false
	}
	seen := make(map[string]bool)
	for decoder.More() {
		name, err := decoder.Token()
		text, ok := name.(string)
		if err != nil || !ok {
			return false
		}
		text = strings.ToLower(text)
		if seen[text] {
			return true
		}
		seen[text] = true
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return false
		}
	}
	return false
}

// registry reports whether an address as docker writes it is one of the hosts: registry.example, registry.example:5000,
// https://registry.example/v1/. Without a scheme it is https to docker.
func (h hosts) registry(address string) bool {
	protocol, rest, ok := strings.Cut(address, "://")
	if !ok {
		protocol, rest = "https", address
	}
	name, _, _ := strings.Cut(rest, "/")
	return h.allow(protocol, name)
}
