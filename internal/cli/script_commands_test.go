package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/sandbox"
)

// worldOf is the world that the story has started.
func worldOf(ts *testscript.TestScript, neg bool) *world {
	w := *ts.Value(worldKey{}).(**world)
	if w == nil {
		ts.Fatalf("the story has no world; begin it with `world`")
	}
	if neg {
		ts.Fatalf("what happens outside cannot be negated")
	}
	return w
}

// storyConsole is what a person does in the registry's console:
// `console bind INSTANCE PLATFORM USERNAME [ADDRESS]`, `console unbind INSTANCE
// PLATFORM`, `console link INSTANCE IMAGE PLATFORM PROJECT`, `console unlink
// INSTANCE IMAGE`, `console rule INSTANCE IMAGE BRANCH TAG`, `console unrule
// INSTANCE IMAGE`, which removes its first rule.
func storyConsole(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	if len(args) < 3 || !slices.Contains(worldInstances(), args[1]) {
		ts.Fatalf("usage: console bind|unbind|unlink|repository INSTANCE ...")
	}
	switch instance := w.instance(args[1]); {
	case args[0] == "bind" && len(args) >= 4:
		instance.ConsoleBind(args[2], strings.Join(args[4:], ""), args[3])
	case args[0] == "unbind":
		if !instance.ConsoleUnbind(args[2]) {
			ts.Fatalf("%s is not bound to %s", args[2], args[1])
		}
	case args[0] == "repository":
		instance.AddRepository(args[2])
	case args[0] == "link" && len(args) == 5:
		instance.ConsoleLink(args[2], sandbox.ImageSource{Platform: args[3], Project: args[4], Auto: true})
	case args[0] == "rule" && len(args) == 5:
		instance.ConsoleAddRule(args[2], sandbox.ImageRule{PushType: "GIT_BRANCH", PushName: args[3], DockerfileLocation: "/", DockerfileName: "Dockerfile", ImageTag: args[4]})
	case args[0] == "unrule":
		for _, r := range instance.Snapshot().Repositories {
			if r.Image == args[2] {
				instance.ConsoleRemoveRule(r.Image, r.Rules[0].ID)
			}
		}
	case args[0] == "unlink":
		instance.ConsoleUnlink(args[2])
	default:
		ts.Fatalf("usage: console bind|unbind|unlink|repository INSTANCE ...")
	}
}

// storyToken is what an owner does with a token: `token rotate BINDING`,
// `token revoke BINDING`; and the question `token bound BINDING`: is the newest
// one bound?
func storyToken(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, false)
	if len(args) != 2 || w.declaration(args[1]) == nil {
		ts.Fatalf("usage: token rotate|revoke|bound BINDING")
	}
	d := w.declaration(args[1])
	newest := w.tokens[d.Name][len(w.tokens[d.Name])-1]
	switch args[0] {
	case "rotate":
		w.newToken(*d)
	case "revoke":
		w.Hosts.RevokeToken(string(d.Spec.Platform), newest)
	case "bound":
		if w.instance(d.Spec.Instance).TokenIs(string(d.Spec.Platform), newest) == neg {
			ts.Fatalf("the newest token of %s: bound is %v", d.Name, neg)
		}
	default:
		ts.Fatalf("usage: token rotate|revoke|bound BINDING")
	}
}

// storyVault is what happens to the secret store: `vault seal`, `vault unseal`,
// `vault delete PATH`, `vault remove PATH`.
func storyVault(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	switch word := strings.Join(args[:min(len(args), 1)], ""); {
	case word == "seal" || word == "unseal":
		w.Vault.Seal(word == "seal")
	case word == "delete" && len(args) == 2:
		w.Vault.Delete("secret", args[1])
	case word == "remove" && len(args) == 2:
		w.Vault.Remove("secret", args[1])
	default:
		ts.Fatalf("usage: vault seal|unseal, vault delete|remove PATH")
	}
}

// storyFault makes something go wrong: `fault registry|vault|PLATFORM
// KIND[-writes|-binds|-unbinds] [TIMES] [INSTANCE]`; `fault clear` removes all faults.
func storyFault(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	all := map[string]*sandbox.Faults{"registry": &w.Registry.Faults, "vault": &w.Vault.Faults}
	for _, p := range binding.Platforms() {
		all[string(p)] = w.Hosts.Faults(string(p))
	}
	if len(args) == 1 && args[0] == "clear" {
		for _, faults := range all {
			faults.Clear()
		}
		return
	}
	if len(args) < 2 || all[args[0]] == nil {
		ts.Fatalf("usage: fault registry|vault|PLATFORM forbidden|expired|judged|throttle|garbage|cut|lose [TIMES] [INSTANCE]")
	}
	fault := faultOf(ts, args[1])
	if len(args) > 2 {
		times, err := strconv.Atoi(args[2])
		ts.Check(err)
		fault.Times = times
	}
	writes, binds, instance := strings.HasSuffix(args[1], "-writes"), strings.HasSuffix(args[1], "-binds"), ""
	unbinds := strings.HasSuffix(args[1], "-unbinds")
	if len(args) > 3 {
		instance = accessKey(args[3])
	}
	fault.Match = func(r *http.Request) bool {
		return strings.Contains(r.Header.Get("Authorization"), instance) && (!writes || r.Method != http.MethodGet) &&
			(!binds || r.Method == http.MethodPut && r.URL.Path == "/users/sourceAccount") && (!unbinds || r.Method == http.MethodDelete)
	}
	all[args[0]].Add(fault)
}

