package sender_test

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/pem"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"reconciler/internal/notify"
	"reconciler/internal/notify/sender"
	"reconciler/internal/providers"
	_ "reconciler/internal/report" // The texts of errors.
)

// mailServer is a server of RFC 5321 with STARTTLS and AUTH PLAIN.
type mailServer struct {
	address, caFile string
	config          *tls.Config
	startTLS        bool
	// refuse answers a command, or a whole line, with a line.
	refuse map[string]string

	mu       sync.Mutex
	commands []string
	mail     string
}

func serveMail(t *testing.T) *mailServer {
	t.Helper()
	certs := httptest.NewTLSServer(nil)
	certs.Close()
	m := &mailServer{startTLS: true, config: certs.TLS, caFile: filepath.Join(t.TempDir(), "ca.pem"), refuse: map[string]string{}}
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certs.Certificate().Raw})
	if err := os.WriteFile(m.caFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	m.address = l.Addr().String()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go m.serve(conn)
		}
	}()
	return m
}

func (m *mailServer) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	say := func(line string) { _, _ = conn.Write([]byte(line + "\r\n")) }
	secure := false
	say("220 mail.example.com")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		m.mu.Lock()
		m.commands = append(m.commands, line)
		m.mu.Unlock()
		verb := strings.ToUpper(strings.Fields(line + " x")[0])
		if refusal := cmp.Or(m.refuse[line], m.refuse[verb]); refusal != "" {
			say(refusal)
			continue
		}
		switch verb {
		case "EHLO":
			say("250-mail.example.com")
			if m.startTLS && !secure {
				say("250 STARTTLS")
			} else {
				say("250 AUTH PLAIN")
			}
		case "STARTTLS":
			say("220 go")
			conn = tls.Server(conn, &tls.Config{Certificates: m.config.Certificates, MinVersion: tls.VersionTLS12})
			in, secure = bufio.NewReader(conn), true
		case "AUTH":
			say("235 yes")
		case "DATA":
			say("354 go")
			var mail strings.Builder
			for {
				row, err := in.ReadString('\n')
				if err != nil || row == ".\r\n" {
					break
				}
				mail.WriteString(row)
			}
			m.mu.Lock()
			m.mail = mail.String()
			m.mu.Unlock()
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (m *mailServer) sender(t *testing.T) notify.Sender {
	t.Helper()
	made, err := sender.New(sender.Options{Name: "ops", Type: sender.Email, Mail: sender.Mail{
		Server: m.address, From: "reconciler@example.com", To: []string{"ada@example.com"}, Username: "robot", Password: is(secret),
		CAFile: m.caFile, Dial: providers.NewDialer(providers.Options{AllowPrivate: true}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (m *mailServer) transcript() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strings.Join(m.commands, "\n")
}

func TestMailIsSentOverSTARTTLSAsPlainText(t *testing.T) {
	m := serveMail(t)
	note := text()
	note.Title = "pay\r\nBcc: evil@example.com\r\n\r\n<b>x</b> 名"
	note.Mentions = []string{"bob@example.com", "stranger@elsewhere.example"}
	if _, err := m.sender(t).Send(t.Context(), note); err != nil {
		t.Fatal(err)
	}
	if said := m.transcript(); !strings.Contains(said, "<bob@example.com>") || strings.Contains(said, "stranger") {
		t.Errorf("who is named gets no mail, or a stranger does:\n%s", said)
	}
	login := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00robot\x00"+secret))
	if said := m.transcript(); !strings.Contains(said, "STARTTLS") || !strings.Contains(said, login) || strings.Contains(said, "evil") {
		t.Errorf("commands:\n%s", said)
	}
	for _, want := range []string{"Message-ID: <msg_1@example.com>", "Auto-Submitted: auto-generated", "Content-Type: text/plain", "Date: Sun, 29 Nov 2026"} {
		if !strings.Contains(m.mail, want) {
			t.Errorf("the mail has no %s:\n%s", want, m.mail)
		}
	}
	if header, _, _ := strings.Cut(m.mail, "\r\n\r\n"); strings.Contains(header, "\nBcc") || strings.Contains(m.mail, "text/html") {
		t.Errorf("the mail:\n%s", m.mail)
	}
}

// TestWhoIsNamedKeepsNobodyFromTheMail names people whose mailbox does not exist
// any longer, is full, or never was an address.
func TestWhoIsNamedKeepsNobodyFromTheMail(t *testing.T) {
	for person, answer := range map[string]string{
		"left@example.com": "550 5.1.1 who is that", "full@example.com": "452 4.2.2 full", "a@b@example.com": "", "a..b@example.com": "", "@example.com": "",
	} {
		t.Run(person, func(t *testing.T) {
			m := serveMail(t)
			if answer != "" {
				m.refuse["RCPT TO:<"+person+">"] = answer
			}
			note := text()
			note.Mentions = []string{person}
			if retry, err := m.sender(t).Send(t.Context(), note); err != nil || !strings.Contains(m.mail, "ada@example.com") {
				t.Errorf("got %+v, %v; commands:\n%s", retry, err, m.transcript())
			}
		})
	}
}

func TestMailServersErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		edit  func(*mailServer)
		again bool
		want  string
	}{
		"without STARTTLS":    {func(m *mailServer) { m.startTLS = false }, true, "STARTTLS"},
		"an unknown root":     {func(m *mailServer) { m.caFile = "" }, true, "certificate"},
		"a wrong password":    {func(m *mailServer) { m.refuse["AUTH"] = "535 5.7.8 no " + secret }, false, "535"},
		"an unknown address":  {func(m *mailServer) { m.refuse["RCPT"] = "550 5.1.1 who is that" }, false, "550"},
		"a greylisted sender": {func(m *mailServer) { m.refuse["RCPT"] = "451 4.7.1 later" }, true, "451"},
		"a full disk":         {func(m *mailServer) { m.refuse["DATA"] = "452 4.3.1 full" }, true, "452"},
	} {
		t.Run(name, func(t *testing.T) {
			m := serveMail(t)
			tt.edit(m)
			retry, err := m.sender(t).Send(t.Context(), text())
			if err == nil || retry.Again != tt.again || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), secret) {
				t.Errorf("got %+v, %v", retry, err)
			}
			plain := base64.StdEncoding.EncodeToString([]byte("\x00robot\x00" + secret))
			if said := m.transcript(); (name == "without STARTTLS" || name == "an unknown root") && strings.Contains(said, plain) {
				t.Errorf("the password was sent:\n%s", said)
			}
		})
	}
}

func TestAMailServerMustBePublicUnlessAllowed(t *testing.T) {
	m := serveMail(t)
	made, err := sender.New(sender.Options{Name: "ops", Type: sender.Email, Mail: sender.Mail{
		Server: m.address, From: "a@example.com", To: []string{"b@example.com"}, Dial: providers.NewDialer(providers.Options{}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := made.Send(context.WithoutCancel(t.Context()), text()); err == nil || m.transcript() != "" {
		t.Errorf("got %v; commands: %s", err, m.transcript())
	}
}
