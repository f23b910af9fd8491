// Package config is the configuration: its types, defaults and checks. It reads
// files and opens no connection.
package config

import (
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"reconciler/internal/binding"
)

// Config is the configuration of the daemon and of the commands that talk to
// the outside world: one document of kind Configuration. Its definition, with
// the meaning of every field, is schema/config.cue; docs/configuration.md is
// made from that. File paths are absolute once Load returned it.
type Config struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"`
	Source     Source     `yaml:"source"`
	Instances  []Instance `yaml:"instances"`
	// Vault is nil when no secret store is configured.
	Vault     *Vault    `yaml:"vault"`
	CodeHosts CodeHosts `yaml:"codeHosts"`
	Sync      Sync      `yaml:"sync"`
	Drift     Drift     `yaml:"drift"`
	People    People    `yaml:"people"`
	Status    Status    `yaml:"status"`
	Safety    Safety    `yaml:"safety"`
	Policy    Policy    `yaml:"policy"`
	// Windows are those of the instances that have none of their own.
	Windows Windows `yaml:"windows"`
	// ExpiryWarnings are days before a token's end.
	ExpiryWarnings []int  `yaml:"expiryWarnings"`
	State          State  `yaml:"state"`
	Server         Server `yaml:"server"`
	Log            Log    `yaml:"log"`
	// Webhooks is nil where only the interval looks at the source.
	Webhooks *Webhooks `yaml:"webhooks"`
	// Language is that of what people read; empty for the reader's own.
	Language string `yaml:"language"`
	// Notify is nil where nobody gets messages.
	Notify *Notify `yaml:"notify"`
}

// Observer says where the token is kept that observes a host.
type Observer struct {
	Vault binding.VaultRef `yaml:"vault"`
}

// Sync says how often the daemon looks. Jitter is a part of one.
type Sync struct {
	Interval      time.Duration `yaml:"interval"`
	Jitter        float64       `yaml:"jitter"`
	DriftInterval time.Duration `yaml:"driftInterval"`
	// Settle is how long the registry may take to show a write.
	Settle time.Duration `yaml:"settle"`
}

// Drift says when repairing drift ends, because the repairs do not last.
type Drift struct {
	MaxRepairs int           `yaml:"maxRepairs"`
	Within     time.Duration `yaml:"within"`
}

// People says how long people's steps may wait.
type People struct {
	Deadline time.Duration `yaml:"deadline"`
}

// Status says how long what is known last is shown while there is no answer;
// zero is three drift intervals.
type Status struct {
	MaxAge time.Duration `yaml:"maxAge"`
}

// Safety says what stops and asks before it deletes.
type Safety struct {
	MaxDeletionPercent int  `yaml:"maxDeletionPercent"`
	MinDeletions       int  `yaml:"minDeletions"`
	AllowDeletions     bool `yaml:"allowDeletions"`
}

// State says where the daemon's memory is.
type State struct {
	Path string `yaml:"path"`
}

// Server says where the daemon listens.
type Server struct {
	Listen string `yaml:"listen"`
	Socket string `yaml:"socket"`
	// GracePeriod is the longest that a stop takes.
	GracePeriod time.Duration `yaml:"gracePeriod"`
	// SocketGroup is the group that may open the socket; empty for none.
	SocketGroup string `yaml:"socketGroup"`
	// API is nil where nothing is answered over TLS.
	API *API `yaml:"api"`
}

// Log says what is logged: Level is "debug", "info", "warn" or "error",
// Format "text" or "json".
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// resolve makes relative paths absolute, starting at folder.
func (c *Config) resolve(folder string) {
	paths := []*string{&c.State.Path, &c.Server.Socket}
	for _, file := range c.fileFields() {
		paths = append(paths, file.value)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(folder, *p)
		}
	}
}

// Vary changes a pause by up to the configured part either way, so that many
// daemons do not ask one server at the same second.
func (s Sync) Vary(pause time.Duration) time.Duration {
	spread := (rand.Float64()*2 - 1) * s.Jitter //nolint:gosec // Jitter is no secret.
	return time.Duration(float64(pause) * (1 + spread))
}

// ForCalls is the part of the grace period that calls in flight have to end.
func (c Server) ForCalls() time.Duration { return c.GracePeriod * 4 / 6 }

// ForAnswers is the part of the grace period that answers to people have to
// end, and once more that of Vault's sign-out.
func (c Server) ForAnswers() time.Duration { return c.GracePeriod / 6 }

// SlogLevel is the least level that is logged.
func (c Log) SlogLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo // The schema has refused any other word.
	}
	return level
}
