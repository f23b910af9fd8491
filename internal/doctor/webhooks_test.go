package doctor

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/report"
	"reconciler/internal/server/webhook"
)

func TestDoctorChecksTheWebhooksFiles(t *testing.T) {
	const secret = "canary-webhook-secret"
	folder := t.TempDir()
	good, missing := filepath.Join(folder, "good"), filepath.Join(folder, "missing")
	if err := os.WriteFile(good, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &doctor{o: Options{Engine: engine.Options{Config: config.Config{Webhooks: &config.Webhooks{
		CertFile: good, KeyFile: good,
		Senders: []webhook.Sender{
			{Name: "good", Kind: "github", SecretFile: good, PreviousSecretFile: good},
			{Name: "previous", Kind: "github", SecretFile: good, PreviousSecretFile: missing},
			{Name: "missing", Kind: "generic", SecretFile: missing},
		},
	}}}}}
	l := &list{}
	d.webhooks(context.Background(), l)
	want := map[string]binding.Verdict{"good": binding.Yes, "previous": binding.No, "missing": binding.No, good: binding.No}
	got := map[string]binding.Verdict{}
	for _, c := range l.checks {
		object, text := report.English().Text(c.Object.Message), report.English().Text(c.Message.Message)
		got[object] = c.Verdict
		if strings.Contains(text, secret) || c.Verdict == binding.No && !strings.Contains(text, cmp.Or(map[string]string{good: "PEM"}[object], missing)) {
			t.Errorf("%s: %s", object, text)
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
