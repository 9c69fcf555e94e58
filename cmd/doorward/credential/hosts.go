package credential

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/oauth"
)

// host is one place that may be given the token.
type host struct {
	name string // in lower case, without brackets
	port string // "": the one that the protocol has anyway
}

// hosts are the only ones that are given the token. There are no patterns: a pattern that matches one host too many gives
// the login away, and naming a second host is no trouble.
type hosts []host

// checkHosts makes hosts of what was typed after a flag.
func checkHosts(flag string, typed []string) (hosts, error) {
	if len(typed) == 0 {
		return nil, authcmd.Usagef("%s is missing: the token is given to no host that is not named", flag)
	}
	allowed := make(hosts, 0, len(typed))
	for _, text := range typed {
		named, ok := parseHost(text)
		if !ok {
			return nil, authcmd.Usagef("%s takes a host such as git.example or git.example:8443, without https://, path or pattern", flag)
		}
		allowed = append(allowed, named)
	}
	return allowed, nil
}

// allow reports whether the token may go to a host over a protocol: to one that was named, with its port, over https, or
// over http where it is this machine.
func (h hosts) allow(protocol, text string) bool {
	asked, ok := parseHost(text)
	usual := ""
	switch {
	case !ok:
		return false
	case protocol == "https":
		usual = "443"
	case protocol == "http" && oauth.Loopback(asked.name):
		usual = "80"
	default:
		return false
	}
	return slices.ContainsFunc(h, func(named host) bool {
		return named.name == asked.name && cmp.Or(named.port, usual) == cmp.Or(asked.port, usual)
	})
}

// parseHost reads HOST or HOST:PORT, and answers false for everything else: what two programs may read in two ways, such as
// evil.example\@git.example, is no host here.
func parseHost(text string) (host, bool) {
	// Neither spaces and control characters nor what means something in a URL. An international name comes as punycode (xn--),
	// so that two names that look alike are never the same.
	for i := range len(text) {
		if c := text[i]; c <= ' ' || c > '~' || strings.IndexByte("/\\@?#%*,=&'\"`<>^|{}()$!;+~", c) >= 0 {
			return host{}, false
		}
	}
	u, err := url.Parse("https://" + text)
	if err != nil || u.Host != text || u.Hostname() == "" || strings.HasSuffix(text, ":") {
		return host{}, false
	}
	return host{strings.ToLower(u.Hostname()), u.Port()}, true
}
