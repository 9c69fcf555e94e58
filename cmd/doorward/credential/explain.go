package credential

import (
	"context"
	"errors"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/credential/sts"
	"github.com/doorward/doorward/oauth"
)

// explainSTS says what STS refused, and what helps, with the exit code that scripts know.
func explainSTS(err error) error {
	var refused *sts.Error
	if !errors.As(err, &refused) {
		var address *oauth.AddressError
		if errors.Is(err, context.Canceled) || errors.As(err, &address) {
			return err
		}
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
		if refused.Status >= 500 || refused.Code == "Throttling" {
			failure.Exit, failure.Hint = authcmd.ExitTryAgain, "Try again in a moment."
		}
	}
	return failure
}
