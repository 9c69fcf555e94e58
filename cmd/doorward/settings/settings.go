// Package settings lets flags also come from variables of the environment and from a YAML file.
package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
	"github.com/spf13/pflag"

	"github.com/doorward/doorward/authcmd"
)

const (
	// maxConfig is the largest configuration file that is read, in bytes.
	maxConfig = 1 << 20
	// maxOpen is how many brackets may be open at once: those of the mapping and those of a list in it.
	maxOpen = 2
)

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
	if i := bytes.IndexFunc(data, unprintable); i >= 0 { // the parser lets them through
		return nil, fmt.Errorf("line %d: there is a byte that is no UTF-8 text", 1+bytes.Count(data[:i], []byte("\n")))
	}
	tokens := lexer.Tokenize(string(data))
	if err := shallow(tokens); err != nil {
		return nil, err
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey()) // ours is the clearer message
	if err != nil {
		return nil, syntax(err)
	}
	if len(file.Docs) == 0 || file.Docs[0].Body == nil {
		return nil, nil // empty, or comments alone
	}
	if len(file.Docs) > 1 {
		return nil, errors.New("it holds more than one document ('---')")
	}
	root, ok := file.Docs[0].Body.(*ast.MappingNode)
	if !ok {
		return nil, errors.New("it is not a list of 'name: value' lines")
	}
	var values []setting
	seen := make(map[string]bool)
	for _, entry := range root.Values {
		name, ok := plain(entry.Key)
		switch {
		case !ok:
			return nil, fmt.Errorf("line %d: it is not a 'name: value'", line(entry))
		case seen[name]:
			return nil, fmt.Errorf("line %d: %q is there twice", line(entry.Key), name)
		}
		seen[name] = true
		found, err := flatten(name, entry.Value)
		if err != nil {
			return nil, err
		}
		values = append(values, found...)
	}
	return values, nil
}

// shallow refuses lists in lists in lists before they are parsed: the parser calls itself for each, and a megabyte of brackets
// would take all the memory of the machine.
func shallow(tokens token.Tokens) error {
	open := 0
	for i, t := range tokens {
		switch t.Type {
		case token.MappingStartType, token.SequenceStartType:
			open++
		case token.MappingEndType, token.SequenceEndType:
			open--
		}
		if open > maxOpen || t.Type == token.SequenceEntryType && i > 0 && tokens[i-1].Type == token.SequenceEntryType {
			return fmt.Errorf("line %d: a setting is a value or a list of values, and nothing deeper", t.Position.Line)
		}
	}
	return nil
}

// flatten makes one setting of a value and several of a list.
func flatten(name string, node ast.Node) ([]setting, error) {
	if _, none := node.(*ast.NullNode); none {
		return nil, nil
	}
	if value, ok := plain(node); ok {
		return []setting{{name, value, line(node)}}, nil
	}
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return nil, fmt.Errorf("line %d: %q is a value or a list of values", line(node), name)
	}
	var values []setting
	for _, item := range list.Values {
		value, ok := plain(item)
		if !ok {
			return nil, fmt.Errorf("line %d: %q is a list of plain values", line(item), name)
		}
		values = append(values, setting{name, value, line(item)})
	}
	return values, nil
}

// plain is a value as it was written: what 010 and 1_000 mean is for the flag to say. Anchors, aliases and tags are no plain
// values.
func plain(node ast.Node) (string, bool) {
	switch node := node.(type) {
	case *ast.StringNode:
		return node.Value, true
	case *ast.LiteralNode:
		return node.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return node.GetToken().Value, true
	}
	return "", false
}

// unprintable reports what YAML (section 5.1) refuses, and bytes that are no UTF-8.
func unprintable(r rune) bool {
	return r == utf8.RuneError || r != '\n' && r != '\r' && r != '\t' && unicode.IsControl(r)
}

func line(node ast.Node) int { return node.GetToken().Position.Line }

// syntax says where the file is no YAML, and does not quote it.
func syntax(err error) error {
	var at yaml.Error
	if errors.As(err, &at) && at.GetToken() != nil {
		return fmt.Errorf("line %d: %s", at.GetToken().Position.Line, at.GetMessage())
	}
	return errors.New("it is not YAML")
}
