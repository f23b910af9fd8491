package engine

import (
	"bytes"
	"context"

	"reconciler/internal/boundedio"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/metrics"
	"reconciler/internal/registry"
	"reconciler/internal/registry/console"
	"reconciler/internal/registry/enterprise"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/personal"
	"reconciler/internal/registry/wire"
	"reconciler/internal/secrets"
)

// NewDriver makes the driver of one instance.
func NewDriver(c config.Instance, redactor *secrets.Redactor, called func(metrics.Call)) (registry.Driver, error) {
	if c.Driver == "console" {
		return console.New(c.Name, c.Region), nil
	}
	o, err := lineOptions(c, redactor, called)
	if err != nil {
		return nil, err
	}
	if c.Driver == "enterprise" {
		return enterprise.New(enterprise.Options{Line: o, InstanceID: c.InstanceID, Profile: o.WireProfile})
	}
	return personal.New(o)
}

// NewPersonal makes the driver for the API of the Personal Edition, also for an
// instance that is configured with another driver.
func NewPersonal(c config.Instance, redactor *secrets.Redactor) (*personal.Driver, error) {
	o, err := lineOptions(c, redactor, nil)
	if err != nil {
		return nil, err
	}
	return personal.New(o)
}

func lineOptions(c config.Instance, redactor *secrets.Redactor, called func(metrics.Call)) (line.Options, error) {
	profile, err := wireProfile(c)
	return line.Options{
		WireProfile: profile, InstanceID: c.InstanceID, Instance: c.Name, Region: c.Region, Endpoint: c.Endpoint,
		Signature: line.Signature(c.Signature), Credentials: credentials(c.Credentials, redactor),
		RequestsPerSecond: c.RequestsPerSecond, Burst: c.Burst, Observe: registryCalls(called, c.Name),
	}, err
}

// wireProfile reads the wire profile of an instance; nil means the built-in one.
func wireProfile(c config.Instance) (*wire.Profile, error) {
	if c.WireProfileFile == "" {
		return nil, nil
	}
	profile, _, err := wire.Read(c.WireProfileFile)
	if err != nil {
		return nil, err
	}
	if profile == nil || profile.Digest() != c.WireProfileDigest {
		return nil, message.NewError("engine.profile-changed", "instance", c.Name, "profile", c.WireProfileFile)
	}
	return profile, nil
}

func credentials(c *config.Credentials, redactor *secrets.Redactor) line.Credentials {
	switch {
	case c == nil:
		return line.Credentials{Kind: line.DefaultChain}
	case c.Environment != nil:
		return line.Credentials{Kind: line.Environment}
	case c.Profile != nil:
		return line.Credentials{Kind: line.Profile, Profile: c.Profile.Name}
	case c.RAMRole != nil:
		return line.Credentials{Kind: line.RAMRole, RAMRole: c.RAMRole.Name}
	case c.OIDC != nil:
		return line.Credentials{Kind: line.OIDCRole, OIDC: line.OIDC(*c.OIDC)}
	case c.Static != nil:
		return line.Credentials{Kind: line.Static, Static: staticKeys(*c.Static, redactor)}
	}
	return line.Credentials{Kind: line.DefaultChain}
}

// staticKeys reads an access key from its files at each call, so that a
// replaced one is used at once. The driver wipes the key.
func staticKeys(c config.Static, redactor *secrets.Redactor) func(context.Context) (line.Keys, error) {
	return func(context.Context) (line.Keys, error) {
		id, err := readKey(c.AccessKeyIDFile)
		if err != nil {
			return line.Keys{}, err
		}
		keys := line.Keys{AccessKeyID: string(id)}
		if keys.AccessKeySecret, err = readSecret(c.AccessKeySecretFile, redactor); err != nil {
			return line.Keys{}, err
		}
		if c.SecurityTokenFile != "" {
			keys.SecurityToken, err = readSecret(c.SecurityTokenFile, redactor)
		}
		return keys, err
	}
}

func readSecret(path string, redactor *secrets.Redactor) (secrets.Secret, error) {
	data, err := readKey(path)
	if err != nil {
		return secrets.Secret{}, err
	}
	secret := secrets.New(data)
	redactor.Register(secret)
	return secret, nil
}

// readKey reads one file of an access key, at most 64 KiB.
func readKey(path string) ([]byte, error) {
	data, err := boundedio.ReadText(path, 64<<10)
	if err != nil {
		return nil, message.NewError("engine.access-key", "why", err)
	}
	return bytes.TrimSpace(data), nil
}
