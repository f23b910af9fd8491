package codeup_test

import (
	"net/http"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/providers"
	"reconciler/internal/providers/codeup"
	"reconciler/internal/providers/providertest"
)

func TestProviderKeepsTheContract(t *testing.T) {
	providertest.Run(t, subject())
}

func FuzzAnswersOfAnyShape(f *testing.F) { providertest.Fuzz(f, subject()) }

func subject() providertest.Subject {
	return providertest.Subject{
		Platform: binding.Codeup,
		Token:    "pt-" + providertest.Canary,
		New: func(t *testing.T, client *http.Client, address string) providers.Provider {
			p, err := codeup.New(codeup.Options{Client: client, BaseURL: address + "/oapi/v1"})
			if err != nil {
				t.Fatal(err)
			}
			return p
		},
	}
}
