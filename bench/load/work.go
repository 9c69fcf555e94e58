package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/doorward/doorward/oauth"
	"github.com/doorward/doorward/secret"
)

// Bench is a server with what the workloads need of it.
type Bench struct {
	*Server
	// Browsers are those of people who have signed in; each connection has its own as far as they go, because a server may
	// bound what one person does at once. None: workloads that need a login take Refresh.
	Browsers []*Browser
	// Refresh are refresh tokens of sessions that were begun by hand, for servers whose pages nobody here can walk. They are
	// used up by rotation.
	Refresh []secret.String
	// Pending is how many device logins wait while pending ones are polled; 0: 10,000.
	Pending int
}

// ErrNeeds says that a workload lacks something of the Bench.
var ErrNeeds = errors.New("this workload needs more")

// prepare makes what the steps need; it is not measured.
type prepare func(ctx context.Context, b *Bench, connections int) (Step, error)

// workloads are the rows of the tables that are rates.
var workloads = map[string]prepare{
	"refresh":              prepareRefresh,
	"device_authorization": prepareDevice,
	"pending":              preparePending,
	"introspect":           prepareIntrospect,
	"userinfo":             prepareUserinfo,
	"client_credentials":   prepareService,
	"login":                prepareLogin,
	"device_login":         prepareDeviceLogin,
}

// Names returns the workloads, sorted.
func Names() []string { return slices.Sorted(maps.Keys(workloads)) }

// Prepare makes ready what a workload needs and returns its step. ErrNeeds where the Bench lacks something.
func (b *Bench) Prepare(ctx context.Context, name string, connections int) (Step, error) {
	made, ok := workloads[name]
	if !ok {
		return nil, fmt.Errorf("no workload is called %q; there are %v", name, Names())
	}
	return made(ctx, b, connections)
}

func (b *Bench) browser(connection int) *Browser { return b.Browsers[connection%len(b.Browsers)] }

// sessions makes count logins, or takes those that were given.
func (b *Bench) sessions(ctx context.Context, connections, count int) ([]tokens, error) {
	if len(b.Browsers) == 0 {
		return b.given(ctx, count)
	}
	var mutex sync.Mutex
	var made []tokens
	_, err := Times(ctx, connections, count, func(ctx context.Context, connection int) error {
		got, err := b.browser(connection).Login(ctx)
		if err == nil && got.Refresh.IsZero() {
			err = fmt.Errorf("%w: a login without a refresh token", ErrUnexpected)
		}
		mutex.Lock()
		defer mutex.Unlock()
		made = append(made, got)
		return err
	})
	return made, err
}

// given refreshes what was given once, which makes access tokens of it.
func (b *Bench) given(ctx context.Context, count int) ([]tokens, error) {
	var made []tokens
	for i := range min(count, len(b.Refresh)) {
		next, err := b.refresh(ctx, b.Refresh[i])
		if err != nil {
			return nil, err
		}
		b.Refresh[i] = next.Refresh
		made = append(made, next)
	}
	if len(made) == 0 {
		return nil, fmt.Errorf("%w: a person's name and password, or refresh tokens", ErrNeeds)
	}
	return made, nil
}

// sessionsEach is how many sessions one connection refreshes in turn.
const sessionsEach = 4

func prepareRefresh(ctx context.Context, b *Bench, connections int) (Step, error) {
	all, err := b.sessions(ctx, min(connections, 8), sessionsEach*connections)
	if err != nil {
		return nil, err
	}
	if len(all) < connections {
		return nil, fmt.Errorf("%w: a refresh token for each of %d connections", ErrNeeds, connections)
	}
	each := len(all) / connections
	turns := make([]int, connections)
	return func(ctx context.Context, connection int) error {
		mine := &all[connection*each+turns[connection]%each]
		turns[connection]++
		next, err := b.refresh(ctx, mine.Refresh)
		if err != nil {
			return err
		}
		if next.Refresh == mine.Refresh {
			return fmt.Errorf("%w: the refresh token was not rotated", ErrUnexpected)
		}
		*mine = next
		return nil
	}, nil
}

func prepareDevice(_ context.Context, b *Bench, _ int) (Step, error) {
	if b.metadata.DeviceAuthorizationEndpoint == "" {
		return nil, fmt.Errorf("%w: the server has no device_authorization_endpoint", ErrNeeds)
	}
	return func(ctx context.Context, _ int) error {
		_, err := b.begin(ctx)
		return err
	}, nil
}

