package server

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
)

// openAPI describes what every server has; contracts bring the rest.
//
//go:embed openapi/openapi.json
var openAPI []byte

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
		panic("server: what was read as JSON marshals: " + err.Error())
	}
	return text
}

// describe serves the description of every endpoint for programs. It ends the program at its start where a fragment is none.
func (s *Server) describe() http.Handler {
	text, err := merge(openAPI, s.config.OpenAPI)
	if err != nil {
		panic("server: OpenAPI: " + err.Error())
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
	})
}
