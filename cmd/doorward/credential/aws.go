package credential

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/cmd/doorward/credential/sts"
	"github.com/doorward/doorward/cred"
	"github.com/doorward/doorward/oauth"
)

// awsFlags are those of one call by a tool of AWS. They stand in ~/.aws/config for everybody to read, so none of them is a
// secret; what the tool asks with is nothing at all.
type awsFlags struct {
	role     string        // its ARN
	region   string        // whose STS is asked; "" is the global one
	session  string        // the name in AWS's records; "" is the person's
	endpoint string        // in the place of what role and region lead to
	duration time.Duration // 0: AWS's own, an hour
}

// aws is `doorward credential aws`.
func (c *Commands) aws() *cobra.Command {
	var flags awsFlags
	cmd := &cobra.Command{
		Use: "aws", Short: "Answer AWS tools, as a credential_process",
		Long: "Answer AWS tools, as a credential_process: exchange the token for temporary credentials of a role\n" +
			"(AssumeRoleWithWebIdentity). AWS must know the issuer of the login as an identity provider, and the role must trust it.\n" +
			"Nothing is kept; the tools ask again when the credentials end. To set it up, in ~/.aws/config:\n\n" +
			"  [profile work]\n" +
			"  credential_process = doorward credential aws --role-arn arn:aws:iam::123456789012:role/deploy --region eu-central-1",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.answerAWS(cmd.Context(), flags) },
	}
	own := cmd.Flags()
	own.StringVar(&flags.role, "role-arn", "", "role to assume (required)")
	own.StringVar(&flags.region, "region", "", "region whose STS is asked (default the global one; required outside the partition aws)")
	own.StringVar(&flags.session, "session-name", "", "name of the session in AWS's records (default the account of the login)")
	own.DurationVar(&flags.duration, "duration", 0, "how long the credentials last, 15m to 12h (default as AWS has it, 1h)")
	own.StringVar(&flags.endpoint, "endpoint", "", "address of STS, for private partitions and tests")
	return cmd
}

// awsCredential is the answer: version 1 of the credential_process protocol.
type awsCredential struct {
	Version         int
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	SessionToken    string
	Expiration      string
}

// answerAWS exchanges the token and answers with what it got. Nothing is kept: the tools keep it themselves until Expiration,
// and a second copy of keys on the disk would be one more to lose.
func (c *Commands) answerAWS(ctx context.Context, flags awsFlags) error {
	request, err := flags.request()
	if err != nil {
		return err
	}
	got, err := c.token(ctx)
	if err != nil {
		return err
	}
	request.Token = got.Access
	if request.Session == "" {
		request.Session = sessionName(got)
	}
	keys, err := sts.Exchange(ctx, c.HTTP, request)
	if err != nil {
		return explainSTS(err)
	}
	return c.object(awsCredential{
		Version: 1, AccessKeyID: keys.ID, SecretAccessKey: keys.Secret.Reveal(), SessionToken: keys.Session.Reveal(),
		Expiration: utc(keys.Expires),
	})
}

// request checks what was typed, before anybody is asked for a token.
func (f awsFlags) request() (sts.Request, error) {
	partition, ok := partitionOf(f.role)
	switch {
	case f.role == "":
		return sts.Request{}, authcmd.Usagef("--role-arn is missing: AWS gives credentials of a role")
	case !ok:
		return sts.Request{}, authcmd.Usagef("--role-arn takes the ARN of a role, such as arn:aws:iam::123456789012:role/deploy")
	case f.duration != 0 && (f.duration < 15*time.Minute || f.duration > 12*time.Hour):
		return sts.Request{}, authcmd.Usagef("--duration takes 15m to 12h")
	case f.session != "" && (len(f.session) < 2 || nameFor(f.session) != f.session):
		return sts.Request{}, authcmd.Usagef("--session-name takes 2 to 64 of the characters A-Z a-z 0-9 _ + = , . @ -")
	}
	request := sts.Request{Endpoint: f.endpoint, Role: f.role, Session: f.session, Duration: f.duration}
	if request.Endpoint == "" {
		var err error
		request.Endpoint, err = endpointOf(partition, f.region)
		return request, err
	}
	if err := oauth.CheckAddress(request.Endpoint); err != nil {
		return sts.Request{}, &authcmd.UsageError{Err: err}
	}
	return request, nil
}

// partitionOf is the part of AWS that a role belongs to, from its ARN: arn:PARTITION:iam::ACCOUNT:role/NAME.
func partitionOf(role string) (string, bool) {
	parts := strings.SplitN(role, ":", 6)
	if len(parts) != 6 || len(role) > 2048 || parts[0] != "arn" || parts[2] != "iam" || parts[3] != "" {
		return "", false
	}
	// Roles have no region, and AWS itself takes nothing but twelve digits for an account: a slip is told here, where it can be
	// named, rather than by STS, which would have seen the token by then.
	account, err := strconv.ParseUint(parts[4], 10, 64)
	name, isRole := strings.CutPrefix(parts[5], "role/")
	ok := err == nil && len(parts[4]) == 12 && account > 0 && isRole && sendable(name) && sendable(parts[1])
	return parts[1], ok
}

// endpointOf is the address of STS. The region becomes a part of a host that is sent the token: it must be one label.
func endpointOf(partition, region string) (string, error) {
	for _, r := range region {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' || len(region) > 40 {
			return "", authcmd.Usagef("--region takes the name of a region, such as eu-central-1")
		}
	}
	// Each partition is a cloud of its own with names of its own. A token is never sent to a host that was guessed.
	switch {
	case partition != "aws" && partition != "aws-us-gov" && partition != "aws-cn":
		return "", authcmd.Usagef("--endpoint is needed for a role of this partition, whose STS is not known here")
	case partition == "aws" && region == "":
		return "https://sts.amazonaws.com/", nil
	case region == "":
		return "", authcmd.Usagef("--region is needed for a role of this partition, which has no global STS")
	case partition == "aws-cn":
		return "https://sts." + region + ".amazonaws.com.cn/", nil
	}
	return "https://sts." + region + ".amazonaws.com/", nil
}

// sessionName is by whom AWS's records (CloudTrail) say that the role was used: a person where the login knows one, so that
// what was done can be told apart by more than the role.
func sessionName(c cred.Credential) string {
	for _, name := range []string{nameFor(c.Account), nameFor(c.Subject)} {
		if len(name) >= 2 {
			return name
		}
	}
	return "doorward"
}

// nameFor is a name in the characters that AWS takes for one of a session, at most 64 of them.
func nameFor(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("_+=,.@-", r):
			return r
		}
		return '-'
	}, text)
	return name[:min(len(name), 64)]
}
