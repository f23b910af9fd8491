package daemon

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/plan"
)

// BenchmarkPushToPlan is the time from a delivery to the end of the sync that
// brings the pushed commit, observation and plan included.
func BenchmarkPushToPlan(b *testing.B) {
	w, p := hooked(b)
	url := p.hookURL()
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		time.Sleep(pushSpacing) // Pushes that come closer are made to wait.
		revision := w.commit(map[string]string{"pay.yaml": gitlabAt("pay", prod) + fmt.Sprintf("# %d\n", i)})
		b.StartTimer()
		if status := w.push(url, hookSecret, revision); status != http.StatusAccepted {
			b.Fatalf("status %d", status)
		}
		p.await("the plan", func() bool {
			for _, e := range p.seenEvents() {
				if e.Kind == plan.SyncDone && e.Revision == revision {
					return true
				}
			}
			return false
		})
	}
}

// BenchmarkPushToCall is the time from a delivery to the first call at the
// registry that changes something, with 1,000 bindings and the journal on. The
// other bindings are of instances without an API.
func BenchmarkPushToCall(b *testing.B) {
	w := newWorld(b)
	w.hook()
	called := make(chan struct{}, 1)
	w.useProxy(func(r *http.Request) {
		if r.Method != http.MethodGet {
			signal(called)
		}
	})
	pay := map[string]string{"pay.yaml": gitlabAt("pay", prod)}
	w.populate(pay)
	files := maps.Clone(pay)
	for i := range 999 {
		instance := fmt.Sprintf("console-%03d", i/4)
		if i%4 == 0 {
			w.config.Instances = append(w.config.Instances, config.Instance{Name: instance, Region: "cn-hangzhou", Driver: "console"})
		}
		name := fmt.Sprintf("b%03d", i)
		files[name+".yaml"] = []string{
			codeupAt(name, instance), oauthAt(name, instance, binding.GitHub), oauthAt(name, instance, binding.Bitbucket), gitlabAt(name, instance),
		}[i%4]
	}
	w.commit(files)
	p := w.start()
	p.ready("pay")
	url := p.hookURL()
	var took []time.Duration
	for i := range b.N {
		time.Sleep(pushSpacing) // Pushes that come closer are made to wait.
		revision := w.buildFrom(fmt.Sprintf("folder%d", i))
		select {
		case <-called:
		default:
		}
		began := time.Now()
		if status := w.push(url, hookSecret, revision); status != http.StatusAccepted {
			b.Fatalf("status %d", status)
		}
		<-called
		took = append(took, time.Since(began))
		p.await("the end of the sync", func() bool {
			return slices.ContainsFunc(p.seenEvents(), func(e plan.Event) bool {
				return e.Kind == plan.SyncDone && e.Instance == prod && e.Revision == revision
			})
		})
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
	b.ReportMetric(0, "ns/op")
}
