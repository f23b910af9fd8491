package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"reconciler/internal/binding"
	"reconciler/internal/config"
	"reconciler/internal/manifest"
	"reconciler/internal/plan"
	"reconciler/internal/sandbox"
	"reconciler/internal/state"
)

// The instances of every world.
const (
	prod = "prod-hangzhou"
	edge = "edge-shanghai"
)

// world is everything outside of the product, and what is true of it.
type world struct {
	t       testing.TB
	seed    uint64
	network *network
	outside *sandbox.Sandbox
	// disk is what a process remembers, and outlives it.
	disk    *state.Store
	config  config.Config
	cache   *manifest.Cache
	git     repository
	process *process
	oracle  *oracle
	// tokens are those of each path in the secret store, by version.
	tokens map[string][]token
	// delivered is the revision that the process has.
	delivered string
	// gitDown, diskFull and ahead are what is wrong with the process's machine.
	gitDown bool
	// off says that no process is started for now.
	off      bool
	diskFull atomic.Bool
	ahead    atomic.Int64
	// shifts is how often a list still changes between two of its pages.
	shifts atomic.Int64
	// over are the ends of what lasts, by its name.
	over map[string]lasting

	mu     sync.Mutex
	counts map[string]int
}

// lasting is something that ends.
type lasting struct {
	at  time.Time
	end func()
}

// token is one version of a secret.
type token struct {
	value, username  string
	revoked, deleted bool
}

// newWorld makes a world and declares its teams. Its habits follow from the seed.
func newWorld(t testing.TB, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 1))
	w := &world{
		t: t, seed: seed, network: newNetwork(), disk: state.NewMemory(), cache: manifest.NewCache(),
		tokens: map[string][]token{}, over: map[string]lasting{}, counts: map[string]int{},
	}
	w.oracle = newOracle(w)
	var err error
	w.outside, err = sandbox.Start(context.Background(), sandbox.Options{
		VaultToken: "hvs.chaos", GitLabName: gitlab,
		Listen: w.network.listen, Changed: w.oracle.changed, PageSize: pageSize, NextPage: w.nextPage,
		Principals: []sandbox.Principal{
			{AccessKey: key(prod), Secret: "secret-" + prod, Region: "cn-hangzhou"},
			{AccessKey: key(edge), Secret: "secret-" + edge, Region: "cn-shanghai", InstanceID: when(enterpriseEdition(seed), cri)},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if documentedOnly(seed) {
		w.outside.Registry.Withdraw(sandbox.UndocumentedOperations()...)
	}
	w.configure([]time.Duration{15 * time.Minute, 30 * time.Minute, time.Hour}[r.IntN(3)], false)
	w.git.teams = []*team{
		{name: "pay", platform: binding.GitLab, instance: prod, wide: r.IntN(2) == 0, unbind: r.IntN(2) == 0},
		{name: "plat", platform: binding.Codeup, instance: prod, unbind: r.IntN(2) == 0, report: r.IntN(4) == 0},
		{name: "web", platform: binding.GitHub, instance: prod, more: r.IntN(2) == 0},
		{name: "shop", platform: binding.GitLab, instance: edge, more: r.IntN(2) == 0},
	}
	for _, t := range w.git.teams {
		w.settle(t)
	}
	w.strangers()
	return w
}

// configure makes the product's configuration. Windows, where there are any, are
// open from 2 to 6 every night.
func (w *world) configure(drift time.Duration, windows bool) {
	file := filepath.Join(w.t.TempDir(), "token")
	if err := os.WriteFile(file, []byte("hvs.chaos"), 0o600); err != nil {
		w.t.Fatal(err)
	}
	c := config.Default()
	c.Vault = &config.Vault{Address: w.outside.VaultURL, Auth: config.VaultAuth{TokenFile: file}}
	c.CodeHosts = config.CodeHosts{
		Codeup: config.Codeup{Endpoint: w.outside.CodeupURL}, GitHub: config.CodeHost{Endpoint: w.outside.GitHubURL},
		Bitbucket: config.CodeHost{Endpoint: w.outside.BitbucketURL}, UnsafeAllowPrivateAddresses: true,
	}
	c.Sync.DriftInterval = drift
	for _, name := range []string{prod, edge} {
		i := config.Instance{Name: name, Region: "cn-" + strings.Split(name, "-")[1], Driver: "personal", Endpoint: w.outside.RegistryURL}
		if name == edge && enterpriseEdition(w.seed) {
			i.Driver, i.InstanceID = "enterprise", cri
		}
		c.Instances = append(c.Instances, i)
	}
	if windows {
		c.Windows = config.Windows{TimeZone: "UTC", Allow: []config.Window{{Schedule: "0 2 * * *", Duration: 4 * time.Hour}}}
	}
	w.config = c
}

// settle makes what a team's declaration takes for granted.
func (w *world) settle(t *team) {
	platform := string(t.platform)
	w.outside.Hosts.AddUser(platform, sandbox.HostUser{Username: t.username()})
	for n := range 2 {
		w.instance(t.instance).AddRepository(t.image(n))
		w.outside.Hosts.AddProject(platform, sandbox.HostProject{Path: t.project(n)})
	}
	if t.hasToken() {
		w.rotate(t)
		return
	}
	w.instance(t.instance).ConsoleBind(platform, "", t.username())
}

// strangers are what nobody declares.
func (w *world) strangers() {
	i := w.instance(prod)
	i.ConsoleBind("bitbucket", "", "somebody")
	i.ConsoleLink("people/tool", sandbox.ImageSource{Platform: "bitbucket", Project: "somebody/tool", Auto: true})
	i.ConsoleAddRule("people/tool", sandbox.ImageRule{
		PushType: "GIT_BRANCH", PushName: "main", DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: "latest",
	})
	w.oracle.people()
}

// rotate puts a new token of the team's account into the secret store.
func (w *world) rotate(t *team) {
	n := len(w.tokens[t.path()]) + 1
	value := fmt.Sprintf("canary-%s-%s-%d", t.platform, t.username(), n)
	w.outside.Hosts.AddToken(string(t.platform), sandbox.HostToken{Value: value, Username: t.username()})
	w.outside.Vault.Put("secret", t.path(), map[string]string{"token": value})
	w.tokens[t.path()] = append(w.tokens[t.path()], token{value: value, username: t.username()})
}

// now is the product's clock.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *world) instance(name string) *sandbox.RegistryInstance {
	return w.outside.Registry.Instance(key(name))
}

func (w *world) count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

func (w *world) counted() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.counts)
}

