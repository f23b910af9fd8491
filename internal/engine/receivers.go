package engine

import (
	"context"
	"net/url"
	"strings"
	"time"

	"reconciler/internal/boundedio"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/notify"
	"reconciler/internal/notify/sender"
	"reconciler/internal/providers"
	"reconciler/internal/report"
	"reconciler/internal/secrets"
)

// Receivers returns the configured receivers of notifications, and the rules
// for what they get. Their credentials are read for each message, and wiped
// after it.
func (c *Clients) Receivers() (notify.Rules, []notify.Receiver, error) {
	n := c.o.Config.Notify
	if n == nil {
		return notify.Rules{}, nil, nil
	}
	rules := notify.Rules{Hold: n.Hold, DownFor: n.DownFor}
	for _, r := range n.Routes {
		rules.Routes = append(rules.Routes, notify.Route{
			Receivers: r.Receivers, Files: r.Files, Instances: r.Instances, Platforms: r.Platforms, Kinds: r.Kinds, Severity: finding.Severity(r.Severity),
		})
	}
	var receivers []notify.Receiver
	for _, r := range n.Receivers {
		s, err := sender.New(c.senderOptions(r))
		if err != nil {
			return notify.Rules{}, nil, err
		}
		language, err := report.LanguageNamed(r.Language)
		if err != nil {
			return notify.Rules{}, nil, message.NewError("engine.receiver", "receiver", r.Name, "why", err)
		}
		rules.Receivers = append(rules.Receivers, r.Name)
		receivers = append(receivers, notify.Receiver{Name: r.Name, Sender: s, Language: language, Limit: sender.Type(r.Type).Limit()})
	}
	return rules, receivers, nil
}

// receiverTimeout limits the sending of one message.
const receiverTimeout = 15 * time.Second

func (c *Clients) senderOptions(r config.NotifyReceiver) sender.Options {
	guard := providers.Options{
		AllowPrivate: r.AllowPrivateAddresses, AnyContent: true, Timeout: receiverTimeout, Now: c.o.Now,
		Dial: c.o.Dial, RootCAs: c.o.RootCAs, DialContext: c.o.DialContext,
	}
	o := sender.Options{
		Name: r.Name, Type: sender.Type(r.Type), Keyword: r.Keyword, Now: c.o.Now, Client: providers.NewHTTPClient(guard),
		URL: c.credential(r.URL), Secret: c.credential(r.Secret),
	}
	if m := r.Mail; m != nil {
		o.Mail = sender.Mail{
			Server: m.Server, From: m.From, To: m.To, Username: m.Username, Password: c.credential(m.Password), CAFile: m.CAFile,
			Dial: providers.NewDialer(guard),
		}
	}
	return o
}

// maxCredential limits the size of a credential file.
const maxCredential = 64 << 10

// credential returns a function that reads the configured credential; nil if
// none is configured.
func (c *Clients) credential(s *config.NotifySecret) sender.Credential {
	if s == nil {
		return nil
	}
	return func(ctx context.Context) (secrets.Secret, error) {
		secret, err := c.readCredential(ctx, s)
		if err == nil && secret.IsZero() {
			err = message.NewError("engine.empty")
		}
		if err == nil {
			c.mask(secret)
		}
		return secret, err
	}
}

// ReadCredentials reads the credentials of a receiver, and wipes them.
func (c *Clients) ReadCredentials(ctx context.Context, r config.NotifyReceiver) error {
	o := c.senderOptions(r)
	for _, read := range []sender.Credential{o.URL, o.Secret, o.Mail.Password} {
		if read == nil {
			continue
		}
		secret, err := read(ctx)
		if err != nil {
			return err
		}
		secret.Wipe()
	}
	return nil
}

func (c *Clients) readCredential(ctx context.Context, s *config.NotifySecret) (secrets.Secret, error) {
	if s.Vault != nil {
		secret, _, err := c.Tokens.Read(ctx, secrets.Ref(*s.Vault))
		return secret, err
	}
	data, err := boundedio.ReadText(s.ValueFile, maxCredential)
	return secrets.New(data), err
}

// minMasked is the minimum length of a part of a URL that is masked separately.
const minMasked = 12

// mask adds a credential to the redactor until a minute after it is wiped. For
// a URL, it also adds the parts that are secret.
func (c *Clients) mask(secret secrets.Secret) {
	c.o.Redactor.Register(secret)
	u, err := url.Parse(secret.Expose())
	if err != nil || u.Host == "" {
		return
	}
	parts := strings.Split(u.Path, "/")
	for _, values := range u.Query() {
		parts = append(parts, values...)
	}
	for _, part := range parts {
		if len(part) >= minMasked {
			piece := secrets.New([]byte(part))
			c.o.Redactor.Register(piece)
			piece.Wipe() // It stays masked for another minute.
		}
	}
}
