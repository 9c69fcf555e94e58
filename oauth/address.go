package oauth

import (
	"fmt"
	"net/netip"
	"net/url"
)

// AddressError says that an address may not be used for OAuth. Nothing was sent to it.
type AddressError struct {
	Address string
	Reason  string
}

// Error names the address and what is wrong with it.
func (e *AddressError) Error() string {
	return fmt.Sprintf("the address %q %s; nothing was sent", e.Address, e.Reason)
}

// CheckAddress reports whether secrets may travel to address: an absolute https URL, or a plain http one of this machine
// (localhost, 127.0.0.0/8, ::1), without user information and fragment (RFC 6749 section 3.1, RFC 8252 section 8.3). It
// fails with an *AddressError.
func CheckAddress(address string) error {
	bad := func(reason string) error { return &AddressError{Inert(address), reason} }
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return bad("is not an absolute URL")
	case u.User != nil:
		return bad("carries a user name")
	case u.Fragment != "":
		return bad("carries a fragment")
	case u.Scheme == "https", u.Scheme == "http" && Loopback(u.Hostname()):
		return nil
	case u.Scheme == "http":
		return bad("is plain http and not on this machine: a login needs https there")
	}
	return bad("is not https")
}

// Loopback reports whether host, a name or an IP literal without port and brackets, is this machine by its spelling alone;
// no name is looked up.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Zone() == "" && !ip.Is4In6() && ip.IsLoopback()
}
