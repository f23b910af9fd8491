package engine

import (
	"reconciler/internal/binding"
	"reconciler/internal/metrics"
	"reconciler/internal/providers"
	"reconciler/internal/registry/line"
	"reconciler/internal/secrets/vault"
	"reconciler/internal/source/git"
)

// The drivers and clients do not depend on metrics: each has a function to call
// after a request, which is nil if nobody counts.

func registryCalls(called func(metrics.Call), instance string) func(line.Attempt) {
	if called == nil {
		return nil
	}
	return func(a line.Attempt) {
		called(metrics.Call{
			To: metrics.Registry, Name: instance, Operation: a.Operation, Result: a.Code, Unsent: a.Unsent, Waited: a.Waited, Took: a.Took,
		})
	}
}

func hostCalls(called func(metrics.Call), platform binding.Platform) func(providers.Exchange) {
	if called == nil {
		return nil
	}
	return func(x providers.Exchange) {
		called(metrics.Call{
			To: metrics.CodeHost, Name: string(platform), Result: metrics.StatusClass(x.Status), Unsent: x.Unsent, Waited: x.Waited, Took: x.Took,
		})
	}
}

func vaultCalls(called func(metrics.Call)) func(vault.Exchange) {
	if called == nil {
		return nil
	}
	return func(x vault.Exchange) {
		called(metrics.Call{To: metrics.Vault, Operation: x.Operation, Result: metrics.StatusClass(x.Status), Took: x.Took})
	}
}

func gitCalls(called func(metrics.Call)) func(git.Exchange) {
	if called == nil {
		return nil
	}
	return func(x git.Exchange) {
		result := metrics.ResultSuccess
		if !x.OK {
			result = metrics.ResultError
		}
		called(metrics.Call{To: metrics.Git, Operation: x.Operation, Result: result, Took: x.Took})
	}
}
