package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
)

// answerJSON writes a body that nobody may keep. A cache would give it to
// somebody else, or a minute later.
func answerJSON(w http.ResponseWriter, status int, body string) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// answerError writes an error object; `message` is what the wire contracts of other habits read.
func answerError(w http.ResponseWriter, status int, code, message string) {
	body, err := json.Marshal(struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
		Message     string `json:"message"`
	}{code, message, message})
	if err != nil {
		panic("server: three strings marshal: " + err.Error())
	}
	answerJSON(w, status, string(body))
}

// wantsPage reports whether a browser asks: programs are answered in JSON, an unknown path too.
func wantsPage(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/html")
}

// problem answers what no route answered: on a page for people, as an object for programs.
func (s *Server) problem(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	// Without this a person who follows an old link would read JSON, and a program that mistyped a path would parse HTML.
	if wantsPage(r) {
		s.page(w, r, status, message)
		return
	}
	answerError(w, status, code, message)
}
