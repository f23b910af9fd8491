package compat_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/config"
	"reconciler/internal/finding"
	"reconciler/internal/manifest"
	"reconciler/internal/report"
	"reconciler/internal/state"
)

// sourceKey is the name of the source in the state file.
const sourceKey = "git http://127.0.0.1:44469/bindings.git main bindings"

func TestTheStateFileOpensAndLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state.db")
	unpack(t, "state.db.gz", path)
	if err := state.Probe(path); err != nil {
		t.Fatal(err)
	}
	store, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if !store.Notice().IsZero() {
		t.Fatal(store.Notice())
	}
	ctx := t.Context()
	got := map[string]any{
		"events": must(store.Events(ctx, 0)), "key": must(store.Key()),
		"revision": must(store.Revision(ctx, sourceKey)),
	}
	for _, name := range []string{"edge-shanghai", "prod-hangzhou"} {
		got[name] = map[string]any{
			"records": must(store.Records(ctx, name)), "intents": must(store.Intents(ctx, name)),
			"efforts": must(store.RetryStates(ctx, name)), "suspensions": must(store.Suspensions(ctx, name)),
		}
	}
	wantAll(t, "state.json", got)
}

func TestTheAnswersOfAnEarlierDaemonAreRead(t *testing.T) {
	ask := client.New(earlierDaemon(t))
	ctx := t.Context()
	wantAll(t, "api/bindings.json", report.StatusObjects(must(ask.Bindings(ctx))))
	wantAll(t, "api/daemon.json", must(ask.Daemon(ctx)))
	wantAll(t, "api/memory-prod-hangzhou.json", must(ask.Memory(ctx, "prod-hangzhou")))
	wantAll(t, "api/memory-edge-shanghai.json", must(ask.Memory(ctx, "edge-shanghai")))
	wantAll(t, "api/describe-payments-gitlab.json", must(ask.Describe(ctx, "payments-gitlab", "")))
	wantAll(t, "api/plan.json", must(ask.LastPlan(ctx)))
	wantAll(t, "api/history.json", must(ask.History(ctx, client.HistoryQuery{})))
	wantAll(t, "api/events.json", must(ask.Events(ctx, "", 0, 0)))
	snapshot := must(ask.Published(ctx))
	if !bytes.Equal(snapshot, read(t, "snapshot.json")) {
		t.Error("the snapshot is not handed on as it came")
	}
}

// earlierDaemon answers on a socket what the earlier daemon answered.
func earlierDaemon(t *testing.T) string {
	t.Helper()
	answers := map[string]string{"/v1alpha1/snapshot": "snapshot.json"}
	for _, path := range []string{
		"bindings", "daemon", "memory/prod-hangzhou", "memory/edge-shanghai", "describe/payments-gitlab", "plan", "history", "events",
	} {
		answers["/v1alpha1/"+path] = "api/" + strings.ReplaceAll(path, "/", "-") + ".json"
	}
	// The path of a socket is short; that of a test's folder may not be.
	folder, err := os.MkdirTemp("", "compat")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	socket := filepath.Join(folder, "s.sock")
	var config net.ListenConfig
	listener, err := config.Listen(context.Background(), "unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		file, ok := answers[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(read(t, file))
	})}
	go func() { _ = srv.Serve(listener) }()
	t.Cleanup(func() { _ = srv.Close() })
	return socket
}

func TestTheConfigurationsLoad(t *testing.T) {
	for _, file := range []string{"reconciler.yaml", "full.yaml"} {
		got, findings, err := config.Load(filepath.Join("testdata", "v1", file))
		if err != nil || finding.HasErrors(findings) {
			t.Errorf("%s: %v %v", file, err, findings)
		}
		if len(got.Instances) == 0 {
			t.Errorf("%s: no instances", file)
		}
	}
}

func TestTheDeclarationsLoad(t *testing.T) {
	var files []binding.File
	for _, path := range must(filepath.Glob("testdata/v1/bindings/*.yaml")) {
		files = append(files, binding.File{Path: filepath.Base(path), Data: must(os.ReadFile(path))})
	}
	result := manifest.Load(t.Context(), files, manifest.Options{Now: time.Now(), AllowPrivateAddresses: true})
	var names []string
	for _, d := range result.Declarations {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	want := []string{"payments-gitlab", "platform-codeup", "tools-bitbucket", "tools-codeup", "web-github"}
	if finding.HasErrors(result.Findings) || !slices.Equal(names, want) {
		t.Errorf("got %v, want %v; findings %v", names, want, result.Findings)
	}
}

func TestThePlanFileIsReadOrRefusedWithAHint(t *testing.T) {
	got, err := report.ReadPlanFile(bytes.NewReader(read(t, "reviewed.plan")))
	switch {
	case err != nil && !strings.Contains(err.Error(), "reconciler plan --out FILE"):
		t.Errorf("refused without what to do: %v", err)
	case err != nil:
		t.Logf("refused: %v", err)
	case len(got.Plan.Actions) == 0 || got.Revision == "" || got.Observation == "":
		t.Errorf("read, but not all of it: %+v", got)
	}
}

func TestTheSnapshotIsRead(t *testing.T) {
	got, err := report.ReadPublished(bytes.NewReader(read(t, "snapshot.json")))
	if err != nil {
		t.Fatal(err)
	}
	var written bytes.Buffer
	if err := report.WritePublished(&written, got); err != nil {
		t.Fatal(err)
	}
	wantAll(t, "snapshot.json", json.RawMessage(written.Bytes()))
}

// wantAll holds a value, as JSON, to a file: each field and element of the file
// is in the value, which may have more fields.
func wantAll(t *testing.T, file string, value any) {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal(read(t, file), &want); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, lost := range missing(file, want, got) {
		t.Error(lost)
	}
}

// missing names what want has and got lacks. A field that is absent in got
// counts as null, false, 0, "" or empty.
func missing(path string, want, got any) []string {
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		var lost []string
		for _, key := range slices.Sorted(maps.Keys(w)) {
			lost = append(lost, missing(path+"."+key, w[key], g[key])...)
		}
		return lost
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			return []string{fmt.Sprintf("%s: %d elements, want %d", path, len(g), len(w))}
		}
		var lost []string
		for i := range w {
			lost = append(lost, missing(fmt.Sprintf("%s[%d]", path, i), w[i], g[i])...)
		}
		return lost
	}
	if got == nil && (want == "" || want == false || want == 0.0) {
		return nil
	}
	if want != got {
		return []string{fmt.Sprintf("%s: got %v, want %v", path, got, want)}
	}
	return nil
}

// must panics on an error, which ends the test, and gives the value otherwise.
func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "v1", file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func unpack(t *testing.T, file, to string) {
	t.Helper()
	reader, err := gzip.NewReader(bytes.NewReader(read(t, file)))
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
