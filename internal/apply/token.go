package apply

import (
	"context"
	"errors"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/secrets"
)

// read reads a secret, which the caller wipes.
func (x *run) read(ctx context.Context, ref secrets.Ref) (token secrets.Secret, meta secrets.Metadata, err error) {
	err = x.within(ctx, func(ctx context.Context) (err error) {
		token, meta, err = x.o.Tokens.Read(ctx, ref)
		return err
	})
	if err != nil {
		token.Wipe()
		return secrets.Secret{}, secrets.Metadata{}, err
	}
	return token, meta, nil
}

// readFor reads a token that will be sent to a target. It returns an error if the
// secret itself names a different host.
func (x *run) readFor(ctx context.Context, ref secrets.Ref, to binding.SecretTarget) (secrets.Secret, secrets.Metadata, error) {
	token, meta, err := x.read(ctx, ref)
	if host := meta.Custom[binding.HostKey]; err == nil && !to.Allowed(host) {
		token.Wipe()
		return secrets.Secret{}, meta, &binding.Failure{
			Kind: binding.Refused, Fault: binding.FaultRequest, Code: string(plan.CauseSecretTarget), Op: message.New("op.secrets.read"), Object: binding.VaultRef(ref).Unpinned().String(),
			Err: &message.Error{Message: message.New("apply.secret-host", "host", message.Foreign(host), "to", to.String())},
		}
	}
	return token, meta, err
}

// readApplied reads the token version that a record names. If the secret was
// deleted and created again, the version with the same number is a different token,
// which is an error.
func (x *run) readApplied(ctx context.Context, before binding.Record) (secrets.Secret, error) {
	token, meta, err := x.readFor(ctx, secrets.Ref(before.AppliedToken()), binding.SecretTargetOf(before.Platform, before.Wanted().Address))
	if err == nil && binding.MadeAnew(before.TokenCreated, meta.Created) {
		token.Wipe()
		return secrets.Secret{}, &binding.Failure{
			Kind: binding.NotFound, Code: binding.ReasonMadeAnew, Op: message.New("op.secrets.read"), Object: before.Vault.Unpinned().String(), Err: &message.Error{Message: binding.TokenMadeAnew(before.TokenVersion)},
		}
	}
	return token, err
}

// plannedToken reads the version that the plan is about. If the store has no
// versions, it notes the fingerprint of the token in the action.
func (x *run) plannedToken(ctx context.Context, a *plan.Action) (secrets.Secret, error) {
	ref := secrets.Ref(a.Target.Declaration.Spec.Token.Vault)
	if a.Target.TokenVersion > 0 {
		ref.Version = a.Target.TokenVersion
	}
	spec := a.Target.Declaration.Spec
	token, _, err := x.readFor(ctx, ref, binding.SecretTargetOf(spec.Platform, spec.Address))
	if err != nil {
		return secrets.Secret{}, err
	}
	if a.Target.TokenVersion == 0 {
		a.Target.TokenFingerprint = token.Fingerprint(x.o.Key)
	}
	return token, nil
}

// appliedToken reads the version that is bound, because the newest may have been
// refused. If none was applied, it reads the planned one.
func (x *run) appliedToken(ctx context.Context, a *plan.Action) (secrets.Secret, error) {
	before := x.before(*a)
	if before == nil || !before.Managed || before.TokenVersion == 0 {
		return x.plannedToken(ctx, a)
	}
	return x.readApplied(ctx, *before)
}

// checkToken asks the code host about the planned token. It returns nil only if the
// host answers that the token is valid, and answers no to nothing else.
func (x *run) checkToken(ctx context.Context, a plan.Action, token secrets.Secret) error {
	d := a.Target.Declaration
	host := x.o.Hosts[d.Spec.Platform]
	if host == nil {
		return unanswered(message.New("op.host.check-token"), d.Name, binding.Answer{Message: message.New("apply.no-host")})
	}
	var report binding.TokenReport
	_ = x.within(ctx, func(ctx context.Context) error {
		report = host.CheckToken(ctx, x.before(a).Identify(d.Spec.Account()), d.Spec.Sources(), token)
		return nil
	})
	return tokenError(d.Name, report.Answers)
}

// tokenError is why a token must not be bound; nil if it may.
func tokenError(name string, answers []binding.Answer) error {
	valid := binding.Answer{Verdict: binding.UnknownAsked, Message: message.New("apply.validity-unknown")}
	for _, a := range answers {
		if a.Verdict == binding.No {
			return &binding.Failure{
				Kind: binding.Refused, Fault: a.WhoseFault(), Code: a.Code, Op: message.New("op.host.check-token"), Object: name, Err: &message.Error{Message: a.Message},
			}
		}
		if a.AboutToken() {
			valid = a
		}
	}
	if valid.Verdict != binding.Yes {
		return unanswered(message.New("op.host.check-token"), name, valid)
	}
	return nil
}

// unanswered is the failure of a question that a code host did not answer.
func unanswered(op message.Message, object string, a binding.Answer) error {
	return &binding.Failure{
		Kind: binding.Transient, Code: a.Reason, Op: op, Object: object,
		Err: &message.Error{Message: a.Message}, Hint: message.New("apply.unchanged"),
	}
}

// joined is like errors.Join, but returns err itself if there is no other error.
func joined(err, other error) error {
	if other == nil {
		return err
	}
	return errors.Join(err, other)
}
