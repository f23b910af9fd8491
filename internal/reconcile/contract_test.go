package reconcile_test

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/observe"
	"reconciler/internal/providers"
	gitlabhost "reconciler/internal/providers/gitlab"
	"reconciler/internal/reconcile"
	vaultkv "reconciler/internal/secrets/vault"
	"reconciler/internal/state"
)

// The interfaces that this package declares are those that others implement.
var (
	_ observe.Host        = providers.Provider(nil)
	_ observe.Site        = (*gitlabhost.Site)(nil)
	_ observe.TokenReader = (*vaultkv.Client)(nil)
	_ reconcile.Store     = (*state.Store)(nil)
)

func TestARealStoreCarriesWhatIsKnownOverARestart(t *testing.T) {
	w := newWorld()
	path := filepath.Join(t.TempDir(), "state.db")
	run := func() {
		t.Helper()
		s, err := state.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		o := w.options()
		o.Store = s
		synced(t, reconcile.New(o), desire(gitlab(), codeup()))
		events, err := s.Events(t.Context(), 0)
		if err != nil || len(events) != 5 {
			t.Errorf("%d events in the history, want 5 (2 accounts, 1 link, 2 rules): %v", len(events), err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	run()
	w.Calls = nil
	run()
	if n := w.Count("bind") + w.Count("link") + w.Count("add-rule"); n != 0 {
		t.Errorf("%d writes after a restart: %v", n, w.Calls)
	}
}

func TestALostStoreIsRebuiltByObserving(t *testing.T) {
	w := newWorld()
	synced(t, reconcile.New(w.options()), desire(gitlab(), codeup()))
	w.Forget()
	w.Calls = nil
	r := reconcile.New(w.options())
	synced(t, r, desire(gitlab(), codeup()))
	// The token of an account that we do not remember is unknown, so each account
	// is bound once.
	if n, binds := w.Count("unbind")+w.Count("link")+w.Count("add-rule"), w.Count("bind"); n != 2 || binds != 2 {
		t.Errorf("%d binds, %d other writes: %v", binds, n, w.Calls)
	}
	if len(w.Records()) != 2 || len(w.Records()["pay-gitlab/gitlab"].Images) != 1 {
		t.Errorf("records: %+v", w.Records())
	}
	w.settled(t, r, desire(gitlab(), codeup()))
}

// A plan uses a Reader: if you add a method that writes, you have to change this
// list.
func TestWhatAPlanLooksThroughCannotWrite(t *testing.T) {
	var got []string
	looked, _ := reflect.TypeFor[observe.Options]().FieldByName("Registry")
	for m := range looked.Type.Methods() {
		got = append(got, m.Name)
	}
	if diff := cmp.Diff([]string{"Account", "Capabilities", "Repository", "Usage"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
