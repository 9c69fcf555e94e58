package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
)

func TestTemporaryErrorsKeepTheLogin_SEC317(t *testing.T) {
	t.Parallel()
	faults := map[string]error{
		"500":            &oauth.Error{Code: oauth.ServerError, Status: 500},
		"502":            &oauth.Error{Code: "bad_gateway", Status: 502},
		"503":            &oauth.Error{Code: oauth.TemporarilyUnavailable},
		"429":            &oauth.Error{Code: oauth.SlowDown, Status: 429},
		"429 of a proxy": &oauth.Error{Code: oauth.InvalidRequest, Status: 429},
		"timeout":        context.DeadlineExceeded,
		"reset":          &url.Error{Op: "Post", Err: &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}},
		"DNS failure":    &url.Error{Op: "Post", Err: &net.DNSError{Err: "no such host"}},
		"captive portal": &oauth.TemporaryError{Err: errors.New("HTML with 200")},
		"wrapped":        fmt.Errorf("refreshing: %w", &oauth.TemporaryError{Err: errors.New("x")}),
	}
	for name, fault := range faults {
		t.Run("SEC-317 "+name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, 30*time.Second)
			before := b.bytes(t)
			b.server.answer(fault)
			b.wantToken(t, "access of r") // near its end, and good
			b.clock.move(time.Minute)
			if _, err := b.Token(t.Context()); !temporary(err) {
				t.Errorf("Token past its end: %v, want a temporary error", err)
			}
			if b.bytes(t) != before {
				t.Error("the store changed")
			}
			b.server.answer(nil)
			b.clock.move(maxPause)
			b.wantToken(t, "access of r+")
		})
	}
	t.Run("SEC-317 back-off grows and is spread", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, 55*time.Second)
		b.server.answer(context.DeadlineExceeded)
		asked := make([]int, 0, 50)
		for second := range 50 {
			before := b.server.asked()
			b.wantToken(t, "access of r")
			if b.server.asked() > before {
				asked = append(asked, second)
			}
			b.clock.move(time.Second)
		}
		// Pauses of 1, 2, 4, … seconds, halved by the draw of 0.
		if want := []int{0, 1, 2, 4, 8, 16, 32}; fmt.Sprint(asked) != fmt.Sprint(want) {
			t.Errorf("asked at %v, want %v", asked, want)
		}
	})
	t.Run("SEC-319 Retry-After is obeyed", func(t *testing.T) {
		t.Parallel()
		b := newBench(t, -time.Second)
		b.server.answer(&oauth.TemporaryError{Err: errors.New("503"), RetryAfter: 30 * time.Second})
		var busy *oauth.TemporaryError
		for range 3 {
			if _, err := b.Token(t.Context()); !errors.As(err, &busy) || busy.RetryAfter != 30*time.Second {
				t.Fatalf("Token: %v", err)
			}
		}
		b.server.answer(nil)
		b.clock.move(31 * time.Second)
		b.wantToken(t, "access of r+")
		if b.server.asked() != 2 {
			t.Errorf("%d requests", b.server.asked())
		}
	})
}

func TestHolderHangs_SEC314(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]time.Duration{"SEC-314 a token that lives is used": 30 * time.Second, "SEC-314 waiters stop": -time.Second} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, left)
				released := make(chan struct{})
				holder := b.process()
				holder.Refresher = hanging(released)
				holder.Limit = time.Hour
				var wg sync.WaitGroup
				wg.Go(func() { _, _ = holder.Token(t.Context()) })
				synctest.Wait()
				began := time.Now()
				c, err := b.Token(t.Context())
				waited := time.Since(began) // by the bubble's clock
				if left > 0 && (err != nil || c.Access.Reveal() != "access of r" || waited > patience+time.Second) {
					t.Errorf("Token: %q, %v after %v", c.Access.Reveal(), err, waited)
				}
				if left < 0 && (!temporary(err) || !errors.Is(err, cred.ErrBusy) || waited > cred.DefaultWait+time.Second) {
					t.Errorf("Token: %v after %v", err, waited)
				}
				close(released)
				wg.Wait()
			})
		})
	}
	t.Run("SEC-314 the holder itself stops", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBench(t, -time.Second)
			b.Refresher = hanging(nil)
			if _, err := b.Token(t.Context()); !temporary(err) {
				t.Errorf("Token: %v", err)
			}
		})
	})
}

// hanging never answers before it is released or its context ends.
type hanging chan struct{}

func (h hanging) Refresh(ctx context.Context, old cred.Credential) (cred.Credential, error) {
	select {
	case <-h:
		return cred.Credential{}, &oauth.TemporaryError{Err: errors.New("released")}
	case <-ctx.Done():
		return cred.Credential{}, ctx.Err()
	}
}

