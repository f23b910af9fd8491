package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

type commentOptions struct {
	streams Streams
	// getenv reads the CI's variables.
	getenv func(string) string

	host, api, author            string
	project, number, commit, url string
	tokenEnv, tokenFile          string
	status, statusName           string
	silent, failOnStatus         bool
}

func newComment(streams Streams) *cobra.Command {
	opts := &commentOptions{streams: streams, getenv: os.Getenv}
	cmd := &cobra.Command{
		Use:   "comment [FILE]",
		Short: "Post a plan as one comment on a pull request, and update that comment",
		Long: `comment posts what "plan --output markdown=FILE" wrote to a pull request, with the
CI's token. It finds its own comment by the marker at the start of FILE and by
the author, and updates it: there is one comment for each marker, and other
people's comments are not touched. Without FILE, or with "-", it reads standard
input.

With --status it also sets the commit's status. A failure here is reported; it
fails the command only with --fail-on-status. In a job of the host's own CI,
these variables are read from the environment:

  github     GITHUB_API_URL, GITHUB_REPOSITORY, GITHUB_REF, GITHUB_TOKEN
  gitlab     CI_API_V4_URL, CI_PROJECT_ID, CI_MERGE_REQUEST_IID, CI_COMMIT_SHA, GITLAB_TOKEN
  bitbucket  BITBUCKET_REPO_FULL_NAME, BITBUCKET_PR_ID, BITBUCKET_COMMIT, BITBUCKET_TOKEN
  codeup     YUNXIAO_TOKEN

The token is read from an environment variable or a file, never from a flag. It
is sent only to the host's API; redirects are not followed.

` + exitHelp,
		Example: `  reconciler comment --host github --commit "$HEAD" --status success plan.md
  reconciler comment --host gitlab --silent-when-empty plan.md
  reconciler comment --host codeup --project ORGANIZATION/bindings --number 12 plan.md`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return runComment(cmd.Context(), opts, args)
		},
	}
	hosts := []string{"github", "gitlab", "bitbucket", "codeup"}
	flags := cmd.Flags()
	flags.StringVar(&opts.host, "host", "", "`HOST` of the pull request: "+strings.Join(hosts, ", "))
	_ = cmd.MarkFlagRequired("host")
	_ = cmd.RegisterFlagCompletionFunc("host", cobra.FixedCompletions(hosts, cobra.ShellCompDirectiveNoFileComp))
	flags.StringVar(&opts.api, "api", "", "`URL` of the host's API, if it is not the usual one")
	flags.StringVar(&opts.project, "project", "", "`PATH` of the project; at Codeup it starts with the organization's id")
	flags.StringVar(&opts.number, "number", "", "`NUMBER` of the pull request")
	flags.StringVar(&opts.author, "author", "", "`NAME` of the token's user, if the host does not report it")
	flags.StringVar(&opts.tokenEnv, "token-env", "", "environment `VARIABLE` with the token")
	flags.StringVar(&opts.tokenFile, "token-file", "", "`FILE` with the token")
	cmd.MarkFlagsMutuallyExclusive("token-env", "token-file")
	flags.BoolVar(&opts.silent, "silent-when-empty", false, "post no comment if the plan changes nothing; an existing one is updated")
	flags.StringVar(&opts.status, "status", "", "set the commit's status to `STATE`: success, failure, error, pending; cancelled counts as error")
	flags.StringVar(&opts.statusName, "status-name", "reconciler", "`NAME` of the status")
	flags.StringVar(&opts.commit, "commit", "", "full `ID` of the commit that gets the status")
	flags.StringVar(&opts.url, "url", "", "`URL` of the run, for the status")
	flags.BoolVar(&opts.failOnStatus, "fail-on-status", false, "fail if the status cannot be set")
	return cmd
}

