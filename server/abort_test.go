package server_test

import (
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"
)

// TestAbortedConnections_SEC335 runs alone: it counts what the whole process holds.
func TestAbortedConnections_SEC335(t *testing.T) { //nolint:paralleltest // see above
	r := start(t, nil)
	if got := r.do(t, "GET", "/healthz", ""); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
	goroutines, descriptors := runtime.NumGoroutine(), openFiles(t)
	starts := []string{
		"", "POST /tok", "POST /token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngrant",
		"GET /jwks HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x00\x00",
	}
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 10_000 / 8 {
				conn, err := net.Dial("tcp", r.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.WriteString(conn, starts[(i+worker)%len(starts)])
				_ = conn.(*net.TCPConn).SetLinger(0) // a reset
				_ = conn.Close()
			}
		})
	}
	all.Wait()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for runtime.NumGoroutine() > goroutines+5 || openFiles(t) > descriptors+5 {
		select {
		case <-deadline:
			t.Fatalf("%d goroutines and %d descriptors, were %d and %d", runtime.NumGoroutine(), openFiles(t), goroutines, descriptors)
		case <-tick.C:
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("this system does not list its descriptors")
	}
	return len(open)
}