// commit makes a new head.
func (w *world) commit() { w.git.commits++ }

// follow gives the process the head, as the daemon's follower does.
func (w *world) follow() {
	if w.gitDown || w.git.revision() == w.delivered {
		return
	}
	s := w.git.snapshot()
	loaded, err := w.process.checks.Check(context.Background(), s, "")
	if err != nil {
		w.t.Fatal(err)
	}
	w.delivered = s.Revision
	w.oracle.declare(loaded.Desired)
	w.submit(loaded.Desired)
}

// submit gives the loops what is declared.
func (w *world) submit(d plan.Desired) {
	for _, i := range w.process.instances {
		i.loop.Submit(d)
	}
}

// outlast lets something end after a time.
func (w *world) outlast(name string, after time.Duration, end func()) {
	if l, ok := w.over[name]; ok {
		l.end()
	}
	w.over[name] = lasting{time.Now().Add(after), end}
}

// approveRewrite ends the check of a rewritten history: every instance was brought to it
// and nothing was refused.
func (w *world) approveRewrite() {
	passed := 0
	for _, i := range w.process.instances {
		last := i.Last()
		if last != nil && last.Revision == w.git.revision() && !last.Plan.Refused() && len(last.Broken) == 0 && i.loop.State().Oldest().IsZero() {
			passed++
		}
	}
	if passed == len(w.process.instances) {
		w.git.rewritten = false
	}
}

// tick does what is due.
func (w *world) tick() {
	for _, name := range slices.Sorted(maps.Keys(w.over)) {
		if l := w.over[name]; !time.Now().Before(l.at) {
			delete(w.over, name)
			l.end()
		}
	}
	for _, name := range []string{prod, edge} {
		w.instance(name).Accounts() // Lets effects come that are due.
	}
	if w.process.dead() {
		w.process.group.Wait()
		if w.off {
			return
		}
		w.start()
	}
	w.follow()
	w.confirm()
	if w.git.rewritten {
		w.approveRewrite()
	}
	w.oracle.tick()
	if time.Now().Minute() == 0 {
		w.oracle.metered()
	}
}

// until lets time pass, and says whether it got there before a check failed.
func (w *world) until(end time.Time, failed func() bool) bool {
	for {
		left := time.Until(end)
		if left <= 0 || failed() {
			return left <= 0
		}
		time.Sleep(min(left, time.Minute))
		w.tick()
	}
}

// close ends all of the world.
func (w *world) close() {
	w.process.stop()
	if err := w.outside.Close(); err != nil {
		w.t.Error(err)
	}
}
