package bitbucket_test

import (
	"net/http"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/providers/providertest"
)

func TestProviderKeepsTheContract(t *testing.T) {
	providertest.Run(t, subject())
}

func FuzzAnswersOfAnyShape(f *testing.F) { providertest.Fuzz(f, subject()) }

func subject() providertest.Subject {
	return providertest.Subject{
		Platform: binding.Bitbucket,
		Token:    "ATCTT3" + providertest.Canary,
		New: func(t *testing.T, client *http.Client, address string) providers.Provider {
			p, err := bitbucket.New(bitbucket.Options{Client: client, BaseURL: address + "/2.0"})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}
