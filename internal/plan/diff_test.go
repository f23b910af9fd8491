package plan

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
)

func TestCompareTellsWhatIsNewWhatIsGoneAndWhatChanged(t *testing.T) {
	account := Action{Instance: "i", Binding: "b", Platform: "gitlab", Object: binding.AccountObject(), Kind: Bind, Changes: []Change{{Field: "username", To: "one"}}}
	other := account
	other.Changes = []Change{{Field: "username", To: "two"}}
	link := Action{Instance: "i", Binding: "b", Platform: "gitlab", Object: binding.RepositoryObject("n/a"), Kind: Link}
	unlink := Action{Instance: "i", Binding: "b", Platform: "gitlab", Object: binding.RepositoryObject("n/b"), Kind: Unlink}
	for name, test := range map[string]struct {
		was, is []Action
		want    []Difference
	}{
		"equal":                {was: []Action{account, link}, is: []Action{account, link}},
		"another order":        {was: []Action{account, link}, is: []Action{link, account}},
		"no and empty changes": {was: []Action{link}, is: []Action{{Instance: "i", Binding: "b", Platform: "gitlab", Object: binding.RepositoryObject("n/a"), Kind: Link, Changes: []Change{}}}},
		"new":                  {is: []Action{link}, want: []Difference{{Is: &link}}},
		"gone":                 {was: []Action{account, link}, is: []Action{account}, want: []Difference{{Was: &link}}},
		"twice":                {was: []Action{link}, is: []Action{link, link}, want: []Difference{{Is: &link}}},
		"changed":              {was: []Action{account}, is: []Action{other}, want: []Difference{{Was: &account, Is: &other}}},
		"all at once": {
			was: []Action{unlink, account}, is: []Action{other, link},
			want: []Difference{{Was: &account, Is: &other}, {Is: &link}, {Was: &unlink}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Compare(Plan{Actions: test.was}, Plan{Actions: test.is})); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

func TestSplitPartsAChangeFromWhatWasPending(t *testing.T) {
	action := func(object binding.Object, kind Kind, to, reason string) Action {
		return Action{Instance: "i", Binding: "b", Platform: "gitlab", Object: object, Kind: kind, Reason: message.Verbatim(reason), Changes: []Change{{Field: "f", To: to}}}
	}
	settled := action(binding.RepositoryObject("n/c"), Noop, "", "r")
	settled.Cause = CauseSettled
	base := Plan{Actions: []Action{
		action(binding.RepositoryObject("n/e"), Noop, "", "kept"), action(binding.RepositoryObject("n/f"), Noop, "", "bound as declared"),
		action(binding.AccountObject(), Bind, "1", "drift"), action(binding.RepositoryObject("n/a"), Link, "1", "r"), action(binding.RepositoryObject("n/b"), Noop, "", "r"), action(binding.RepositoryObject("n/d"), Link, "1", "r"),
	}}
	head := Plan{Actions: []Action{
		action(binding.AccountObject(), Bind, "1", "another reason"), action(binding.RepositoryObject("n/a"), Link, "2", "r"), action(binding.RepositoryObject("n/b"), Unlink, "", "r"), settled,
		action(binding.RepositoryObject("n/e"), Noop, "", "kept"), action(binding.RepositoryObject("n/f"), Noop, "", "deletionPolicy: Retain"), action(binding.RepositoryObject("n/g"), Noop, "", "unknown (NotAsked): x"),
	}}
	head.Actions[5].Cause, head.Actions[6].Cause = CauseRetained, CauseUnknown
	change, pending := Split(base, head)
	if diff := cmp.Diff([]Action{head.Actions[1], head.Actions[2], head.Actions[5]}, change); diff != "" {
		t.Errorf("change (-want +got)\n%s", diff)
	}
	if diff := cmp.Diff([]Action{head.Actions[0]}, pending); diff != "" {
		t.Errorf("pending (-want +got)\n%s", diff)
	}
}
