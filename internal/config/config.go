// Package config has the types, defaults and checks of the configuration. It
// reads files and opens no connection.
package config

import (
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"time"

	"reconciler/internal/binding"
)

// Config is the configuration of the daemon and of the commands: one document
// of kind Configuration. schema/config.cue defines it, with the meaning of
// every field; docs/configuration.md is generated from that. After Load, file
// paths are absolute.
type Config struct {
	APIVersion string     `yaml:"apiVersion"`
	Kind       string     `yaml:"kind"`
	Source     Source     `yaml:"source"`
	Instances  []Instance `yaml:"instances"`
	// Vault is nil if no secret store is configured.
	Vault     *Vault    `yaml:"vault"`
	CodeHosts CodeHosts `yaml:"codeHosts"`
	Sync      Sync      `yaml:"sync"`
	Drift     Drift     `yaml:"drift"`
	People    People    `yaml:"people"`
	Status    Status    `yaml:"status"`
	Safety    Safety    `yaml:"safety"`
	Policy    Policy    `yaml:"policy"`
	// Windows apply to the instances without their own windows.
	Windows Windows `yaml:"windows"`
	// ExpiryWarnings are numbers of days before a token expires.
	ExpiryWarnings []int  `yaml:"expiryWarnings"`
	State          State  `yaml:"state"`
	Server         Server `yaml:"server"`
	Log            Log    `yaml:"log"`
	// Webhooks is nil if the source is read only at the interval.
	Webhooks *Webhooks `yaml:"webhooks"`
	// Language is the language of texts for people; empty for the reader's own.
	Language string `yaml:"language"`
	// Notify is nil if no messages are sent.
	Notify *Notify `yaml:"notify"`
}

// Observer says where the token for observing a code host is stored.
type Observer struct {
	Vault binding.VaultRef `yaml:"vault"`
}

// Sync says how often the daemon syncs. Jitter is a fraction, from 0 to 1.
type Sync struct {
	Interval      time.Duration `yaml:"interval"`
	Jitter        float64       `yaml:"jitter"`
	DriftInterval time.Duration `yaml:"driftInterval"`
	// Settle is how long the registry may take to show a write.
	Settle time.Duration `yaml:"settle"`
}

// Drift says when the daemon stops repairing drift that keeps coming back.
type Drift struct {
	MaxRepairs int           `yaml:"maxRepairs"`
	Within     time.Duration `yaml:"within"`
}

// People says how long steps may wait for people.
type People struct {
	Deadline time.Duration `yaml:"deadline"`
}

// Status says how long the last known state is shown while there is no answer;
// zero means three drift intervals.
type Status struct {
	MaxAge time.Duration `yaml:"maxAge"`
}

// Safety says how many deletions need a person's approval.
type Safety struct {
	MaxDeletionPercent int  `yaml:"maxDeletionPercent"`
	MinDeletions       int  `yaml:"minDeletions"`
	AllowDeletions     bool `yaml:"allowDeletions"`
}

// State says where the daemon's state file is.
type State struct {
	Path string `yaml:"path"`
}

// Server says where the daemon listens.
type Server struct {
	Listen string `yaml:"listen"`
	Socket string `yaml:"socket"`
	// GracePeriod is the maximum time for a stop.
	GracePeriod time.Duration `yaml:"gracePeriod"`
	// SocketGroup is the group that may open the socket; empty for none.
	SocketGroup string `yaml:"socketGroup"`
	// API is nil if there is no API over TLS.
	API *API `yaml:"api"`
}

// Log says what is logged: Level is "debug", "info", "warn" or "error",
// Format "text" or "json".
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// resolve makes relative paths absolute, relative to folder.
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

// Jittered makes a pause randomly longer or shorter by up to the configured
// fraction, so that many daemons do not ask one server at the same second.
func (s Sync) Jittered(pause time.Duration) time.Duration {
	spread := (rand.Float64()*2 - 1) * s.Jitter //nolint:gosec // Jitter needs no secure random numbers.
	return time.Duration(float64(pause) * (1 + spread))
}

// ForCalls is the part of the grace period for calls in flight.
func (c Server) ForCalls() time.Duration { return c.GracePeriod * 4 / 6 }

// ForAnswers is the part of the grace period for requests in flight. Vault's
// sign-out has the same time again.
func (c Server) ForAnswers() time.Duration { return c.GracePeriod / 6 }

// SlogLevel is the lowest level that is logged.
func (c Log) SlogLevel() slog.Level {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.Level)); err != nil {
		return slog.LevelInfo // The schema has rejected any other value.
	}
	return level
}