func TestInterruptionWaitsForTheAnswer(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		delay time.Duration
		want  string
	}{"within the grace it is saved": {time.Second, "r+"}, "after it nothing changed": {time.Minute, "r"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBench(t, -time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				b.server.during = func() {
					cancel()
					time.Sleep(test.delay)
				}
				_, err := b.Token(ctx)
				if saved := test.want == "r+"; saved != (err == nil) || !saved && !errors.Is(err, context.Canceled) {
					t.Errorf("Token: %v", err)
				}
				if got := b.stored(t).Refresh.Reveal(); got != test.want {
					t.Errorf("stored %q, want %q", got, test.want)
				}
			})
		})
	}
}

// full is a store on a full disk: everything works but the write.
type full struct {
	cred.Store
	disk error // nil: there is room again
}

func (f *full) Update(ctx context.Context, key cred.Key, change func(cred.Credential, bool) (cred.Credential, error)) (cred.Credential, error) {
	if f.disk == nil {
		return f.Store.Update(ctx, key, change)
	}
	old, err := f.Get(ctx, key)
	c, changeErr := change(old, err == nil)
	if changeErr != nil {
		return cred.Credential{}, changeErr
	}
	return c, f.disk
}

func TestDiskFullAfterTheServerRotated_SEC230(t *testing.T) {
	t.Parallel()
	b := newBench(t, 30*time.Second)
	disk := &full{Store: b.file, disk: &cred.WriteError{Path: b.file.Path, Err: syscall.ENOSPC}}
	b.Store = disk
	b.wantToken(t, "access of r+")
	if len(*b.warnings) != 1 || !errors.Is((*b.warnings)[0], syscall.ENOSPC) {
		t.Fatalf("warnings: %v", *b.warnings)
	}
	b.wantToken(t, "access of r+") // from memory
	if b.server.asked() != 1 {
		t.Fatalf("%d requests", b.server.asked())
	}
	b.clock.move(life)
	b.wantToken(t, "access of r++") // a strict server takes the successor only
	if got := b.stored(t).Refresh.Reveal(); got != "r" {
		t.Fatalf("stored %q on a full disk", got)
	}
	disk.disk = nil
	b.clock.move(life)
	b.wantToken(t, "access of r+++")
	if got := b.stored(t).Refresh.Reveal(); got != "r+++" {
		t.Fatalf("stored %q with room again", got)
	}
	b.wantToken(t, "access of r+++")
}

func TestLoginAfterAFullDiskRevokesTheSuccessor(t *testing.T) {
	t.Parallel()
	b, r := newBench(t, 30*time.Second), &revoker{}
	disk := &full{Store: b.file, disk: &cred.WriteError{Err: syscall.EDQUOT}}
	b.Store = disk
	b.wantToken(t, "access of r+")
	disk.disk = nil
	if _, err := b.Login(t.Context(), b.obtain("n"), r.revoke); err != nil {
		t.Fatal(err)
	}
	r.wantGone(t, "r+")
	b.wantToken(t, "access of n")
}

func TestUnconfirmedWriteCounts_SEC229(t *testing.T) {
	t.Parallel()
	b := newBench(t, 30*time.Second)
	b.Store = unconfirmed{b.file}
	b.wantToken(t, "access of r+")
	b.clock.move(life)
	b.wantToken(t, "access of r++") // not once more with the old refresh token
	if _, err := b.Login(t.Context(), b.obtain("n"), nil); err != nil {
		t.Fatal(err)
	}
	if len(*b.warnings) != 3 {
		t.Errorf("warnings: %v", *b.warnings)
	}
}

// unconfirmed is a store whose folder cannot be flushed.
type unconfirmed struct{ cred.Store }

func (u unconfirmed) Update(ctx context.Context, key cred.Key, change func(cred.Credential, bool) (cred.Credential, error)) (cred.Credential, error) {
	c, err := u.Store.Update(ctx, key, change)
	if err != nil {
		return c, err
	}
	return c, &cred.WriteError{Saved: true, Err: syscall.EIO}
}

func TestLockThatCannotBeTaken(t *testing.T) {
	t.Parallel()
	b := newBench(t, 30*time.Second)
	if err := errors.Join(os.Remove(b.file.Path+".lock"), os.Mkdir(b.file.Path+".lock", 0o700)); err != nil {
		t.Fatal(err)
	}
	b.wantToken(t, "access of r")
	b.clock.move(time.Minute)
	var failed *cred.WriteError
	if _, err := b.Token(t.Context()); !errors.As(err, &failed) {
		t.Errorf("Token: %v", err)
	}
	if b.server.asked() != 0 {
		t.Error("the server was asked without the lock")
	}
}
