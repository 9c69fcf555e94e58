package credential

import (
	"context"
	"errors"
	"strings"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/credential/sts"
	"github.com/doorward/doorward/oauth"
)

// explainSTS says what STS refused, and what helps, with the exit code that scripts know. The tools of AWS show standard error
// to the person, and some of them write it into logs: what stands here is STS's own words, without the token.
func explainSTS(err error) error {
	var refused *sts.Error
	if !errors.As(err, &refused) {
		var address *oauth.AddressError
		if errors.Is(err, context.Canceled) || errors.As(err, &address) {
			return err
		}
		// Whatever stood in the place of STS's answer, nothing was decided: a proxy's page today may be an answer tomorrow.
		return &authcmd.Failure{
			Exit: authcmd.ExitTryAgain, Code: "try_again", Message: "AWS could not be asked just now: " + oauth.Inert(err.Error()) + ". The login is kept.",
			Hint: "Check the connection, --region and --endpoint, and try again.",
		}
	}
	failure := &authcmd.Failure{Exit: authcmd.ExitFailed, Code: "aws_refused", Message: "AWS refused (" + refused.Code + ")."}
	if refused.Message != "" {
		failure.Message += " It says: " + refused.Message + "."
	}
	failure.Message += " The login is kept."
	// The codes are those of the API's reference; STS has had two names for an expired token.
	switch refused.Code {
	case "AccessDenied":
		failure.Exit, failure.Hint = authcmd.ExitNotAllowed, "The role's trust policy must name this issuer, and the audience and subject of the token."
	case "InvalidIdentityToken", "IDPRejectedClaim":
		failure.Exit, failure.Hint = authcmd.ExitNotAllowed, "IAM must have the issuer of the login as an OpenID Connect provider, with the token's audience."
	case "ExpiredTokenException", "ExpiredToken":
		failure.Exit, failure.Hint = authcmd.ExitLoginRequired, "Run 'doorward auth refresh', or 'doorward auth login' to log in again; check this machine's clock."
	case "IDPCommunicationError":
		failure.Exit, failure.Hint = authcmd.ExitTryAgain, "AWS could not reach the issuer of the login; it must be on the public network. Try again in a moment."
	default:
		// What is left is either its trouble, which passes, or the request's, which does not.
		if refused.Status >= 500 || strings.HasPrefix(refused.Code, "Throttling") {
			failure.Exit, failure.Hint = authcmd.ExitTryAgain, "Try again in a moment."
		}
	}
	return failure
}
