package endpoint

import (
	"strconv"
	"strings"
	"time"
)

// maxWait is the longest that a poll is held: below the 30 seconds after which many proxies cut a connection.
const maxWait = 25 * time.Second

// waitPreference reads `Prefer: wait=N` (RFC 7240 section 4.3), capped at 25 s; 0 where there is none. The first wait of
// several counts (section 2); one that is no number of seconds counts as none. It is a wish: nothing that is wrong in it is
// an error, and the poll is then answered at once.
func waitPreference(headers []string) time.Duration {
	// A comma within a quoted value of another preference splits it in two; a wait is the worst that comes of it.
	for _, header := range headers {
		for _, preference := range strings.Split(header, ",") {
			preference, _, _ = strings.Cut(preference, ";")
			name, value, _ := strings.Cut(preference, "=")
			if !strings.EqualFold(strings.TrimSpace(name), "wait") {
				continue
			}
			seconds, err := strconv.ParseUint(strings.Trim(strings.TrimSpace(value), `"`), 10, 16)
			if err != nil {
				return 0
			}
			return min(time.Duration(seconds)*time.Second, maxWait)
		}
	}
	return 0
}
