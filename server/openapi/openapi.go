// Package openapi describes every endpoint for programs, as one OpenAPI 3.1 document.
//
// What comes in are the fragments of the contracts that a server speaks; what goes out is a handler. The law it keeps: the
// document is joined once, at the start, where a fragment that is none or that describes a path twice is still a mistake of
// whoever wrote it and not a surprise of whoever reads it.
package openapi

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

// own describes what every server has; contracts bring the rest.
//
//go:embed openapi.json
var own []byte

// description is the part of an OpenAPI 3.1 document that fragments may bring.
type description struct {
	Tags       []json.RawMessage          `json:"tags"`
	Paths      map[string]json.RawMessage `json:"paths"`
	Components struct {
		Schemas map[string]json.RawMessage `json:"schemas"`
	} `json:"components"`
}

// merge joins fragments to a document. What cannot be read and what is there twice is a mistake of whoever wrote it.
func merge(document []byte, fragments [][]byte) ([]byte, error) {
	var whole, components map[string]json.RawMessage
	var sum description
	for _, into := range []any{&whole, &sum} {
		if err := json.Unmarshal(document, into); err != nil {
			return nil, err
		}
	}
	if err := json.Unmarshal(whole["components"], &components); err != nil {
		return nil, err
	}
	for _, fragment := range fragments {
		var part description
		if err := json.Unmarshal(fragment, &part); err != nil {
			return nil, err
		}
		sum.Tags = append(sum.Tags, part.Tags...)
		for _, members := range []struct{ from, to map[string]json.RawMessage }{
			{part.Paths, sum.Paths}, {part.Components.Schemas, sum.Components.Schemas},
		} {
			for name, value := range members.from {
				if _, taken := members.to[name]; taken {
					// Two descriptions of one path would be one that is wrong.
					return nil, fmt.Errorf("%s is described twice", name)
				}
				members.to[name] = value
			}
		}
	}
	components["schemas"] = raw(sum.Components.Schemas)
	whole["tags"], whole["paths"], whole["components"] = raw(sum.Tags), raw(sum.Paths), raw(components)
	return raw(whole), nil
}

// raw writes what was read.
func raw(value any) json.RawMessage {
	text, err := json.Marshal(value)
	if err != nil {
		panic("openapi: what was read as JSON marshals: " + err.Error())
	}
	return text
}

// Handler serves the description of what every server has and what the fragments add. It fails where a fragment is no such
// document, or describes what is described already.
//
// The document is the same for everybody and tells nothing of this server but which contracts it speaks; a client that has it
// asks by its entity tag (RFC 9110 section 8.8.3).
func Handler(fragments [][]byte) (http.Handler, error) {
	text, err := merge(own, fragments)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(text)
	tag := `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Cache-Control", "public, max-age=300")
		header.Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		header.Set("Content-Type", "application/json")
		_, _ = w.Write(text) // a client that has gone needs no answer
	}), nil
}
