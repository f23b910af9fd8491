// Package enterprise is the driver for an instance of the Enterprise Edition,
// with the API cr 2018-12-01. Documented calls use the vendor's own package and
// its types. The account calls are not documented: a wire profile describes them.
// All calls use package line, which the drivers share.
package enterprise

import (
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"regexp"
	"sync"

	cr "github.com/alibabacloud-go/cr-20181201/v2/client"
	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"

	"reconciler/internal/message"
	"reconciler/internal/registry"
	"reconciler/internal/registry/line"
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

// Profile is the assumed wire profile of the account calls.
func Profile() *wire.Profile { return assumed() }

// Options are the options of a Driver.
type Options struct {
	// Line are the options of the calls. The signature is always ACS3.
	Line line.Options
	// InstanceID is the registry's ID of the instance, cri-….
	InstanceID string
	// Profile describes the account calls; Profile() if nil.
	Profile *wire.Profile
}

var instanceID = regexp.MustCompile(`^cri-[a-z0-9]{1,60}$`)

// Driver implements registry.Driver. It is safe for concurrent use.
type Driver struct {
	line.Accounts
	id    string
	line  *line.Line
	known *line.Known
}

// New makes a driver. It sends no request.
func New(o Options) (*Driver, error) {
	if !instanceID.MatchString(o.InstanceID) {
		return nil, message.NewError("registry.instance-id", "instance", o.Line.Instance, "id", o.InstanceID)
	}
	o.Profile = cmp.Or(o.Profile, Profile())
	o.Line.Signature, o.Line.WireProfile, o.Line.InstanceID = line.ACS3, o.Profile, o.InstanceID
	l, err := line.New(o.Line)
	if err != nil {
		return nil, err
	}
	return &Driver{Accounts: l.Accounts(), id: o.InstanceID, line: l, known: l.Known()}, nil
}

// ask sends a call with the vendor's package.
func (d *Driver) ask(ctx context.Context, c line.Call, send func(*cr.Client)) ([]byte, error) {
	c.Send = func(base openapi.Client) { send(&cr.Client{Client: base}) }
	return d.line.Do(ctx, c)
}
