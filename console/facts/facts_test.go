package facts

import (
	"strings"
	"testing"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
)

func TestCompared(t *testing.T) {
	t.Parallel()
	for _, other := range []struct{ address, words string }{{"127.0.0.1", "this computer"}, {"", "cannot be compared"}} {
		words, far := compared(other.address, "127.0.0.1")
		if !strings.Contains(words, other.words) || far != (other.address == "") {
			t.Errorf("%q: %q %t", other.address, words, far)
		}
	}
	if words, far := compared("2001:db8:1:2::3", "2001:db8:1:2:4::5"); far || words != "the same network as this browser" {
		t.Error(words, far)
	}
	if words, far := compared("198.51.100.7", "198.51.100.7"); far || words != "the same as this browser" {
		t.Error(words, far)
	}
}

func TestLife(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 4, 12, 0, 0, 0, time.UTC)
	for want, client := range map[string]authority.Client{
		"Until you revoke it":                                    {},
		"Until 3 April 2026":                                     {Absolute: 30 * 24 * time.Hour},
		"Until it is not used for 14 days":                       {Idle: 14 * 24 * time.Hour},
		"Until 3 April 2026, or until it is not used for 1 hour": {Absolute: 30 * 24 * time.Hour, Idle: time.Hour},
		"For 10 minutes":                                         {Refreshing: authority.RefreshNever},
		"For 1 hour":                                             {Refreshing: authority.RefreshNever, Access: time.Hour, Absolute: time.Hour},
	} {
		if got := life(client, now); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := sentences(nil); len(got) != 1 {
		t.Error(got)
	}
	if got := sentences(oauth.ParseScope("openid a:b")); len(got) != 2 || got[1] != "Use the permission “a:b”." {
		t.Error(got)
	}
}
