// Package facts says what somebody reads before a decision: who asks, from where, since when, for what and for how long, in
// words for people.
package facts

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/oauth"
)

// Facts is what somebody reads before a decision, in the order of the page.
type Facts struct {
	Application string
	Machine     string // as it says; "" : it does not
	Address     string
	Near        string    // how that address stands to this browser's
	Far         bool      // it is not the network of this browser
	Asked       time.Time // when
	Ago         string
	May         []string // what it may do, in sentences
	Life        string   // how long
}

// Of gathers them. address is that of the browser. Everything that the requester claims goes through Shown.
func Of(client authority.Client, scope oauth.Scope, origin authority.Origin, asked, now time.Time, address string) Facts {
	f := Facts{
		Application: Name(client), Machine: Shown(origin.Machine), Address: Shown(origin.Address), Asked: asked,
		Ago: Ago(now.Sub(asked)), May: sentences(scope), Life: life(client, now),
	}
	f.Near, f.Far = compared(origin.Address, address)
	return f
}

// Name is what people call the client.
func Name(client authority.Client) string {
	if client.Name != "" {
		return Shown(client.Name)
	}
	return Shown(client.ID)
}

// maxShown is how much of a name that somebody claims is worth showing, in characters.
const maxShown = 64

// Shown makes a claimed name fit for a page: nothing that turns the direction of writing or hides, and not longer than a
// line or two. Escaping is the template's.
func Shown(text string) string {
	return Cut(strings.TrimSpace(oauth.Inert(text)), maxShown)
}

// Cut keeps limit characters of a text, and says that it was cut.
func Cut(text string, limit int) string {
	count := 0
	for i := range text {
		if count++; count > limit {
			return text[:i] + "…"
		}
	}
	return text
}

// sentences says what a scope allows. Values that only an application's own service knows are shown as they are: a wrong
// explanation would be worse than none.
func sentences(scope oauth.Scope) []string {
	said := map[string]string{
		oauth.ScopeOpenID:        "Know that it is you.",
		oauth.ScopeProfile:       "See your name and username.",
		oauth.ScopeEmail:         "See your e-mail address.",
		oauth.ScopeOfflineAccess: "Stay signed in while you are away.",
	}
	var lines []string
	for _, value := range scope {
		if line, found := said[value]; found {
			lines = append(lines, line)
			continue
		}
		lines = append(lines, "Use the permission “"+Shown(value)+"”.")
	}
	if len(lines) == 0 {
		lines = []string{"Act as you, and nothing beyond that."}
	}
	return lines
}

// life says how long the program stays signed in, in the order in which it will notice: the date that nothing moves, then
// the idle time that every use moves.
func life(client authority.Client, now time.Time) string {
	var parts []string
	switch {
	case client.Refreshing == authority.RefreshNever:
		return "For " + span(client.AccessLife())
	case client.Absolute > 0:
		parts = append(parts, "until "+Day(now.Add(client.Absolute)))
	}
	if client.Idle > 0 {
		parts = append(parts, "until it is not used for "+span(client.Idle))
	}
	switch len(parts) {
	case 0:
		return "Until you revoke it"
	case 1:
		return "U" + parts[0][1:]
	}
	return "U" + parts[0][1:] + ", or " + parts[1]
}

// compared says how the address that asked stands to the browser's. It is the one fact on the page that a phisher cannot
// choose, so that what is not plainly near is called far: an address that cannot be read too.
func compared(asks, browser string) (words string, far bool) {
	a, errA := netip.ParseAddr(asks)
	b, errB := netip.ParseAddr(browser)
	if errA != nil || errB != nil {
		return "it cannot be compared with this browser’s", true
	}
	a, b = a.Unmap().WithZone(""), b.Unmap().WithZone("") // ::ffff:192.0.2.1 is 192.0.2.1
	switch {
	case a.IsLoopback() && b.IsLoopback():
		return "this computer", false
	case a == b:
		return "the same as this browser", false
	case a.Is6() && b.Is6() && sameNetwork(a, b):
		return "the same network as this browser", false
	}
	return "not the network you are on", true
}

// sameNetwork compares the /64, which is one site.
func sameNetwork(a, b netip.Addr) bool {
	network, err := a.Prefix(64)
	return err == nil && network.Contains(b)
}

// Ago says how long something is past. Clocks of replicas differ by moments, and nobody wants to read "0 seconds".
func Ago(d time.Duration) string {
	if d < 10*time.Second {
		return "just now"
	}
	return span(d) + " ago"
}

// span says a duration in its largest unit, rounded down.
func span(d time.Duration) string {
	for _, unit := range []struct {
		name string
		size time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}, {"minute", time.Minute}} {
		if n := int(d / unit.size); n > 0 {
			return plural(n, unit.name)
		}
	}
	return plural(int(d/time.Second), "second")
}

func plural(n int, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return strconv.Itoa(n) + " " + unit + "s"
}

// Day is a date for people.
func Day(t time.Time) string { return t.UTC().Format("2 January 2006") }

// Moment is a date and time for people. Pages know no time zone of the reader, so it says its own.
func Moment(t time.Time) string { return fmt.Sprintf("%s, %s UTC", Day(t), t.UTC().Format("15:04")) }
