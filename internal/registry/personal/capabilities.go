package personal

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

// probeImage is a repository that is asked for and need not exist: a registry
// that knows the call says so with a code of its own.
const probeImage = "reconciler-probe/reconciler-probe"

// probeAgain is how long a path counts as not served before it is probed again:
// a gateway may say so for a moment. What is served is not probed again.
const probeAgain = time.Hour

// Capabilities implements registry.AccountReader. It probes with reads only:
// the source accounts, and the sources and build rules of a repository. A path
// that does not answer turns off what needs it for a while; any other failure
// is an error, and the next call probes again.
func (d *Driver) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	select {
	case d.probing <- struct{}{}:
		defer func() { <-d.probing }()
	case <-ctx.Done():
		return binding.Capabilities{}, d.failure(binding.Transient, "registry: probe", "", "", ctx.Err())
	}
	now := d.wire.gate.now()
	if d.capabilities == nil || len(d.capabilities.Reasons) > 0 && now.Sub(d.probed).Abs() >= probeAgain {
		found, err := d.probe(ctx)
		switch {
		case err == nil:
			d.capabilities, d.probed = &found, now
		case d.capabilities == nil:
			return binding.Capabilities{}, err
		}
	}
	c := *d.capabilities
	c.Reasons = maps.Clone(c.Reasons)
	return c, nil
}

func (d *Driver) probe(ctx context.Context) (binding.Capabilities, error) {
	c := binding.Capabilities{Reasons: map[string]message.Message{}}
	path, err := repositoryPath(probeImage)
	if err != nil {
		return binding.Capabilities{}, err
	}
	const accounts, rules, sources = "GetUserSourceAccount", "GetRepoBuildRuleList", "GetRepoSourceRepo"
	served := map[string]bool{}
	for _, p := range []call{
		{action: accounts, path: accountPath, query: map[string]string{"SourceOriginType": originType(binding.GitLab)}},
		{action: rules, path: path + "/rules"},
		{action: sources, path: path + "/sourceRepo"},
	} {
		if served[p.action], err = d.serves(ctx, p); err != nil {
			return binding.Capabilities{}, err
		}
	}
	for _, need := range []struct {
		name    string
		on      *bool
		actions []string
	}{
		{"listAccounts", &c.ListAccounts, []string{accounts}},
		{"bind", &c.Bind, []string{accounts}},
		{"unbind", &c.Unbind, []string{accounts}},
		{"readRepositories", &c.ReadRepositories, []string{rules, sources}},
		{"linkRepositories", &c.LinkRepositories, []string{sources}},
		{"writeRules", &c.WriteRules, []string{rules}},
	} {
		missing := slices.DeleteFunc(need.actions, func(action string) bool { return served[action] })
		if *need.on = len(missing) == 0; !*need.on {
			c.Reasons[need.name] = message.New("incapable.unserved", "calls", missing)
		}
	}
	return c, nil
}

// serves asks whether the endpoint knows a read.
func (d *Driver) serves(ctx context.Context, c call) (bool, error) {
	c.op, c.object, c.method = "registry: probe", c.action, http.MethodGet
	_, err := d.do(ctx, c)
	switch {
	case err == nil || binding.KindOf(err) == binding.NotFound:
		return true, nil
	case errors.Is(err, errUnserved):
		return false, nil
	}
	return false, err
}
