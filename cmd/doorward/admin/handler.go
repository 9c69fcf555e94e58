package admin

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/doorward/doorward/authority"
	"github.com/doorward/doorward/cmd/doorward/admin/desk"
	"github.com/doorward/doorward/identity"
)

// maxBody is the largest request, in bytes.
const maxBody = 64 << 10

// Handler answers the requests. It asks for no credential: only the server's own user can open the socket that it is on.
func (o *Office) Handler() http.Handler {
	mux := http.NewServeMux()
	for pattern, do := range map[string]func(*http.Request) (any, error){
		"POST /users":            o.addUser,
		"GET /users":             o.users,
		"DELETE /users":          o.removeUser,
		"POST /clients":          o.addClient,
		"GET /clients":           o.clients,
		"DELETE /clients":        o.removeClient,
		"GET /sessions":          o.sessions,
		"DELETE /sessions":       o.endSession,
		"DELETE /users/sessions": o.endSessions,
		"GET /events":            o.events,
		"POST /backup":           o.backup,

		"POST /organisations":   o.addOrganisation,
		"GET /organisations":    o.organisations,
		"DELETE /organisations": o.removeOrganisation,
		"PUT /members":          o.setMember,
		"GET /members":          o.members,
		"DELETE /members":       o.removeMember,
		"POST /projects":        o.addProject,
		"GET /projects":         o.projects,
		"DELETE /projects":      o.removeProject,

		"POST /domains":    o.addDomain,
		"GET /domains":     o.domains,
		"DELETE /domains":  o.removeDomain,
		"POST /bindings":   o.addBinding,
		"GET /bindings":    o.bindings,
		"DELETE /bindings": o.removeBinding,

		"POST /apikeys":            o.addAPIKey,
		"GET /apikeys":             o.apiKeys,
		"DELETE /apikeys":          o.revokeAPIKey,
		"GET /keys":                o.keys,
		"POST /keys/rotate":        o.rotateKeys,
		"POST /keys/master/rotate": o.rotateMaster,
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
		return no(http.StatusBadRequest, "invalid", "The request cannot be read; is the server of another version?")
	}
	return nil
}

// refuse is the one map from errors to refusals.
func refuse(err error) *desk.Refusal {
	var refusal *desk.Refusal
	var field *identity.FieldError
	switch {
	case errors.As(err, &refusal):
		return refusal
	case errors.As(err, &field):
		return no(http.StatusUnprocessableEntity, "invalid", field.Reason)
	case errors.Is(err, identity.ErrUnknown), errors.Is(err, authority.ErrUnknown):
		return no(http.StatusNotFound, "unknown", "It is not there, or not there any more.")
	case errors.Is(err, identity.ErrTaken):
		return no(http.StatusConflict, "taken", "The user name or the e-mail address is taken.")
	case errors.Is(err, authority.ErrTaken):
		return no(http.StatusConflict, "taken", "The client id is taken.")
	case errors.Is(err, authority.ErrUnavailable), errors.Is(err, identity.ErrBusy):
		return no(http.StatusServiceUnavailable, "busy", "The store cannot be reached at this moment.")
	}
	return no(http.StatusInternalServerError, "failed", err.Error())
}

// filter reads an EventFilter as the client wrote it.
func (o *Office) filter(r *http.Request) (authority.EventFilter, error) {
	q := r.URL.Query()
	filter := authority.EventFilter{Kind: authority.EventKind(q.Get("kind")), ClientID: q.Get("client")}
	person, err := o.optional(r.Context(), q.Get("user"))
	if err != nil {
		return filter, err
	}
	filter.PersonID = person.ID
	if limit := q.Get("limit"); limit != "" {
		if filter.Limit, err = strconv.Atoi(limit); err != nil || filter.Limit < 0 {
			return filter, no(http.StatusBadRequest, "invalid", "The limit must be a number.")
		}
	}
	if since := q.Get("since"); since != "" {
		if filter.Since, err = time.Parse(time.RFC3339Nano, since); err != nil {
			return filter, no(http.StatusBadRequest, "invalid", "The moment must be written as in RFC 3339.")
		}
	}
	return filter, nil
}
