package github_test

import (
	"net/http"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/github"
	"reconciler/internal/providers/providertest"
	_ "reconciler/internal/report" // The texts of errors.
)

func TestProviderKeepsTheContract(t *testing.T) {
	providertest.Run(t, subject())
}

func FuzzAnswersOfAnyShape(f *testing.F) { providertest.Fuzz(f, subject()) }

func subject() providertest.Subject {
	return providertest.Subject{
		Platform: binding.GitHub,
		Token:    "ghp_" + providertest.Canary,
		New: func(t *testing.T, client *http.Client, address string) providers.Provider {
			p, err := github.New(github.Options{Client: client, BaseURL: address})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}
