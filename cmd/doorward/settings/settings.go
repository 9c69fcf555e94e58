// Package settings lets flags also come from variables of the environment and from a YAML file.
package settings

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"

	"github.com/doorward/doorward/authcmd"
)

// maxConfig is the largest configuration file that is read, in bytes.
const maxConfig = 1 << 20

// Set is flags that may also come from DOORWARD_ variables and from the file of --config: a flag wins over a
// variable, and that over the file. The key in the file is the flag's name, the variable its name in capitals.
type Set struct {
	Flags *pflag.FlagSet
	Env   func(string) string // looks up a variable
	// Partial lets the file hold settings of other commands too: a server's file also tells where its store is.
	Partial bool

	file string
}

// New makes the set, with the flag that names the file in it.
func New(env func(string) string) *Set {
	s := &Set{Flags: pflag.NewFlagSet("settings", pflag.ContinueOnError), Env: env}
	s.Flags.StringVar(&s.file, "config", "", "YAML file with these settings; its keys are the names of the flags")
	return s
}

// Settle fills in what was not typed. Its errors are *authcmd.UsageError and name the variable, or the file and the line;
// they do not repeat values.
func (s *Set) Settle() error {
	if err := s.variables(); err != nil || s.file == "" {
		return err
	}
	return s.read()
}

// variables sets the flags that stand in the environment. An empty variable is none.
func (s *Set) variables() (err error) {
	s.Flags.VisitAll(func(flag *pflag.Flag) {
		name := "DOORWARD_" + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_"))
		value := s.Env(name)
		if flag.Changed || value == "" || err != nil {
			return
		}
		if bad := s.Flags.Set(flag.Name, value); bad != nil {
			err = authcmd.Usagef("the variable %s: it is not a value for --%s", name, flag.Name)
		}
	})
	return err
}

// read sets what stands in the file.
func (s *Set) read() error {
	file, err := os.Open(s.file)
	if err != nil {
		return &authcmd.UsageError{Err: err}
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxConfig+1))
	if err != nil {
		return &authcmd.UsageError{Err: err}
	}
	if len(data) > maxConfig {
		return authcmd.Usagef("%s is longer than %d bytes", s.file, maxConfig)
	}
	values, err := parseConfig(data)
	if err != nil {
		return authcmd.Usagef("%s: %w", s.file, err)
	}
	given := make(map[string]bool)
	s.Flags.VisitAll(func(flag *pflag.Flag) { given[flag.Name] = flag.Changed })
	for _, value := range values {
		if given[value.name] {
			continue // typed, or in a variable
		}
		if err := s.set(value); err != nil {
			return authcmd.Usagef("%s, line %d: %w", s.file, value.line, err)
		}
	}
	return nil
}

// set sets one flag as if it had been typed.
func (s *Set) set(value setting) error {
	switch {
	case s.Partial && s.Flags.Lookup(value.name) == nil:
		return nil
	case value.name == "config" || s.Flags.Lookup(value.name) == nil:
		return fmt.Errorf("there is no setting %q", value.name)
	case value.text == "":
		return fmt.Errorf("%s is empty", value.name)
	}
	if err := s.Flags.Set(value.name, value.text); err != nil {
		return fmt.Errorf("it is not a value for %s", value.name)
	}
	return nil
}

// setting is one value of the file.
type setting struct {
	name, text string
	line       int
}

// parseConfig reads a YAML mapping of names to values and lists of values.
func parseConfig(data []byte) ([]setting, error) {
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if len(document.Content) == 0 {
		return nil, nil // empty, or comments alone
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, errors.New("it is not a list of 'name: value' lines")
	}
	var values []setting
	seen := make(map[string]bool)
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, node := root.Content[i], root.Content[i+1]
		if seen[key.Value] {
			return nil, fmt.Errorf("line %d: %q is there twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		found, err := flatten(key.Value, node)
		if err != nil {
			return nil, err
		}
		values = append(values, found...)
	}
	return values, nil
}

// flatten makes one setting of a value and several of a list.
func flatten(name string, node *yaml.Node) ([]setting, error) {
	switch node.Kind {
	case yaml.ScalarNode:
		if node.Tag == "!!null" {
			return nil, nil
		}
		return []setting{{name, node.Value, node.Line}}, nil
	case yaml.SequenceNode:
		var values []setting
		for _, item := range node.Content {
			if item.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("line %d: %q is a list of plain values", item.Line, name)
			}
			values = append(values, setting{name, item.Value, item.Line})
		}
		return values, nil
	}
	return nil, fmt.Errorf("line %d: %q is a value or a list of values", node.Line, name)
}
