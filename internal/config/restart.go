package config

import (
	"path/filepath"
	"strconv"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// ParseNext is Parse for a daemon that already runs: it also reports a changed
// field that requires a restart.
func ParseNext(path string, data []byte, running Config) (Config, []finding.Finding, error) {
	next, check, err := parse(path, data)
	if err == nil && !finding.HasErrors(check.found) {
		check.fixed(running, next)
	}
	return next, finding.Sort(check.found), err
}

// fixedField is a field that a running daemon cannot change.
type fixedField struct{ path, value string }

func (c *Config) fixedFields() []fixedField {
	var hooks Webhooks
	if c.Webhooks != nil {
		hooks = *c.Webhooks
	}
	var api API
	if c.Server.API != nil {
		api = *c.Server.API
	}
	return []fixedField{
		{"server.socketGroup", c.Server.SocketGroup},
		{"server.api.listen", api.Listen},
		{"server.api.certFile", api.CertFile},
		{"server.api.keyFile", api.KeyFile},
		{"server.api.page.enabled", strconv.FormatBool(api.Page.Enabled)},
		{"server.api.page.session", api.Page.Session.String()},
		{"state.path", filepath.Clean(c.State.Path)},
		{"server.listen", c.Server.Listen},
		{"server.socket", filepath.Clean(c.Server.Socket)},
		{"log.format", c.Log.Format},
		{"webhooks.listen", hooks.Listen},
		{"webhooks.certFile", hooks.CertFile},
		{"webhooks.keyFile", hooks.KeyFile},
	}
}

// fixed adds a finding for each changed field that requires a restart.
func (c *checker) fixed(running, next Config) {
	were := running.fixedFields()
	for n, f := range next.fixedFields() {
		if f != were[n] {
			c.add("config-restart", f.path, message.New("config.restart", "field", f.path, "is", f.value, "was", were[n].value))
		}
	}
}
