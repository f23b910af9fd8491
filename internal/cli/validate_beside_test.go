package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// besideDeclaration is one of many that have nothing in common.
func besideDeclaration(name, instance string) string {
	return fmt.Sprintf(`apiVersion: reconciler/v1alpha1
kind: SourceBinding
metadata: {name: %s}
spec: {instance: %s, platform: github, username: octocat}
`, name, instance)
}

// besideFolder writes n declarations below bindings and enters its parent.
func besideFolder(tb testing.TB, n int) {
	tb.Helper()
	tb.Chdir(tb.TempDir())
	for i := range n {
		dir := filepath.Join("bindings", fmt.Sprintf("team-%03d", i/100))
		if err := os.MkdirAll(dir, 0o750); err != nil {
			tb.Fatal(err)
		}
		text := besideDeclaration(fmt.Sprintf("b-%d", i), fmt.Sprintf("i-%d", i))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("b-%d.yaml", i)), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

func validateBeside(tb testing.TB, file string) (out string, code int) {
	tb.Helper()
	var all bytes.Buffer
	code = Main(tb.Context(), []string{"validate", "--beside", "bindings", file}, Streams{In: strings.NewReader(""), Out: &all, Err: &all})
	return all.String(), code
}

func TestOneFileIsHeldToTheFolderBesideIt(t *testing.T) {
	besideFolder(t, 20)
	broken := filepath.Join("bindings", "b-3-broken.yaml")
	if err := os.WriteFile(broken, []byte("b-3: ["), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("bindings", "new.yaml")
	for _, c := range []struct {
		name, instance string
		code           int
		want           string
	}{
		{"new", "new", 0, "1 declaration valid in 1 file."},
		{"b-3", "new", 3, "the name is used by b-3 (bindings/team-000/b-3.yaml"},
		{"new", "i-7", 3, "the platform is bound on this instance by b-7 (bindings/team-000/b-7.yaml"},
	} {
		if err := os.WriteFile(file, []byte(besideDeclaration(c.name, c.instance)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, code := validateBeside(t, file)
		if code != c.code || !strings.Contains(out, c.want) || strings.Contains(out, broken) {
			t.Errorf("%s on %s: exit code %d, want %d and %q alone:\n%s", c.name, c.instance, code, c.code, c.want, out)
		}
	}
}

func TestAFileIsNoConflictWithItselfHoweverItIsNamed(t *testing.T) {
	besideFolder(t, 3)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"bindings/team-000/b-1.yaml", "./bindings/../bindings/team-000/b-1.yaml", filepath.Join(here, "bindings/team-000/b-1.yaml")} {
		if out, code := validateBeside(t, file); code != 0 {
			t.Errorf("%s: exit code %d\n%s", file, code, out)
		}
	}
}

// BenchmarkValidateOneOf10000 is the whole command for one changed file in a
// folder of ten thousand, reading them among it. It is to stay below a second.
func BenchmarkValidateOneOf10000(b *testing.B) {
	besideFolder(b, 10_000)
	file := filepath.Join("bindings", "team-000", "b-7.yaml")
	for b.Loop() {
		if out, code := validateBeside(b, file); code != 0 {
			b.Fatal(out)
		}
	}
}
