package gitlab_test

import (
	"net/http"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/providers/providertest"
	_ "reconciler/internal/report" // The texts of errors.
)

func TestProviderKeepsTheContract(t *testing.T) {
	providertest.Run(t, subject())
}

func FuzzAnswersOfAnyShape(f *testing.F) { providertest.Fuzz(f, subject()) }

func subject() providertest.Subject {
	return providertest.Subject{
		Platform: binding.GitLab,
		Token:    "glpat-" + providertest.Canary,
		New: func(_ *testing.T, client *http.Client, _ string) providers.Provider {
			return gitlab.New(gitlab.Options{Client: client})
		},
	}
}
