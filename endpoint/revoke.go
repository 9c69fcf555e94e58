package endpoint

import "net/http"

// revoke ends the session that a token belongs to (RFC 7009). An unknown token and one of another client are answered
// like any other, and nothing happens (section 2.2, SEC-132, SEC-134); a store that fails is not (SEC-135). The hint is
// not needed: our tokens tell what they are.
func (e *Endpoint) revoke(w http.ResponseWriter, r *http.Request) error {
	f, err := readForm(r)
	if err != nil {
		return err
	}
	client, err := e.client(r, f)
	if err != nil {
		return err
	}
	token := f.get("token")
	if token == "" {
		return refuse(http.StatusBadRequest, "token is missing")
	}
	// Whose token it is, Revoke judges: a client ends its own sessions and nobody else's.
	if err := e.Authority.Tokens.Revoke(r.Context(), token, client, e.address(r)); err != nil {
		return err
	}
	w.Header()["Cache-Control"] = noStore // and no body: clients ignore it (section 2.2)
	w.WriteHeader(http.StatusOK)
	return nil
}