func faultOf(ts *testscript.TestScript, kind string) sandbox.Fault {
	no := func(status int, code, message string) sandbox.Fault {
		return sandbox.Fault{
			Status: status, ContentType: "application/json",
			Body: fmt.Sprintf(`{"requestId":"00000000-0000-4000-8000-000000000000","code":%q,"message":%q}`, code, message),
		}
	}
	switch strings.TrimSuffix(strings.TrimSuffix(strings.TrimSuffix(kind, "-writes"), "-binds"), "-unbinds") {
	case "forbidden":
		return no(http.StatusForbidden, "Forbidden.RAM", "User not authorized to operate on the specified resource.")
	case "expired":
		return no(http.StatusForbidden, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
	case "judged":
		return no(http.StatusBadRequest, "SOURCE_ACCOUNT_INVALID", "the code host refused the user name or the token")
	case "throttle":
		return sandbox.Throttling(0, 0)
	case "garbage":
		return sandbox.Fault{Status: http.StatusOK, ContentType: "application/json", Body: `{"data": [[[`}
	case "cut":
		return sandbox.Fault{Cut: true}
	case "lose":
		return sandbox.Fault{DropResponse: true}
	}
	ts.Fatalf("no fault is called %q", kind)
	return sandbox.Fault{}
}

// storyCommit is `commit MESSAGE`: what is under bindings/ becomes the git
// repository's next commit.
func storyCommit(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	if len(args) != 1 {
		ts.Fatalf("usage: commit MESSAGE")
	}
	ts.Check(w.commit(args[0]))
}

// storyCalls is `calls OPERATION N`: the registry has seen N calls of an
// operation; `calls writes N` counts all that change something.
func storyCalls(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: calls OPERATION N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	got := 0
	for _, c := range w.Registry.Calls() {
		if c.Operation == args[0] || args[0] == "writes" && !strings.HasPrefix(c.Operation, "Get") {
			got++
		}
	}
	if got != want {
		ts.Fatalf("the registry saw %d calls of %s, want %d", got, args[0], want)
	}
}

// storyAwait is `await BINDING CONDITION=STATUS`: it waits until the running
// daemon says so; `await -token BINDING` until the newest token is bound;
// `await -file FILE TEXT` until the file holds the text; `await -daemon TEXT` and
// `await -daemon-not TEXT` until the daemon's description of itself has the
// text, or does not have it.
func storyAwait(ts *testscript.TestScript, neg bool, args []string) {
	w := worldOf(ts, neg)
	ofFile := len(args) == 3 && args[0] == "-file"
	if len(args) != 2 && !ofFile {
		ts.Fatalf("usage: await BINDING CONDITION=STATUS, await -token BINDING, await -file FILE TEXT")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	holds := func() bool { return w.hasCondition(ctx, args[0], args[1]) }
	if ofFile {
		holds = func() bool {
			data, err := os.ReadFile(ts.MkAbs(args[1]))
			return err == nil && strings.Contains(string(data), args[2])
		}
	}
	if args[0] == "-daemon" || args[0] == "-daemon-not" {
		holds = func() bool { return w.daemonShows(ctx, args[1]) == (args[0] == "-daemon") }
	}
	if args[0] == "-token" {
		d := w.declaration(args[1])
		newest := w.tokens[d.Name][len(w.tokens[d.Name])-1]
		holds = func() bool { return w.instance(d.Spec.Instance).TokenIs(string(d.Spec.Platform), newest) }
	}
	storyWait(ts, "await "+strings.Join(args, " "), holds)
}

// daemonShows says whether the daemon's description of itself has a text. It is
// false while no daemon answers.
func (w *world) daemonShows(ctx context.Context, text string) bool {
	d, err := client.New(filepath.Join(w.folder, "s.sock")).Daemon(ctx)
	if err != nil {
		return false
	}
	data, err := json.Marshal(d)
	return err == nil && strings.Contains(string(data), text)
}

// storyMetric is `metric LOG SERIES`: it waits until the daemon of that log
// serves the series with its value.
func storyMetric(ts *testscript.TestScript, neg bool, args []string) {
	worldOf(ts, neg)
	if len(args) != 2 {
		ts.Fatalf("usage: metric LOG SERIES")
	}
	storyWait(ts, "metric "+args[1], func() bool {
		found := regexp.MustCompile(`\blisten=(127\S+)`).FindStringSubmatch(ts.ReadFile(args[0]))
		if found == nil {
			return false
		}
		resp, err := http.Get("http://" + found[1] + "/metrics")
		if err != nil {
			return false
		}
		defer func() { _ = resp.Body.Close() }()
		text, err := io.ReadAll(resp.Body)
		return err == nil && strings.Contains("\n"+string(text), "\n"+args[1]+"\n")
	})
}

// storyWait waits until holds, for two minutes at most: a loaded machine is
// slow.
func storyWait(ts *testscript.TestScript, what string, holds func() bool) {
	deadline := time.Now().Add(2 * time.Minute)
	for ; !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s: it did not come", what)
		}
	}
}

// hasCondition reports whether the daemon reports a condition of a binding.
func (w *world) hasCondition(ctx context.Context, name, condition string) bool {
	statuses, err := client.New(filepath.Join(w.folder, "s.sock")).Bindings(ctx)
	if err != nil {
		return false
	}
	kind, want, _ := strings.Cut(condition, "=")
	for _, s := range statuses {
		if c := binding.FindCondition(s.Conditions, binding.ConditionType(kind)); s.Name == name && c != nil {
			return string(c.Status) == want
		}
	}
	return false
}

// storyStatus is `status CODE PROGRAM [ARG...]`: exec, but with the exit code
// that the program has to end with.
func storyStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status CODE PROGRAM [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	err = ts.Exec(args[1], args[2:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s ended with exit code %d, want %d", args[1], got, want)
	}
}
