package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/engine"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/registry/verify"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

type verifyOptions struct {
	streams                     Streams
	config, instance            string
	platform, username, address string
	tokenFile                   string
	yes                         bool
	timeout                     time.Duration
	output                      outputFlag
}

func newRegistryVerify(streams Streams) *cobra.Command {
	opts := &verifyOptions{streams: streams}
	cmd := &cobra.Command{
		Use:   "verify INSTANCE",
		Short: "Verify the calls that bind accounts, with a throw-away account",
		Long: `verify checks what is assumed about the calls on accounts. With a throw-away account
it reads what is bound, binds, reads until the account is shown, reads its source
repositories, unbinds, and reads until the account is gone. It shows what it will do
and asks for a "yes" first.

It never touches an existing binding: if an account of the platform is bound, it
refuses (exit code 5). It unbinds an account only if it can prove that this
run bound it. If it is interrupted, it tidies up, and says what may be left and
how to remove it (exit code 4). If a running daemon manages the platform on this
instance, suspend that binding first.

` + exitHelp,
		Example: `  reconciler registry verify prod-hangzhou --platform gitlab --username throw-away --token-file token.txt
  reconciler registry verify prod-hangzhou --platform codeup --username throw-away --token-file token.txt --yes -o json`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.instance = args[0]
			return runRegistryVerify(cmd.Context(), opts)
		},
	}
	configFlag(cmd, &opts.config)
	completeInstance(cmd, &opts.config)
	cmd.Flags().StringVar(&opts.platform, "platform", "", "`PLATFORM` of the throw-away account: gitlab or codeup")
	cmd.Flags().StringVar(&opts.username, "username", "", "`NAME` of the throw-away account at the code host")
	cmd.Flags().StringVar(&opts.address, "address", "", "`URL` of the GitLab site (default https://gitlab.com)")
	cmd.Flags().StringVar(&opts.tokenFile, "token-file", "", "`FILE` with the account's token")
	cmd.Flags().BoolVar(&opts.yes, "yes", false, "do not ask")
	cmd.Flags().DurationVar(&opts.timeout, "timeout", 2*time.Minute, "how long to wait until a read shows a write")
	opts.output.add(cmd)
	for _, name := range []string{"platform", "username", "token-file"} {
		_ = cmd.MarkFlagRequired(name)
	}
	_ = cmd.RegisterFlagCompletionFunc("platform", cobra.FixedCompletions([]string{"gitlab", "codeup"}, cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func runRegistryVerify(ctx context.Context, opts *verifyOptions) error {
	out := opts.streams.Out
	if opts.output.json() {
		out = opts.streams.Err
	}
	o, driver, err := opts.prepare(out)
	if err != nil {
		return err
	}
	defer o.Token.Wipe()
	run, err := verify.Begin(ctx, driver, o)
	if errors.Is(err, verify.ErrBound) {
		m := message.New("registry-verify.bound", "platform", o.Account.Platform.Title(), "instance", opts.instance)
		if err := opts.streams.warn(message.New("cli.at", "what", "registry verify", "why", m)); err != nil {
			return err
		}
		return exitCode(exitRefused)
	}
	if ctx.Err() != nil {
		return interrupted(ctx)
	}
	if !run.Over() {
		if err := opts.introduce(ctx, out, o); err != nil {
			return err
		}
	}
	return opts.show(run.Finish(ctx))
}

// prepare makes the driver and reads the token.
func (o *verifyOptions) prepare(out io.Writer) (verify.Options, registry.Driver, error) {
	account, err := o.account()
	if err != nil {
		return verify.Options{}, nil, err
	}
	instance, err := instanceNamed(o.streams, o.config, o.instance)
	if err != nil {
		return verify.Options{}, nil, err
	}
	driver, err := engine.NewDriver(instance, o.streams.redactor, nil)
	if err != nil {
		return verify.Options{}, nil, err
	}
	token, err := o.token()
	if err != nil {
		return verify.Options{}, nil, err
	}
	return verify.Options{
		Instance: o.instance, Region: instance.Region, Account: account, Token: token,
		VisibilityTimeout: o.timeout, Now: time.Now, Wait: binding.Sleep,
		Progress: func(m message.Message) {
			_ = o.streams.printMessage(out, message.New("registry-verify.progress", "step", m))
		},
	}, driver, nil
}

func (o *verifyOptions) account() (binding.Account, error) {
	account := binding.Account{Platform: binding.Platform(o.platform), Username: o.username, Address: o.address}
	switch {
	case !slices.Contains(binding.Platforms(), account.Platform):
		return account, checkChoice("--platform", o.platform, "gitlab", "codeup")
	case account.Platform.OAuth():
		return account, message.NewError("cli.by-browser", "platform", o.platform)
	case account.Platform == binding.Codeup && o.address != "":
		return account, message.NewError("cli.at", "what", "--address", "why", message.New("cli.no-address"))
	case account.Platform == binding.GitLab && o.address == "":
		account.Address = "https://gitlab.com"
	}
	if o.username == "" {
		return account, message.NewError("cli.at", "what", "--username", "why", message.New("cli.empty"))
	}
	return account, nil
}

// maxTokenFile limits a file with a token, in bytes.
const maxTokenFile = 64 << 10

// token reads the disposable token and adds it to the redactor.
func (o *verifyOptions) token() (secrets.Secret, error) {
	data, err := boundedio.ReadText(o.tokenFile, maxTokenFile)
	if err != nil {
		return secrets.Secret{}, message.NewError("cli.at", "what", "--token-file", "why", err)
	}
	data = bytes.TrimSpace(data)
	if len(data) == 0 || bytes.ContainsFunc(data, func(r rune) bool { return r <= ' ' || r > '~' }) {
		clear(data)
		return secrets.Secret{}, message.NewError("cli.no-token", "file", o.tokenFile)
	}
	token := secrets.New(data)
	o.streams.redactor.Register(token)
	return token, nil
}

// introduce shows what will be done, and asks for confirmation.
func (o *verifyOptions) introduce(ctx context.Context, out io.Writer, v verify.Options) error {
	steps := []string{"bind", "shown", "projects", "unbind", "gone"}
	show := func(prefix string, m message.Message) {
		_, _ = fmt.Fprintln(out, prefix+report.Sanitize(o.streams.style(out).Language.Text(m)))
	}
	platform, username := v.Account.Platform.Title(), v.Account.Username
	show("", message.New("registry-verify.intro", "instance", o.instance))
	for _, s := range steps {
		show("  - ", message.New("registry-verify.step."+s, "platform", platform, "username", username))
	}
	show("", message.New("registry-verify.if-killed", "platform", platform, "username", username))
	for _, m := range verify.RemoveSteps(v) {
		show("  - ", m)
	}
	if o.yes {
		return nil
	}
	return confirm(ctx, o.streams, out, message.New("registry-verify.question"), "--yes")
}

func (o *verifyOptions) show(v report.RegistryVerification) error {
	for i := range v.Assumptions {
		m := &v.Assumptions[i].Message
		m.Message = m.Map(o.streams.redactor.Redact)
	}
	var err error
	if o.output.json() {
		err = report.RegistryVerificationJSON(o.streams.Out, v)
	} else {
		err = report.RegistryVerificationText(o.streams.Out, v, o.streams.style(o.streams.Out))
	}
	switch {
	case err != nil:
		return err
	case len(v.Left) > 0:
		return exitCode(exitPartial)
	case v.Failed():
		return exitCode(exitFindings)
	case v.Interrupted:
		return exitCode(exitError)
	}
	return nil
}
