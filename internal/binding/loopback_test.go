package binding_test

import (
	"testing"

	"reconciler/internal/binding"
)

func TestLoopbackIsThisMachineAlone(t *testing.T) {
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "127.0.0.1": true, "127.8.8.8": true, "::1": true, "::ffff:127.0.0.1": true,
		"": false, "localhost.example.com": false, "10.0.0.1": false, "127.0.0.1.example.com": false, "::2": false,
		"169.254.169.254": false, "0.0.0.0": false,
	} {
		if got := binding.Loopback(host); got != want {
			t.Errorf("Loopback(%q) is %v, want %v", host, got, want)
		}
	}
}
