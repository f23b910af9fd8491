package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"reconciler/internal/binding"
	"reconciler/internal/boundedio"
	"reconciler/internal/message"
	"reconciler/internal/notify"
)

// Mail is a mail server and the addresses of its mails.
type Mail struct {
	// Server is host:port. Port 465 uses TLS from the start; on any other port
	// the server must offer STARTTLS.
	Server, From string
	To           []string
	// Username and Password are for the login; Username is empty if there is none.
	Username string
	Password Credential
	// CAFile has root certificates in addition to the system's; empty for none.
	CAFile string
	// Dial opens connections.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// smtps is the port of RFC 8314.
const smtps = 465

// mailTimeout limits each step with the server.
const mailTimeout = 20 * time.Second

// maxCA limits the size of CAFile.
const maxCA = 1 << 20

// mailer sends plain text. It sends a password over TLS only.
type mailer struct{ Options }

func (m mailer) Send(ctx context.Context, t notify.Text) (notify.Retry, error) {
	named := m.named(t.Mentions)
	err := m.sendTo(ctx, named, t)
	// If the mailbox of an owner no longer exists, the others must still get the mail.
	if e, is := errors.AsType[*mail.SendError](err); is && e.Reason == mail.ErrSMTPRcptTo && len(named) > 0 {
		err = m.sendTo(ctx, nil, t)
	}
	return outcome(m.smtp(err))
}

// named returns the people to add to the mail: only addresses of the sender's own
// domain, so that a declaration cannot send mail to strangers. Invalid addresses
// are skipped.
func (m mailer) named(people []string) []string {
	return slices.DeleteFunc(slices.Clone(people), func(person string) bool {
		_, err := netmail.ParseAddress(person)
		return err != nil || !strings.HasSuffix(person, m.domain())
	})
}

// domain is the sender's domain, with its @.
func (m mailer) domain() string { return m.Mail.From[strings.LastIndex(m.Mail.From, "@"):] }

// sendTo sends the mail to the receiver's addresses and to the named people.
func (m mailer) sendTo(ctx context.Context, named []string, t notify.Text) error {
	msg, err := m.message(slices.Concat(m.Mail.To, named), t)
	if err != nil {
		return m.refused("", err)
	}
	client, err := m.client(ctx)
	if err != nil {
		return err
	}
	return client.DialAndSendWithContext(ctx, msg)
}

// message makes the mail. Its ID is the same for every attempt.
func (m mailer) message(to []string, t notify.Text) (*mail.Msg, error) {
	msg := mail.NewMsg(mail.WithNoDefaultUserAgent())
	if err := errors.Join(msg.From(m.Mail.From), msg.To(to...)); err != nil {
		return nil, err
	}
	msg.SetMessageIDWithValue(t.ID + m.domain())
	msg.SetDateWithValue(t.At)
	msg.Subject(t.Title)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: prevents vacation notices.
	msg.SetBodyString(mail.TypeTextPlain, strings.Join(t.Rows(m.Type.Limit()), "\n")+"\n")
	return msg, nil
}

func (m mailer) client(ctx context.Context) (*mail.Client, error) {
	host, portText, err := net.SplitHostPort(m.Mail.Server)
	port, portErr := strconv.Atoi(portText)
	if err := errors.Join(err, portErr); err != nil {
		return nil, m.refused("", err)
	}
	config := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	if m.Mail.CAFile != "" {
		if config.RootCAs, err = roots(m.Mail.CAFile); err != nil {
			return nil, m.failed(binding.Transient, "", err)
		}
	}
	options := []mail.Option{
		mail.WithPort(port), mail.WithTimeout(mailTimeout), mail.WithTLSPolicy(mail.TLSMandatory), mail.WithTLSConfig(config),
		mail.WithDialContextFunc(m.Mail.Dial), mail.WithoutNoop(),
	}
	if port == smtps {
		options = append(options, mail.WithSSL(), mail.WithDialContextFunc(func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := m.Mail.Dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return tls.Client(conn, config), nil
		}))
	}
	if m.Mail.Username != "" {
		password, err := m.Mail.Password(ctx)
		if err != nil {
			return nil, m.failed(binding.Transient, "", message.NewError("sender.password", "why", err))
		}
		defer password.Wipe()
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.Mail.Username), mail.WithPassword(password.Expose()))
	}
	client, err := mail.NewClient(host, options...)
	if err != nil {
		return nil, m.refused("", err)
	}
	return client, nil
}

// roots returns the root certificates of the system and of a file.
func roots(file string) (*x509.CertPool, error) {
	pem, err := boundedio.ReadFile(file, maxCA)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, message.NewError("sender.no-certificate", "file", file)
	}
	return pool, nil
}

// smtp converts an error of the server; our own errors stay as they are. The server's text is not
// shown. Its code says whether to try again (RFC 5321: after 4xx yes, after 5xx no).
func (m mailer) smtp(err error) error {
	if _, is := errors.AsType[*binding.Failure](err); is || err == nil {
		return err
	}
	code := 0
	if reply, is := errors.AsType[*textproto.Error](err); is {
		code = reply.Code
	} else if sent, is := errors.AsType[*mail.SendError](err); is {
		code = sent.ErrorCode()
	}
	switch {
	case code >= 500:
		return m.refused(strconv.Itoa(code), message.NewError("sender.mail-refused"))
	case code >= 400:
		return m.failed(binding.Transient, strconv.Itoa(code), message.NewError("sender.mail-again"))
	}
	return m.failed(binding.Transient, "", err)
}
