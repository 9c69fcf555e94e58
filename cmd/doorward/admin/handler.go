package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/identity"
)

// maxBody is the largest request, in bytes.
const maxBody = 64 << 10

// Handler answers the requests. It asks for no credential: only the server's own user can open the socket that it is on.
func (o *Office) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*http.Request) (any, error){
		"POST /users":           o.addUser,
		"GET /users":            o.users,
		"DELETE /users/{name}":  o.removeUser,
		"POST /clients":         o.addClient,
		"GET /clients":          o.clients,
		"DELETE /clients/{id}":  o.removeClient,
		"GET /sessions":         o.sessions,
		"DELETE /sessions/{id}": o.endSession,
		"GET /events":           o.events,
		"POST /keys/rotate":     o.rotateKeys,
		"POST /backup":          o.backup,
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			answer, err := do(r)
			if err != nil {
				refusal := refuse(err)
				send(w, refusal.Status, refusal)
				return
			}
			send(w, http.StatusOK, answer)
		})
	}
	return mux
}

// send writes an answer.
func send(w http.ResponseWriter, status int, answer any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer) // a caller who has left needs no answer
}

// readBody reads the request's object. What it does not know is refused: it may be a newer command's, and to leave it out
// would do something else than was asked.
func readBody(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return &Refusal{http.StatusBadRequest, "invalid", "The request cannot be read; is the server of another version?"}
	}
	return nil
}

// refuse is the one map from errors to refusals.
func refuse(err error) *Refusal {
	var refusal *Refusal
	var field *identity.FieldError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &field):
		return &Refusal{http.StatusUnprocessableEntity, "invalid", field.Reason}
	case errors.Is(err, identity.ErrUnknown), errors.Is(err, authority.ErrUnknown):
		return &Refusal{http.StatusNotFound, "unknown", "There is no such person, client or session."}
	case errors.Is(err, identity.ErrTaken):
		return &Refusal{http.StatusConflict, "taken", "The user name or the e-mail address is taken."}
	case errors.Is(err, authority.ErrTaken):
		return &Refusal{http.StatusConflict, "taken", "The client id is taken."}
	case errors.Is(err, authority.ErrUnavailable), errors.Is(err, identity.ErrBusy):
		return &Refusal{http.StatusServiceUnavailable, "busy", "The store cannot be reached at this moment."}
	}
	return &Refusal{http.StatusInternalServerError, "failed", err.Error()}
}

// filter reads an EventFilter as the client wrote it.
func (o *Office) filter(r *http.Request) (authority.EventFilter, error) {
	q := r.URL.Query()
	filter := authority.EventFilter{Kind: authority.EventKind(q.Get("kind"))}
	if name := q.Get("user"); name != "" {
		person, err := o.People.PersonByName(r.Context(), identity.Canonical(name))
		if err != nil {
			return filter, err
		}
		filter.PersonID = person.ID
	}
	var err error
	if limit := q.Get("limit"); limit != "" {
		if filter.Limit, err = strconv.Atoi(limit); err != nil || filter.Limit < 0 {
			return filter, &Refusal{http.StatusBadRequest, "invalid", "The limit must be a number."}
		}
	}
	if since := q.Get("since"); since != "" {
		if filter.Since, err = time.Parse(time.RFC3339Nano, since); err != nil {
			return filter, &Refusal{http.StatusBadRequest, "invalid", "The moment must be written as in RFC 3339."}
		}
	}
	return filter, nil
}
