package doctor

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/engine"
	"reconciler/internal/report"
)

func TestDoctorReadsTheCredentialsOfReceivers(t *testing.T) {
	const url = "https://example.com/canary-of-a-url"
	good := filepath.Join(t.TempDir(), "good")
	if err := os.WriteFile(good, []byte(url), 0o600); err != nil {
		t.Fatal(err)
	}
	file := func(path string) *config.NotifySecret { return &config.NotifySecret{ValueFile: path} }
	o := engine.Options{Config: config.Config{Notify: &config.Notify{Receivers: []config.NotifyReceiver{
		{Name: "good", Type: "slack", URL: file(good)},
		{Name: "missing", Type: "slack", URL: file(good + "-not")},
		{Name: "half", Type: "webhook", URL: file(good), Secret: file(good + "-not")},
		{Name: "mail", Type: "email", Mail: &config.Mail{Password: file(good + "-not")}},
	}}}}
	d := &doctor{o: Options{Engine: o}, clients: engine.NewClients(o)}
	l := &list{}
	d.receivers(t.Context(), l)
	want := map[string]binding.Verdict{"good": binding.Yes, "missing": binding.No, "half": binding.No, "mail": binding.No}
	for _, c := range l.checks {
		object, text := report.English().Text(c.Object.Message), report.English().Text(c.Message.Message)
		if c.Verdict != want[object] || strings.Contains(text, "canary") {
			t.Errorf("%s: %s %s", object, c.Verdict, text)
		}
		delete(want, object)
	}
	if len(want) > 0 {
		t.Errorf("not checked: %v", want)
	}
}