func runComment(ctx context.Context, opts *commentOptions, args []string) error {
	opts.fromCI()
	state, err := opts.state()
	if err != nil {
		return err
	}
	body, marker, quiet, err := readComment(opts.streams.In, args)
	if err != nil {
		return err
	}
	if opts.host == "bitbucket" {
		body = report.WithoutHTML(body)
		marker, _ = report.CommentMarker(body)
	}
	token, err := opts.token()
	if err != nil {
		return err
	}
	defer token.Wipe()
	to, err := opts.commenter(token)
	if err != nil {
		return err
	}
	pr := providers.PullRequest{Project: opts.project, Number: opts.number, Commit: opts.commit}
	done, err := providers.Publish(ctx, to, pr, providers.Post{
		Marker: marker, Body: body, Author: opts.author, Quiet: opts.silent && quiet,
	})
	if err != nil {
		err = message.NewError("comment-text.failed", "project", opts.project, "number", opts.number, "why", err)
	} else {
		err = opts.streams.printMessage(opts.streams.Out, message.New("comment-text.done."+string(done), "project", opts.project, "number", opts.number))
	}
	if state == "" {
		return err
	}
	statusErr := to.SetStatus(ctx, pr, providers.CommitStatus{
		State: state, Name: opts.statusName, Description: report.CommentHeading(body), URL: opts.url,
	})
	if statusErr == nil {
		return err
	}
	statusErr = message.NewError("comment-text.status", "commit", opts.commit, "why", statusErr)
	if opts.failOnStatus {
		return errors.Join(err, statusErr)
	}
	return errors.Join(err, opts.streams.warn(message.New("cli.warning", "text", message.FromError(statusErr))))
}

// readComment reads the Markdown. Only text that this program wrote is posted,
// unchanged.
func readComment(in io.Reader, args []string) (body, marker string, quiet bool, err error) {
	const limit = 1 << 20
	if len(args) > 0 && args[0] != "-" {
		file, err := os.Open(args[0])
		if err != nil {
			return "", "", false, err
		}
		defer func() { _ = file.Close() }()
		in = file
	}
	text, err := boundedio.Read(in, limit)
	if err != nil {
		return "", "", false, message.NewError("cli.read-text", "why", err)
	}
	body, ok := report.Unsealed(string(text))
	if marker, is := report.CommentMarker(body); ok && is {
		return strings.TrimSpace(body), marker, report.ReportsNothing(string(text)), nil
	}
	return "", "", false, message.NewError("comment-text.foreign")
}

// state is the requested status; empty if none was requested.
func (o *commentOptions) state() (providers.State, error) {
	switch s := providers.State(o.status); {
	case o.status == "":
		return "", nil
	case o.status == "cancelled" || o.status == "canceled":
		s = providers.StateError
		fallthrough
	case slices.Contains([]providers.State{providers.StateSuccess, providers.StateFailure, providers.StateError, providers.StatePending}, s):
		if o.commit == "" {
			return "", requires("--commit", "--status")
		}
		return s, nil
	}
	return "", checkChoice("--status", o.status, "success", "failure", "error", "pending", "cancelled")
}

// token reads the CI's token from the file or the environment.
func (o *commentOptions) token() (secrets.Secret, error) {
	where, value := message.New("cli.variable", "name", o.tokenEnv), []byte(o.getenv(o.tokenEnv))
	if o.tokenFile != "" {
		var err error
		if value, err = boundedio.ReadText(o.tokenFile, maxClientFile); err != nil {
			return secrets.Secret{}, message.NewError("cli.at", "what", "--token-file", "why", err)
		}
		where = message.Verbatim(o.tokenFile)
	}
	token := secrets.New(value)
	if why := providers.Malformed(token); !why.IsZero() {
		return secrets.Secret{}, message.NewError("cli.token-unusable", "where", where, "why", why)
	}
	if other := providers.ForeignHost(binding.Platform(o.host), token); other != "" {
		return secrets.Secret{}, message.NewError("cli.token-foreign", "where", where, "host", other)
	}
	return token, nil
}
