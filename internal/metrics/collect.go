package metrics

import (
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/binding"
)

// bindingCollector shows the current state of each binding.
type bindingCollector struct {
	from                                          Sources
	ready, condition, expiry, steps, overdue, age described
}

func newBindingCollector(m *Metrics, from Sources) *bindingCollector {
	of := []string{labelRegistry, "binding", "platform"}
	return &bindingCollector{
		from:      from,
		ready:     m.describe(prometheus.GaugeValue, "reconciler_binding_ready", "1 if the binding matches its declaration.", of...),
		condition: m.describe(prometheus.GaugeValue, "reconciler_binding_condition", "Always 1; the label status (true, false, unknown) is the status of a condition of the binding.", append(of[:3:3], "condition", "status")...),
		expiry:    m.describe(prometheus.GaugeValue, "reconciler_binding_token_expiry_seconds", "Seconds until the token's earliest known expiry, from the declaration or the code host; negative after it.", of...),
		steps:     m.describe(prometheus.GaugeValue, "reconciler_binding_person_steps", "Steps (for an account, a repository or a build rule) that are waiting for a person.", of...),
		overdue:   m.describe(prometheus.GaugeValue, "reconciler_binding_person_steps_overdue", "Steps that have been waiting for a person for longer than people.deadline.", of...),
		age:       m.describe(prometheus.GaugeValue, "reconciler_binding_person_steps_age_seconds", "How long the oldest step has been waiting for a person, across restarts; absent if there is none.", of...),
	}
}

func (c *bindingCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []described{c.ready, c.condition, c.expiry, c.steps, c.overdue, c.age} {
		ch <- d.desc
	}
}

func (c *bindingCollector) Collect(ch chan<- prometheus.Metric) {
	for _, s := range c.from.Statuses() {
		of := []string{s.Spec.Instance, s.Name, string(s.Spec.Platform)}
		ready := 0.0
		for _, cond := range s.Conditions {
			c.condition.collect(ch, 1, append(of[:3:3], string(cond.Type), strings.ToLower(string(cond.Status)))...)
			if cond.Type == binding.Ready && cond.Status == binding.True {
				ready = 1
			}
		}
		c.ready.collect(ch, ready, of...)
		overdue := 0
		for _, w := range s.Pending {
			if w.Overdue {
				overdue++
			}
		}
		c.steps.collect(ch, float64(len(s.Pending)), of...)
		c.overdue.collect(ch, float64(overdue), of...)
		if len(s.Pending) > 0 {
			oldest := slices.MinFunc(s.Pending, func(a, b binding.PendingStep) int { return a.Since.Compare(b.Since) })
			c.age.collect(ch, c.from.Now().Sub(oldest.Since).Seconds(), of...)
		}
		if !s.TokenExpires.IsZero() {
			c.expiry.collect(ch, s.TokenExpires.Sub(c.from.Now()).Seconds(), of...)
		}
	}
}

// queueCollector shows what the loops are doing.
type queueCollector struct {
	from          Sources
	depth, oldest described
}

func newQueueCollector(m *Metrics, from Sources) *queueCollector {
	return &queueCollector{
		from:   from,
		depth:  m.describe(prometheus.GaugeValue, "reconciler_queue_depth", "Instances whose sync was asked for by a commit or a person and has not begun."),
		oldest: m.describe(prometheus.GaugeValue, "reconciler_queue_oldest_unfinished_seconds", "Age of the oldest sync of an instance that has not ended, since somebody asked for it or, if nobody did, since it began; 0 if there is none.", labelRegistry),
	}
}

func (c *queueCollector) Describe(ch chan<- *prometheus.Desc) {
	ch <- c.depth.desc
	ch <- c.oldest.desc
}

func (c *queueCollector) Collect(ch chan<- prometheus.Metric) {
	waiting := 0
	for instance, state := range c.from.Loops() {
		if !state.Asked.IsZero() {
			waiting++
		}
		age := 0.0
		if oldest := state.Oldest(); !oldest.IsZero() {
			age = c.from.Now().Sub(oldest).Seconds()
		}
		c.oldest.collect(ch, age, instance)
	}
	c.depth.collect(ch, float64(waiting))
}

// vaultCollector shows the login to Vault; nothing without Vault.
type vaultCollector struct {
	from                    Sources
	logins, renewals, lease described
}

func newVaultCollector(m *Metrics, from Sources) *vaultCollector {
	return &vaultCollector{
		from:     from,
		logins:   m.describe(prometheus.CounterValue, "reconciler_vault_logins_total", "Logins to Vault, by result: success, error.", "result"),
		renewals: m.describe(prometheus.CounterValue, "reconciler_vault_renewals_total", "Renewals of the login to Vault."),
		lease:    m.describe(prometheus.GaugeValue, "reconciler_vault_lease_expiry_seconds", "Seconds until the login to Vault ends, negative once it has; absent without a login, or if it never expires."),
	}
}

func (c *vaultCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []described{c.logins, c.renewals, c.lease} {
		ch <- d.desc
	}
}

func (c *vaultCollector) Collect(ch chan<- prometheus.Metric) {
	login := c.from.Vault()
	if login == nil {
		return
	}
	c.logins.collect(ch, float64(login.Logins), ResultSuccess)
	c.logins.collect(ch, float64(login.LoginFailures), ResultError)
	c.renewals.collect(ch, float64(login.Renewals))
	if !login.Ends.IsZero() {
		c.lease.collect(ch, login.Ends.Sub(c.from.Now()).Seconds())
	}
}
