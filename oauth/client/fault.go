package client

import (
	"crypto/tls"
	"errors"
	"net/http"

	"github.com/doorward/doorward/oauth"
)

// Fault is why a server decided nothing, as people act upon it: it did not answer, or it answered with an error of its own.
type Fault struct {
	Status    int    // of HTTP; 0: no server answered, be it that something else did in its place
	RequestID string // by which the server's operator finds the request; "" where it was not said
	Reason    string // for people, of any length and from anywhere: clean it before it is shown
}

// FaultOf finds the fault in an error; an address at which a server has nothing is one too. ok is false where there is none: the server decided, the address was refused, its
// certificate is not trusted, or the error is of another kind.
func FaultOf(err error) (fault Fault, ok bool) {
	var strange *AnswerError
	var wire *oauth.Error
	var busy *oauth.TemporaryError
	var untrusted *tls.CertificateVerificationError
	passing := errors.As(err, &busy)
	switch {
	case errors.As(err, &untrusted):
		return Fault{}, false
	case errors.As(err, &strange) && strange.Status >= http.StatusBadRequest:
		return Fault{strange.Status, strange.RequestID, strange.Reason}, true
	case errors.As(err, &wire) && (passing || wire.Status == http.StatusNotFound && !wire.Is(oauth.InvalidGrant)):
		return Fault{wire.Status, wire.RequestID, wire.Error()}, true
	case passing:
		return Fault{Reason: busy.Error()}, true
	}
	return Fault{}, false
}
