package office

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
)

// audit is `doorward admin audit`.
func (o *Commands) audit() *cobra.Command {
	var filter desk.EventFilter
	var since since
	happened := table[desk.Event]{
		"Nothing of this kind has happened.",
		[]string{"WHEN", "WHAT", "WHO", "BY", "CLIENT", "FROM", "DETAIL"},
		func(e desk.Event) []string {
			return []string{e.At.Format(moment), e.Kind, e.PersonID, e.Actor, e.ClientID, e.Address, e.Detail}
		},
	}
	cmd := &cobra.Command{
		Use: "audit", Short: "Show what happened, the newest first", Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if filter.Limit < 1 {
				return authcmd.Usagef("--limit must be 1 or more")
			}
			filter.Since = since.from(time.Now())
			return list(o, happened, func(ctx context.Context, d *desk.Desk, _ []string) ([]desk.Event, error) {
				return d.Events(ctx, filter)
			})(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&filter.User, "user", "", "only what concerns this user name, e-mail address or id")
	flags.StringVar(&filter.Client, "client", "", "only what concerns this client")
	flags.StringVar(&filter.Kind, "event", "", "only events of this kind, such as session.ended")
	flags.StringVar(&filter.Kind, "kind", "", "the former name of --event")
	_ = flags.MarkHidden("kind") // it fails only for flags that are not there
	flags.Var(&since, "since", "only what happened since then: a date, a moment of RFC 3339, or how long ago, such as 24h or 7d")
	flags.IntVar(&filter.Limit, "limit", 100, "at most so many")
	return cmd
}

var (
	errSpan  = errors.New("not a span of time such as 90d or 12h")
	errSince = errors.New("not a date such as 2026-01-31, a moment of RFC 3339, or a span such as 24h or 7d")
)

// span is a flag for a span of time, which may be in days.
type span struct{ time.Duration }

// Set reads what was typed.
func (s *span) Set(text string) (err error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, bad := strconv.ParseUint(days, 10, 16)
		if bad != nil || n == 0 {
			return errSpan
		}
		s.Duration = time.Duration(n) * 24 * time.Hour
		return nil
	}
	if s.Duration, err = time.ParseDuration(text); err != nil || s.Duration <= 0 {
		return errSpan
	}
	return nil
}

// String is nothing: no span is set from the start.
func (s *span) String() string { return "" }

// Type is how help names the value.
func (s *span) Type() string { return "span" }

// since is a flag for a moment of the past, said as such or by how long ago it is.
type since struct {
	at  time.Time
	ago span
}

// Set reads what was typed. A date is the beginning of that day in UTC, as the moments of the audit are.
func (s *since) Set(text string) error {
	for _, form := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(form, text); err == nil {
			*s = since{at: at}
			return nil
		}
	}
	*s = since{}
	if s.ago.Set(text) != nil {
		return errSince
	}
	return nil
}

// from is the moment, seen from now; the zero time where none was given.
func (s *since) from(now time.Time) time.Time {
	if s.ago.Duration > 0 {
		return now.Add(-s.ago.Duration)
	}
	return s.at
}

// String is nothing: no moment is set from the start.
func (s *since) String() string { return "" }

// Type is how help names the value.
func (s *since) Type() string { return "moment" }

// at is a moment in a table, or instead where there is none.
func at(when *time.Time, instead string) string {
	if when == nil {
		return instead
	}
	return when.Format(moment)
}
