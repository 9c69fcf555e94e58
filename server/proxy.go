package server

import (
	"net/http"
	"net/netip"
	"strings"
)

// proxies are the peers whose word on who is behind them counts. The zero value believes nobody.
type proxies []netip.Prefix

func (p proxies) trust(peer netip.Addr) bool {
	for _, network := range p {
		if network.Contains(peer) {
			return true
		}
	}
	return false
}

// address is the address of the client, without a port: the peer's, or, where the peer is a trusted proxy, the
// rightmost one in X-Forwarded-For that is not another trusted proxy. Whatever stands left of it was written by
// strangers (SEC-100).
func (p proxies) address(r *http.Request) string {
	peer, ok := peerOf(r)
	if !ok {
		return r.RemoteAddr // a socket without addresses
	}
	// Before any header is read: what a peer that is not listed says of itself is not even looked at (SEC-100, SEC-211).
	if len(p) == 0 || !p.trust(peer) {
		return peer.String()
	}
	// Several headers of the name are one list (RFC 9110 section 5.3); reading only the first would believe a stranger's.
	chain := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(chain) - 1; i >= 0; i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(chain[i]))
		if err != nil {
			break // nothing left of a hop that cannot be read is worth anything
		}
		if peer = plain(hop); !p.trust(peer) {
			break
		}
	}
	return peer.String()
}

// insecure reports whether a trusted proxy says that the client came by plain http. It can only refuse. That a proxy says
// "https" gives nothing to a request that a plain one would not have.
func (p proxies) insecure(r *http.Request) bool {
	if len(p) == 0 {
		return false
	}
	// The last value is the nearest proxy's; where a proxy says nothing, nothing is known and nothing refused.
	scheme := r.Header["X-Forwarded-Proto"]
	if len(scheme) == 0 || !strings.EqualFold(scheme[len(scheme)-1], "http") {
		return false
	}
	peer, ok := peerOf(r)
	return ok && p.trust(peer)
}

// peerOf is of the connection, and the only thing about a client that it cannot write itself.
func peerOf(r *http.Request) (netip.Addr, bool) {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	return plain(at.Addr()), err == nil
}

// plain is the one spelling of an address: IPv4 as itself, no zone. Without it ::ffff:192.0.2.1 and 192.0.2.1 would be two
// clients to every limit, and a listed proxy might not be found.
func plain(address netip.Addr) netip.Addr { return address.Unmap().WithZone("") }
