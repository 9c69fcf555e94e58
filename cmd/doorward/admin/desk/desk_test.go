package desk

import (
	"errors"
	"net/http"
	"strings"
	"testing"
)

func TestAnAnswerOfAnotherServerIsNotItsOwn(t *testing.T) {
	t.Parallel()
	desk := &Desk{&http.Client{Transport: inProcess{http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("<h1>hello</h1>"))
	})}}}
	var refusal *Refusal
	if _, err := desk.Users(t.Context()); err == nil || errors.As(err, &refusal) || strings.Contains(err.Error(), "hello") {
		t.Errorf("%v, want an error with the status alone", err)
	}
}
