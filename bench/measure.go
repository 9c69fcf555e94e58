package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/doorward/doorward/bench/load"
	"github.com/doorward/doorward/bench/process"
)

// slices is how many times workload and stub take turns: a machine that slows down for a while slows both.
const slices = 4

// stubAnswer is of the size and the kind of a pending poll's.
const stubAnswer = `{"error":"authorization_pending","error_description":"nobody has approved this login yet"}`

// serveStub is the bare server: it reads a body and answers JSON, and that is all that it does.
func serveStub(ctx context.Context, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		header := w.Header()
		header["Content-Type"] = []string{"application/json"}
		header["Cache-Control"] = []string{"no-store"}
		_, _ = io.WriteString(w, stubAnswer)
	})}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	_, _ = fmt.Fprintf(out, "The bare server listens on http://%s\n", listener.Addr())
	if err := server.Serve(listener); ctx.Err() == nil {
		return err
	}
	return nil
}

// stub is that server in a process of its own.
type stub struct {
	process *process.Server
	client  *http.Client
}

func startStub(ctx context.Context) (*stub, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	running, err := process.Start(ctx, os.Environ(), self, "--stub")
	if err != nil {
		return nil, err
	}
	return &stub{process: running, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1024}}}, nil
}

func (s *stub) stop() {
	s.client.CloseIdleConnections()
	_ = s.process.Stop() // it keeps nothing
}

// stubBody is as long as a poll with a device code and a verifier in it.
var stubBody = strings.Repeat("x", 420)

// step is one request, as the load generator makes them.
func (s *stub) step(ctx context.Context, _ int) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.process.URL+"/token", strings.NewReader(stubBody))
	if err != nil {
		return err
	}
	request.Header["Content-Type"] = []string{"application/x-www-form-urlencoded"}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// measured is a workload beside the stub.
type measured struct {
	work, stub       load.Result
	workCPU, stubCPU time.Duration // of the servers; 0: not known
}

func (m *measured) ratio() float64 { return m.work.Rate() / m.stub.Rate() }

// perStep is the processor time of the server for one step, in milliseconds.
func (m *measured) perStep() float64 { return millis(m.workCPU) / float64(m.work.Done) }

// perBare is that as a multiple of what the bare server spends on a request; 0: not known. Of all figures it wanders least.
func (m *measured) perBare() float64 {
	bare := millis(m.stubCPU) / float64(m.stub.Done)
	if bare == 0 {
		return 0
	}
	return m.perStep() / bare
}

// measure runs the step for length in all, in turn with the stub. server may be nil.
func measure(
	ctx context.Context, stub *stub, server *process.Server, connections int, length time.Duration, step load.Step,
) (m measured, err error) {
	for range slices {
		if err := timed(ctx, stub.process, connections, length/slices/2, stub.step, &m.stub, &m.stubCPU); err != nil {
			return m, err
		}
		if err := timed(ctx, server, connections, length/slices, step, &m.work, &m.workCPU); err != nil {
			return m, err
		}
	}
	return m, nil
}

// timed runs one slice and adds what it came to.
func timed(
	ctx context.Context, server *process.Server, connections int, length time.Duration, step load.Step,
	result *load.Result, cpu *time.Duration,
) error {
	before := used(server)
	got, err := load.Run(ctx, connections, length, step)
	if err != nil {
		return err
	}
	result.Add(got)
	*cpu += used(server) - before
	return nil
}

// used is 0 for a server that is not ours to look into, and where the system does not say.
func used(server *process.Server) time.Duration {
	if server == nil {
		return 0
	}
	spent, err := server.CPU()
	if err != nil {
		return 0
	}
	return spent
}
