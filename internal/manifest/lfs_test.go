package manifest_test

import (
	"slices"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
)

const oid = "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"

func TestAnLFSPointerIsNamedAsOne(t *testing.T) {
	t.Parallel()
	const v1 = "version https://git-lfs.github.com/spec/v1\n"
	for name, text := range map[string]string{
		"as it is today":    v1 + oid + "size 12345\n",
		"with an extension": v1 + "ext-0-foo sha256:" + strings.Repeat("a", 64) + "\n" + oid + "size 1\n",
		"with CR LF":        strings.ReplaceAll(v1+oid+"size 12345\n", "\n", "\r\n"),
		"with a mark":       "\ufeff" + v1 + oid + "size 1\n",
		"as it was before":  "version https://hawser.github.com/spec/v1\n" + oid + "size 1\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := binding.File{Path: "a.yaml", Data: []byte(text)}
			_, unformatted := manifest.NewFormatter().Format(file)
			_, unread := manifest.CheckDocument(file, manifest.KindConfiguration, &struct{}{})
			unruled := manifest.Load(t.Context(), nil, manifest.Options{Policies: manifest.ParsePolicies([]binding.File{file})}).Findings
			for i, findings := range [][]string{ids(load(t, text).Findings), ids(unformatted), ids(unread), ids(unruled)} {
				if !slices.Contains(findings, "document.lfs-pointer") {
					t.Errorf("%d: got %q", i, findings)
				}
			}
		})
	}
	for _, text := range []string{"version: https://git-lfs.github.com/spec/v1\n", "version https://example.com/spec/v1\n" + oid} {
		if got := strings.Join(ids(load(t, text).Findings), " "); strings.Contains(got, "lfs") {
			t.Errorf("%q is taken for a pointer: %s", text, got)
		}
	}
}

// ids lists the messages of findings, in their order.
func ids(findings []finding.Finding) []string {
	var list []string
	for _, f := range findings {
		list = append(list, f.Message.ID)
	}
	return list
}
