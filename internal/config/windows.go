package config

import (
	"fmt"
	"time"

	// The image contains no time zones, and a window in an unknown zone would
	// never open.
	_ "time/tzdata"

	"reconciler/internal/message"
	"reconciler/internal/plan"
)

// Windows says when an instance may be changed. TimeZone is the default time
// zone of the windows.
type Windows struct {
	TimeZone          string   `yaml:"timeZone"`
	Allow             []Window `yaml:"allow"`
	Deny              []Window `yaml:"deny"`
	LetRepairsThrough bool     `yaml:"letRepairsThrough"`
}

// Window is a recurring span of time: it starts by a cron expression and lasts
// for a duration. Without TimeZone, that of the Windows applies.
type Window struct {
	Schedule string        `yaml:"schedule"`
	Duration time.Duration `yaml:"duration"`
	TimeZone string        `yaml:"timeZone"`
}

// WindowsOf returns the windows of an instance: its own, or those of the whole
// configuration. An invalid window, which Load would report, cannot be
// evaluated and is closed.
func (c *Config) WindowsOf(instance Instance) plan.Windows {
	config := c.Windows
	if instance.Windows != nil {
		config = *instance.Windows
	}
	windows := plan.Windows{LetRepairsThrough: config.LetRepairsThrough}
	for _, w := range config.Allow {
		windows.Allow = append(windows.Allow, config.window(w))
	}
	for _, w := range config.Deny {
		windows.Deny = append(windows.Deny, config.window(w))
	}
	return windows
}

func (c Windows) window(w Window) plan.Window {
	// An error leaves the zero value, which Window.Check rejects.
	schedule, _ := plan.ParseSchedule(w.Schedule)
	zone, _ := loadZone(c.zoneOf(w))
	return plan.Window{Schedule: schedule, Zone: zone, Length: w.Duration}
}

func (c Windows) zoneOf(w Window) string {
	if w.TimeZone != "" {
		return w.TimeZone
	}
	return c.TimeZone
}

// loadZone finds a time zone by its name. The machine's local zone is not
// allowed, because the configuration would mean a different time on another
// machine.
func loadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, message.NewError("config.no-zone")
	}
	return time.LoadLocation(name)
}

// windows checks when instances may be changed.
func (c *checker) windows(config Config) {
	c.windowsAt("windows", config.Windows)
	for i, instance := range config.Instances {
		if instance.Windows != nil {
			c.windowsAt(fmt.Sprintf("instances[%d].windows", i), *instance.Windows)
		}
	}
}

func (c *checker) windowsAt(at string, config Windows) {
	before := len(c.found)
	if _, err := loadZone(config.TimeZone); err != nil {
		c.add("window-time-zone", at+".timeZone", message.New("config.time-zone", "field", at, "zone", config.TimeZone))
	}
	var all plan.Windows
	for i, w := range config.Allow {
		all.Allow = append(all.Allow, c.window(fmt.Sprintf("%s.allow[%d]", at, i), config, w))
	}
	for i, w := range config.Deny {
		all.Deny = append(all.Deny, c.window(fmt.Sprintf("%s.deny[%d]", at, i), config, w))
	}
	if len(c.found) == before && !all.OpensEver() {
		c.add("window-never-opens", at, message.New("config.denied", "field", at))
	}
}

// window checks one window.
func (c *checker) window(at string, config Windows, w Window) plan.Window {
	before := len(c.found)
	if _, err := plan.ParseSchedule(w.Schedule); err != nil {
		c.add("window-schedule", at+".schedule", message.New("config.schedule", "field", at, "schedule", w.Schedule, "err", err))
	}
	if w.Duration < plan.MinWindow || w.Duration > plan.MaxWindow {
		c.add("window-duration", at+".duration", message.New("config.window-duration", "field", at, "is", w.Duration))
	}
	if w.TimeZone != "" {
		if _, err := loadZone(w.TimeZone); err != nil {
			c.add("window-time-zone", at+".timeZone", message.New("config.time-zone", "field", at, "zone", w.TimeZone))
		}
	}
	window := config.window(w)
	if len(c.found) == before && window.Check() == nil && !(plan.Windows{Allow: []plan.Window{window}}).OpensEver() {
		c.add("window-never-opens", at+".schedule", message.New("config.never", "field", at, "schedule", w.Schedule))
	}
	return window
}
