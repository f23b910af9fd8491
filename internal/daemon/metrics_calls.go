package daemon

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/registry/personal"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/source/git"
)

// callMetrics tell of the calls to the outside world. The drivers and clients
// know nothing of them: each takes a function that it tells, which is nil where
// nobody counts.
type callMetrics struct {
	registry, host, vault, git *prometheus.CounterVec
	registryTook, hostTook     *prometheus.HistogramVec
	registryWait, hostWait     *prometheus.HistogramVec
	vaultTook, gitTook         *prometheus.HistogramVec
}

func newCallMetrics(m *metrics) *callMetrics {
	return &callMetrics{
		registry:     m.counter("reconciler_registry_requests_total", "Requests to the registry's API, retries too, by the product's name of the call and by code: OK, a documented code or the beginning of a family of them, other, an HTTP class where an error has no code, unreadable, none (no answer).", labelRegistry, "operation", "code"),
		registryTook: m.histogram("reconciler_registry_request_duration_seconds", "How long a request to the registry's API took.", requestBuckets(), labelRegistry),
		registryWait: m.histogram("reconciler_registry_limiter_wait_seconds", "How long the instance's rate limiter held a request back.", waitBuckets(), labelRegistry),
		host:         m.counter("reconciler_code_host_requests_total", "Requests to code hosts, by platform and class of the status; none where no answer came.", "platform", "code"),
		hostTook:     m.histogram("reconciler_code_host_request_duration_seconds", "How long a request to a code host took.", requestBuckets(), "platform"),
		hostWait:     m.histogram("reconciler_code_host_limiter_wait_seconds", "How long the rate limiter held a request to a code host back.", waitBuckets(), "platform"),
		vault:        m.counter("reconciler_vault_requests_total", "Requests to Vault, retries too, by operation (login, unwrap, renew, revoke, lookup, mounts, health, read) and class of the status; none where no answer came.", "operation", "code"),
		vaultTook:    m.histogram("reconciler_vault_request_duration_seconds", "How long a request to Vault took.", requestBuckets(), "operation"),
		git:          m.counter("reconciler_git_requests_total", "Requests to the git server, by operation (list, fetch) and result (success, error).", "operation", "result"),
		gitTook:      m.histogram("reconciler_git_request_duration_seconds", "How long a request to the git server took, to the last byte of the answer.", requestBuckets(), "operation"),
	}
}

// ofRegistry observes the calls of an instance.
func (c *callMetrics) ofRegistry(instance string) func(personal.Attempt) {
	if c == nil {
		return nil
	}
	return func(a personal.Attempt) {
		c.registryWait.WithLabelValues(instance).Observe(a.Waited.Seconds())
		if a.Unsent {
			return
		}
		c.registry.WithLabelValues(instance, a.Operation, a.Code).Inc()
		c.registryTook.WithLabelValues(instance).Observe(a.Took.Seconds())
	}
}

// ofHost observes the requests to a code host.
func (c *callMetrics) ofHost(platform binding.Platform) func(providers.Exchange) {
	if c == nil {
		return nil
	}
	return func(x providers.Exchange) {
		c.hostWait.WithLabelValues(string(platform)).Observe(x.Waited.Seconds())
		if x.Unsent {
			return
		}
		c.host.WithLabelValues(string(platform), class(x.Status)).Inc()
		c.hostTook.WithLabelValues(string(platform)).Observe(x.Took.Seconds())
	}
}

// ofVault observes the requests to Vault.
func (c *callMetrics) ofVault() func(vault.Exchange) {
	if c == nil {
		return nil
	}
	return func(x vault.Exchange) {
		c.vault.WithLabelValues(x.Operation, class(x.Status)).Inc()
		c.vaultTook.WithLabelValues(x.Operation).Observe(x.Took.Seconds())
	}
}

// ofGit observes the requests to the git server. moved is called for each.
func (c *callMetrics) ofGit(moved func()) func(git.Exchange) {
	if c == nil {
		return nil
	}
	return func(x git.Exchange) {
		moved()
		result := resultSuccess
		if !x.OK {
			result = resultError
		}
		c.git.WithLabelValues(x.Operation, result).Inc()
		c.gitTook.WithLabelValues(x.Operation).Observe(x.Took.Seconds())
	}
}

// class is the class of an HTTP status, for example 4xx.
func class(status int) string {
	if status < 100 || status > 599 {
		return "none"
	}
	return fmt.Sprintf("%dxx", status/100)
}
