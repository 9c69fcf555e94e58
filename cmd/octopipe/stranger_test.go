package main

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// stranger is a server that fails: as HTTP_PROXY it stands for every host without https. `stranger STATUS` sets the variables
// HTTP_PROXY and STRANGER; `kept N` checks how many requests it got.
type stranger struct{ asked atomic.Int32 }

func (s *stranger) start(ts *testscript.TestScript, _ bool, args []string) {
	status, err := strconv.Atoi(args[0])
	ts.Check(err)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		w.Header().Set("X-Request-Id", "id-of-the-request")
		w.WriteHeader(status)
	}))
	ts.Defer(site.Close)
	ts.Setenv("HTTP_PROXY", site.URL)
	ts.Setenv("STRANGER", site.URL)
}

func (s *stranger) kept(ts *testscript.TestScript, _ bool, args []string) {
	if got := strconv.Itoa(int(s.asked.Load())); got != args[0] {
		ts.Fatalf("%s requests were sent, want %s", got, args[0])
	}
}
