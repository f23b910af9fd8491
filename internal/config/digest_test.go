package config_test

import (
	"path/filepath"
	"testing"

	"reconciler/internal/config"
)

func TestDigestStandsForAllThatDecidesWhetherAConfigurationIsValid(t *testing.T) {
	t.Chdir(t.TempDir())
	data := []byte("kind: Configuration\n")
	one := config.Digest("reconciler.yaml", data)
	if absolute, err := filepath.Abs("reconciler.yaml"); err != nil || one == "" || config.Digest(absolute, data) != one {
		t.Errorf("the digest of one file is %q, and another one by its absolute path (%v)", one, err)
	}
	for name, other := range map[string]string{
		"another file":    config.Digest("other.yaml", data),
		"another content": config.Digest("reconciler.yaml", append(data, '\n')),
	} {
		if other == one || other == "" {
			t.Errorf("%s has the digest %q", name, other)
		}
	}
	var c config.Config
	c.Instances = []config.Instance{{Name: "prod"}, {Name: "edge"}}
	if got := c.ValidBy("reconciler.yaml", data); got != one {
		t.Errorf("a configuration is valid by %q, want %q", got, one)
	}
	c.Instances[1].WireProfileFile = "profile.yaml" // Its content can change meanwhile.
	if got := c.ValidBy("reconciler.yaml", data); got != "" {
		t.Errorf("a configuration with a wire profile is valid by its file alone, %q", got)
	}
}
