package daemon

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/message"
	"reconciler/internal/sandbox"
	"reconciler/internal/status"
)

// badGateway is a registry behind a proxy that answers in its stead. Unlike a
// connection that is cut it is not tried again within a sync.
func badGateway(match func(*http.Request) bool) sandbox.Fault {
	return sandbox.Fault{Match: match, Status: http.StatusOK, ContentType: "text/html", Body: "<html>"}
}

// isEdgeCall matches the registry calls of the instance edge.
func isEdgeCall(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Authorization"), "key-"+edge)
}

func TestOneInstanceDoesNotDelayTheOther(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		fault sandbox.Fault
		// hint is part of what is said of the ill instance's binding; empty
		// where nothing can be said in time.
		hint string
	}{
		{"an identity without a registry", sandbox.Fault{
			Status: http.StatusNotFound, ContentType: "application/json", Body: `{"code":"USER_NOT_EXIST","message":"user is not exist","requestId":"1"}`,
		}, "USER_NOT_EXIST"},
		{"a registry that cuts every connection", sandbox.Fault{Cut: true}, ""},
		{"a registry that does not answer", sandbox.Fault{Delay: time.Hour}, ""},
		{"a registry that answers garbage", badGateway(nil), "registry"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			files := map[string]string{
				"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge, unbinding), "far.yaml": codeupAt("far", edge, unbinding),
			}
			w.populate(files)
			w.commit(files)
			p := w.start()
			p.ready("pay", "edge", "far")
			p.syncs(edge, 1)
			before := len(w.writes(edge))
			tt.fault.Match = isEdgeCall
			w.outside.Registry.Faults.Add(tt.fault)
			// The ill instance has something to remove, the other to repair.
			changed := strings.Replace(files["pay.yaml"], "/build/Dockerfile", "/release/Dockerfile", 1)
			w.commit(map[string]string{"pay.yaml": changed, "far.yaml": ""})
			w.instance(prod).ConsoleUnbind("gitlab")
			p.await("the other instance goes on", func() bool {
				return w.bound(prod, binding.GitLab) && w.hasDockerfile("/release/")
			})
			p.ready("pay")
			if tt.hint != "" {
				p.await("what is wrong is said", func() bool {
					c := p.condition("edge", binding.Bound)
					return strings.HasSuffix(c.Reason, status.SuffixLastKnown) && strings.Contains(text(c), tt.hint)
				})
			}
			if after := w.writes(edge); len(after) != before {
				t.Errorf("writes to an instance that cannot be seen: %v", after[before:])
			}
			w.outside.Registry.Faults.Clear()
			if tt.hint != "" {
				p.await("the instance is well again", func() bool { return !w.bound(edge, binding.Codeup) })
				p.ready("edge")
			}
		})
	}
}

func TestAnIdentityWithoutARegistryIsToldWithAHint(t *testing.T) {
	w := newWorld(t, func(o *sandbox.Options) { o.Principals[1].NoRegistry = true })
	files := map[string]string{"pay.yaml": gitlabAt("pay", prod), "edge.yaml": gitlabAt("edge", edge)}
	w.populate(files)
	w.commit(files)
	p := w.start()
	p.ready("pay")
	p.await("the hint", func() bool {
		c := p.condition("edge", binding.Bound)
		return c.Status == binding.Unclear && strings.Contains(text(c), "USER_NOT_EXIST") && strings.Contains(text(c), "console")
	})
	if got := w.writes(edge); len(got) > 0 {
		t.Errorf("writes: %v", got)
	}
	// The conditions that readiness depends on change shortly before the sync is reported
	// as ended.
	p.await("readiness to name the ill instance alone", func() bool {
		err := p.daemon.Ready()
		return err != nil && strings.Contains(err.Error(), edge) && !strings.Contains(err.Error(), prod)
	})
}

func TestAnInstanceWithoutAnAPIShowsAPersonsSteps(t *testing.T) {
	w := newWorld(t)
	files := map[string]string{"edge.yaml": gitlabAt("edge", edge), "pay.yaml": gitlabAt("pay", prod)}
	w.populate(files)
	w.config.Instances[1] = config.Instance{Name: edge, Region: "cn-shanghai", Driver: "console"}
	w.commit(files)
	p := w.start()
	p.ready("pay")
	p.await("steps for a person", func() bool {
		for _, s := range p.daemon.Statuses() {
			if s.Name == "edge" && len(s.Steps) > 0 {
				return slices.ContainsFunc(s.Steps, func(step message.Message) bool { return step.ID == "step.code-source" })
			}
		}
		return false
	})
	p.syncs(edge, 2)
	for _, c := range w.outside.Registry.Calls() {
		if c.AccessKey == "key-"+edge {
			t.Fatalf("a call to an instance without an API: %+v", c)
		}
	}
	p.await("readiness, though one instance cannot be asked", func() bool { return p.daemon.Ready() == nil })
}
