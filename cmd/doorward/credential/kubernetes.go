package credential

import (
	"context"
	"encoding/json"

	"github.com/spf13/cobra"

	"github.com/doorward/doorward/authcmd"
	"github.com/doorward/doorward/oauth"
)

// The protocol of kubectl's exec plugins (client.authentication.k8s.io). Of its two versions, kubectl names one.
const (
	execInfo  = "KUBERNETES_EXEC_INFO" // the variable with the question
	execGroup = "client.authentication.k8s.io/"
	execKind  = "ExecCredential"
)

// execCredential is both question and answer.
type execCredential struct {
	APIVersion string      `json:"apiVersion"`
	Kind       string      `json:"kind"`
	Spec       *execSpec   `json:"spec,omitempty"`
	Status     *execStatus `json:"status,omitempty"`
}

// execSpec is what kubectl says of the cluster, where the configuration has provideClusterInfo. Whether somebody could be
// asked (interactive) is not read: nobody is.
type execSpec struct {
	Cluster *struct {
		Server string `json:"server"`
	} `json:"cluster"`
}

// execStatus is the token. kubectl keeps it until its end.
type execStatus struct {
	Expiration string `json:"expirationTimestamp,omitempty"`
	Token      string `json:"token"`
}

// kubernetes is `doorward credential kubernetes`.
func (c *Commands) kubernetes() *cobra.Command {
	return &cobra.Command{
		Use: "kubernetes", Short: "Answer kubectl, as an exec plugin",
		Long: "Answer kubectl, as an exec plugin. The cluster must trust the issuer of the login, and the token's audience. To set it up:\n\n" +
			"  kubectl config set-credentials doorward --exec-api-version=client.authentication.k8s.io/v1 \\\n" +
			"    --exec-command=doorward --exec-arg=credential --exec-arg=kubernetes --exec-interactive-mode=Never",
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return c.answerKubernetes(cmd.Context()) },
	}
}

// answerKubernetes answers with the token, in the version that was asked for.
func (c *Commands) answerKubernetes(ctx context.Context) error {
	version, err := parseExec(c.env(execInfo))
	if err != nil {
		return err
	}
	got, err := c.token(ctx)
	if err != nil {
		return err
	}
	return c.object(execCredential{
		APIVersion: version, Kind: execKind,
		Status: &execStatus{Expiration: utc(got.Expires), Token: got.Access.Reveal()},
	})
}

// parseExec reads the question and returns the version that it asks for: v1 where there is none, as when a person types the
// command to see what it says.
func parseExec(text string) (version string, err error) {
	if text == "" {
		return execGroup + "v1", nil
	}
	if len(text) > maxInput {
		return "", refuse(execInfo, errLong)
	}
	// What is not known in it is not ours to refuse: the version says what we promise to understand.
	var asked execCredential
	if err := json.Unmarshal([]byte(text), &asked); err != nil {
		return "", refuse(execInfo, errJSON)
	}
	version = asked.APIVersion
	if asked.Kind != execKind || version != execGroup+"v1" && version != execGroup+"v1beta1" {
		return "", &authcmd.Failure{
			Exit: authcmd.ExitFailed, Code: "bad_input",
			Message: "The " + execInfo + " is no ExecCredential of " + execGroup + "v1 or v1beta1. No token was given, and nothing was changed.",
			Hint:    "Set apiVersion: client.authentication.k8s.io/v1 for this user in the kubeconfig.",
		}
	}
	// kubectl would send the token there in the clear; to a cluster that it does not tell us of, it is kubectl's own affair.
	if asked.Spec != nil && asked.Spec.Cluster != nil && asked.Spec.Cluster.Server != "" {
		return version, oauth.CheckAddress(asked.Spec.Cluster.Server)
	}
	return version, nil
}
