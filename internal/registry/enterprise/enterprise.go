// Package enterprise drives one instance of the Enterprise Edition through its
// API, cr 2018-12-01. What the product documents is sent with the vendor's own
// package and read with its types. The account calls are not documented: they are
// sent and read as a wire profile says. All calls go over the line that the
// driver of the Personal Edition has.
package enterprise

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	cr "github.com/alibabacloud-go/cr-20181201/v2/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/registry/personal"
	"reconciler/internal/registry/wire"
)

var _ registry.Driver = (*Driver)(nil)

//go:embed enterprise.yaml
var profileYAML []byte

var assumed = sync.OnceValue(func() *wire.Profile {
	p, findings := wire.Parse("enterprise.yaml", profileYAML)
	if p == nil {
		panic(fmt.Sprintf("enterprise: the embedded profile has findings: %v", findings))
	}
	return p
})

// Profile is the wire profile of the account calls, as they are assumed.
func Profile() *wire.Profile { return assumed() }

// ProfileYAML is the text of Profile, with its reasons.
func ProfileYAML() []byte { return profileYAML }

// Options are what a Driver is made of.
type Options struct {
	// Line are the options of the calls. The signature is always ACS3.
	Line personal.Options
	// InstanceID is the registry's identifier of the instance, cri-….
	InstanceID string
	// Profile describes the account calls; Profile() if nil.
	Profile *wire.Profile
}

var instanceID = regexp.MustCompile(`^cri-[a-z0-9]{1,60}$`)

// Driver implements registry.Driver. Safe for concurrent use.
type Driver struct {
	instance, id string
	line         *personal.Line
	profile      *wire.Profile
	now          func() time.Time

	// probing is held while the capabilities are being found out; it guards
	// accounts and probed.
	probing chan struct{}
	// accounts says which account calls are served; nil if that is not known.
	accounts *accountCalls
	probed   time.Time
}

// accountCalls are those of the account calls that are served.
type accountCalls struct{ list, bind, unbind bool }

// New makes a driver. It makes no call.
func New(o Options) (*Driver, error) {
	if !instanceID.MatchString(o.InstanceID) {
		return nil, fmt.Errorf("registry: instance %s: the instance's id is %q, want one such as cri-xxxxxxxxxxxxxxxx", o.Line.Instance, o.InstanceID)
	}
	if o.Profile == nil {
		o.Profile = Profile()
	}
	o.Line.Signature, o.Line.WireProfile = personal.ACS3, o.Profile
	line, err := personal.NewLine(o.Line)
	if err != nil {
		return nil, err
	}
	d := &Driver{instance: o.Line.Instance, id: o.InstanceID, line: line, profile: o.Profile, now: o.Line.Now, probing: make(chan struct{}, 1)}
	if d.now == nil {
		d.now = time.Now
	}
	return d, nil
}

// probeAgain is how long a call counts as not served before it is probed again.
const probeAgain = time.Hour

// Capabilities implements registry.AccountReader. The documented calls are
// served; each account call is probed by itself.
func (d *Driver) Capabilities(ctx context.Context) (binding.Capabilities, error) {
	select {
	case d.probing <- struct{}{}:
		defer func() { <-d.probing }()
	case <-ctx.Done():
		return binding.Capabilities{}, d.failure(binding.Transient, "registry: probe", "", "", ctx.Err())
	}
	now := d.now()
	if d.accounts == nil || *d.accounts != (accountCalls{true, true, true}) && now.Sub(d.probed).Abs() >= probeAgain {
		_, err := d.account(ctx, binding.GitLab, "registry: probe")
		served := !personal.Unserved(err) && !errors.Is(err, wire.ErrNoCall)
		switch kind := binding.KindOf(err); {
		case err == nil || !served || kind == binding.Unreadable || kind == binding.NotFound:
			d.accounts, d.probed = &accountCalls{served, d.serves(ctx, wire.Bind), d.serves(ctx, wire.Unbind)}, now
		case d.accounts == nil:
			return binding.Capabilities{}, err
		}
	}
	on := *d.accounts
	c := binding.Capabilities{
		ListAccounts: on.list, Bind: on.bind, Unbind: on.unbind,
		ReadRepositories: true, ReadSources: true, LinkRepositories: true, ReadRules: true, WriteRules: true, KeepsSources: true, CreateRepositories: true,
		Reasons: map[string]message.Message{},
	}
	for name, call := range map[string]struct {
		on     bool
		action string
	}{
		"listAccounts": {c.ListAccounts, "ListSourceCodeAccount"},
		"bind":         {c.Bind, "CreateSourceCodeAccount"},
		"unbind":       {c.Unbind, "DeleteSourceCodeAccount"},
	} {
		if !call.on {
			c.Reasons[name] = message.New("incapable.unserved", "calls", []string{call.action})
		}
	}
	return c, nil
}

// ask sends a call with the vendor's package.
func (d *Driver) ask(ctx context.Context, c personal.Call, send func(*cr.Client)) ([]byte, error) {
	c.Send = func(base openapi.Client) { send(&cr.Client{Client: base}) }
	return d.line.Do(ctx, c)
}

// failure makes a Failure of this instance that no call was made for.
func (d *Driver) failure(kind binding.FailureKind, op, object, hint string, err error) *binding.Failure {
	return &binding.Failure{Kind: kind, Op: op, Object: d.instance + " " + object, Hint: hint, Err: err}
}
