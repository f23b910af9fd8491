package metrics

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// callMetrics count the calls to other systems.
type callMetrics struct {
	registry, host, vault, git *prometheus.CounterVec
	registryTook, hostTook     *prometheus.HistogramVec
	registryWait, hostWait     *prometheus.HistogramVec
	vaultTook, gitTook         *prometheus.HistogramVec
}

func newCallMetrics(m *Metrics) *callMetrics {
	return &callMetrics{
		registry:     m.counter("reconciler_registry_requests_total", "Requests to the registry's API, including retries, by the product's name of the call and by code: OK, a documented code or the common prefix of several, other, an HTTP class if an error has no code, unreadable, none (no answer).", labelRegistry, "operation", "code"),
		registryTook: m.histogram("reconciler_registry_request_duration_seconds", "How long a request to the registry's API took.", requestBuckets(), labelRegistry),
		registryWait: m.histogram("reconciler_registry_limiter_wait_seconds", "How long the instance's rate limiter delayed a request.", waitBuckets(), labelRegistry),
		host:         m.counter("reconciler_code_host_requests_total", "Requests to code hosts, by platform and class of the status; none if no answer came.", "platform", "code"),
		hostTook:     m.histogram("reconciler_code_host_request_duration_seconds", "How long a request to a code host took.", requestBuckets(), "platform"),
		hostWait:     m.histogram("reconciler_code_host_limiter_wait_seconds", "How long the rate limiter delayed a request to a code host.", waitBuckets(), "platform"),
		vault:        m.counter("reconciler_vault_requests_total", "Requests to Vault, including retries, by operation (login, unwrap, renew, revoke, lookup, mounts, health, read) and class of the status; none if no answer came.", "operation", "code"),
		vaultTook:    m.histogram("reconciler_vault_request_duration_seconds", "How long a request to Vault took.", requestBuckets(), "operation"),
		git:          m.counter("reconciler_git_requests_total", "Requests to the git server, by operation (list, fetch) and result (success, error).", "operation", "result"),
		gitTook:      m.histogram("reconciler_git_request_duration_seconds", "How long a request to the git server took, to the last byte of the answer.", requestBuckets(), "operation"),
	}
}

// Target is the kind of system that is called.
type Target string

// The targets.
const (
	Registry Target = "registry"
	CodeHost Target = "code host"
	Vault    Target = "vault"
	Git      Target = "git"
)

// Call is one call to another system that has ended.
type Call struct {
	To Target
	// Name is the instance of a registry, or the platform of a code host.
	Name string
	// Operation is one of the target's few operations; empty for a code host.
	Operation string
	// Result is a code of the registry, the class of an HTTP status (StatusClass),
	// or, for git, ResultSuccess or ResultError.
	Result string
	// Unsent is true if the limiter never sent the call.
	Unsent bool
	// Waited is how long the limiter delayed the call, and Took how long it then
	// took.
	Waited, Took time.Duration
}

// Called counts a call.
func (m *Metrics) Called(call Call) {
	c, took := m.calls, call.Took.Seconds()
	switch call.To {
	case Registry:
		c.registryWait.WithLabelValues(call.Name).Observe(call.Waited.Seconds())
		if !call.Unsent {
			c.registry.WithLabelValues(call.Name, call.Operation, call.Result).Inc()
			c.registryTook.WithLabelValues(call.Name).Observe(took)
		}
	case CodeHost:
		c.hostWait.WithLabelValues(call.Name).Observe(call.Waited.Seconds())
		if !call.Unsent {
			c.host.WithLabelValues(call.Name, call.Result).Inc()
			c.hostTook.WithLabelValues(call.Name).Observe(took)
		}
	case Vault:
		c.vault.WithLabelValues(call.Operation, call.Result).Inc()
		c.vaultTook.WithLabelValues(call.Operation).Observe(took)
	case Git:
		c.git.WithLabelValues(call.Operation, call.Result).Inc()
		c.gitTook.WithLabelValues(call.Operation).Observe(took)
	}
}

// StatusClass is the class of an HTTP status, for example 4xx.
func StatusClass(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return fmt.Sprintf("%dxx", status/100)
}
