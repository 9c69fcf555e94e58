package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/store/postgres/internal/engine"
)

// deviceRequests: written once when a device login begins and twice more in its whole life (decided, redeemed). The last
// four columns are what those two change; an index of undecided ones counts them by address, and one of the decided ones
// feeds the replicas. A pending poll reads none of it.
func deviceRequests() table[authority.DeviceRequest] {
	return table[authority.DeviceRequest]{
		columns: "id, user_code, client_id, scope, audience, challenge, address, agent, machine, binding, created, expires, " +
			"state, approval, decided, family_id",
		often: 4,
		fields: func(r *authority.DeviceRequest) []any {
			return []any{
				&r.ID, &r.UserCode, &r.ClientID, list(&r.Scope), list(&r.Audience), (*string)(&r.Challenge), &r.Origin.Address,
				&r.Origin.Agent, &r.Origin.Machine, &r.Binding,
				moment{&r.Created},
				moment{&r.Expires},
				(*string)(&r.State), approval(&r.Approval),
				moment{&r.Decided},
				&r.FamilyID,
			}
		},
	}
}

// replaceRequest is an INSERT that takes the row of an expired request with the same user code.
func replaceRequest(t table[authority.DeviceRequest]) string {
	fresh := "excluded." + strings.ReplaceAll(t.columns, ", ", ", excluded.")
	return t.insert + " ON CONFLICT (user_code) DO UPDATE SET (" + t.columns + ") = ROW(" + fresh + ")" +
		" WHERE device_requests.expires <= excluded.created RETURNING id"
}

// AddDeviceRequest implements authority.DeviceRequests. A request that has expired at the new one's Created makes way; one
// that was decided but has not expired does not, since its user code still names it. It is a single statement, and the unique
// index is the check.
func (s *Store) AddDeviceRequest(ctx context.Context, request authority.DeviceRequest) error {
	args, err := values(s.nouns.requests.fields(&request))
	if err != nil {
		return err
	}
	var id string
	err = s.engine.Put(ctx, s.nouns.replaceRequest, args, &id)
	return engine.Refused(missing(err, authority.ErrTaken), authority.ErrTaken, nil)
}

// DeviceRequest implements authority.DeviceRequests. It also finds one that has expired and was not swept yet: that is for
// the law to judge, by its own clock.
func (s *Store) DeviceRequest(ctx context.Context, id string) (authority.DeviceRequest, error) {
	return s.nouns.requests.find(ctx, s, " WHERE id = $1", id)
}

// DeviceRequestByUserCode implements authority.DeviceRequests. The code is compared as it is; whoever reads it from a person
// has normalised it.
func (s *Store) DeviceRequestByUserCode(ctx context.Context, userCode string, now time.Time) (authority.DeviceRequest, error) {
	return s.nouns.requests.find(ctx, s, " WHERE user_code = $1 AND expires > $2", userCode, cut(now))
}

// ChangeDeviceRequest implements authority.DeviceRequests. The family of a redemption is added in the same transaction, so
// that there is never one without the other.
func (s *Store) ChangeDeviceRequest(
	ctx context.Context, id string, change func(*authority.DeviceRequest) (authority.After, error),
) (authority.DeviceRequest, error) {
	return changeRow(ctx, s, &s.nouns.requests, id, change, (*engine.Tx).Tell)
}

// PendingDeviceRequests implements authority.DeviceRequests, from an index that holds pending ones alone.
func (s *Store) PendingDeviceRequests(ctx context.Context, address string, now time.Time) (int, error) {
	var pending int
	err := s.engine.Get(ctx, "SELECT count(*) FROM device_requests WHERE address = $1 AND state = 'pending' AND expires > $2",
		[]any{address, cut(now)}, &pending)
	return pending, err
}