// preparePending begins the logins; the steps poll each in turn. Where the turn comes again before the interval is over,
// slow_down is the right answer, and costs the same.
func preparePending(ctx context.Context, b *Bench, connections int) (Step, error) {
	count := b.Pending
	if count <= 0 {
		count = 10_000
	}
	waiting := make([]device, count)
	var next atomic.Int64
	_, err := Times(ctx, max(connections, 16), count, func(ctx context.Context, _ int) (err error) {
		waiting[next.Add(1)-1], err = b.begin(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	var turn atomic.Int64
	return func(ctx context.Context, _ int) error {
		got, err := b.poll(ctx, &waiting[int(turn.Add(1)-1)%count], "")
		if err != nil {
			return err
		}
		if code := got.refused(); code != oauth.AuthorizationPending && code != oauth.SlowDown {
			return got.unexpected()
		}
		return nil
	}, nil
}

// tokensChecked is how many different access tokens are checked in turn.
const tokensChecked = 64

// checking prepares a workload that checks the access tokens of people.
func checking(ctx context.Context, b *Bench, connections int, check func(ctx context.Context, access string) error) (Step, error) {
	all, err := b.sessions(ctx, connections, tokensChecked)
	if err != nil {
		return nil, err
	}
	var turn atomic.Int64
	return func(ctx context.Context, _ int) error {
		return check(ctx, all[int(turn.Add(1))%len(all)].Access.Reveal())
	}, nil
}

func prepareIntrospect(ctx context.Context, b *Bench, connections int) (Step, error) {
	if b.ServiceID == "" {
		return nil, fmt.Errorf("%w: a service with its secret", ErrNeeds)
	}
	return checking(ctx, b, connections, func(ctx context.Context, access string) error {
		form := b.service()
		form.Set("token", access)
		got, err := b.post(ctx, b.metadata.IntrospectionEndpoint, form, nil)
		if err != nil {
			return err
		}
		var said struct {
			Active  bool   `json:"active"`
			Subject string `json:"sub"`
		}
		if err := got.json(&said); err != nil {
			return err
		}
		if !said.Active || said.Subject == "" {
			return fmt.Errorf("%w: a token that lives is not active", ErrUnexpected)
		}
		return nil
	})
}

func prepareUserinfo(ctx context.Context, b *Bench, connections int) (Step, error) {
	return checking(ctx, b, connections, func(ctx context.Context, access string) error {
		got, err := b.get(ctx, b.metadata.UserinfoEndpoint, http.Header{"Authorization": {"Bearer " + access}})
		if err != nil {
			return err
		}
		var said struct {
			Subject string `json:"sub"`
		}
		if err := got.json(&said); err != nil {
			return err
		}
		if said.Subject == "" {
			return fmt.Errorf("%w: userinfo without sub", ErrUnexpected)
		}
		return nil
	})
}

func prepareService(_ context.Context, b *Bench, _ int) (Step, error) {
	if b.ServiceID == "" {
		return nil, fmt.Errorf("%w: a service with its secret", ErrNeeds)
	}
	return func(ctx context.Context, _ int) error {
		form := b.service()
		form.Set("grant_type", string(oauth.GrantClientCredentials))
		_, err := b.token(ctx, form, nil)
		return err
	}, nil
}

func prepareLogin(_ context.Context, b *Bench, _ int) (Step, error) {
	return walking(b, (*Browser).Login)
}

func prepareDeviceLogin(_ context.Context, b *Bench, _ int) (Step, error) {
	return walking(b, (*Browser).DeviceLogin)
}

// walking is a workload of whole logins.
func walking(b *Bench, login func(*Browser, context.Context) (tokens, error)) (Step, error) {
	if len(b.Browsers) == 0 {
		return nil, fmt.Errorf("%w: a person's name and password", ErrNeeds)
	}
	return func(ctx context.Context, connection int) error {
		_, err := login(b.browser(connection), ctx)
		return err
	}, nil
}

// settle is how long a poll gets to be held before somebody approves.
const settle = 30 * time.Millisecond

// ApproveToToken measures, count times, from pressing Approve to the token in the terminal, whose poll is held.
func (b *Bench) ApproveToToken(ctx context.Context, count int) (Result, error) {
	if len(b.Browsers) == 0 {
		return Result{}, fmt.Errorf("%w: a person's name and password", ErrNeeds)
	}
	var result Result
	begun := time.Now()
	for range count {
		took, err := b.approveToToken(ctx)
		if err != nil {
			return result, err
		}
		result.Took = append(result.Took, took)
	}
	result.Done, result.Elapsed = count, time.Since(begun)
	return result, nil
}

func (b *Bench) approveToToken(ctx context.Context) (time.Duration, error) {
	d, err := b.begin(ctx)
	if err != nil {
		return 0, err
	}
	type arrival struct {
		at  time.Time
		err error
	}
	arrived := make(chan arrival, 1)
	go func() {
		got, err := b.poll(ctx, &d, "25")
		if err == nil {
			_, err = got.tokens()
		}
		arrived <- arrival{time.Now(), err}
	}()
	var pressed time.Time
	err = b.browser(0).approve(ctx, &d, func() {
		time.Sleep(settle)
		pressed = time.Now()
	})
	got := <-arrived
	return got.at.Sub(pressed), errors.Join(err, got.err)
}

// Crowd is what became of one refresh token that many presented at once.
type Crowd struct {
	Answered   int  // got tokens
	Successors int  // different refresh tokens among them
	Alive      bool // the session goes on with the successor
	Caught     bool // and ends when the first token is presented after that: a real replay
}

// AtOnce presents one refresh token so many times at once.
func (b *Bench) AtOnce(ctx context.Context, presenters int) (Crowd, error) {
	all, err := b.sessions(ctx, 1, 1)
	if err != nil {
		return Crowd{}, err
	}
	first := all[0].Refresh
	answers := make([]tokens, presenters)
	refused := make([]error, presenters)
	start := make(chan struct{})
	var presenting sync.WaitGroup
	for i := range presenters {
		presenting.Go(func() {
			<-start
			answers[i], refused[i] = b.refresh(ctx, first)
		})
	}
	close(start)
	presenting.Wait()
	crowd, successors := Crowd{}, map[secret.String]bool{}
	for i, err := range refused {
		if err == nil {
			crowd.Answered++
			successors[answers[i].Refresh] = true
		} else if !errors.Is(err, ErrUnexpected) {
			return crowd, err
		}
	}
	crowd.Successors = len(successors)
	for successor := range successors {
		next, err := b.refresh(ctx, successor)
		if err != nil {
			continue
		}
		crowd.Alive = true
		_, replayed := b.refresh(ctx, first)
		_, after := b.refresh(ctx, next.Refresh)
		crowd.Caught = errors.Is(replayed, ErrUnexpected) && errors.Is(after, ErrUnexpected)
		break
	}
	return crowd, nil
}
