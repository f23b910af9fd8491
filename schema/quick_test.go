package schema

import "testing"

// TestTheQuickCheckKnowsTheWholeSchema lists what is left to CUE: nothing.
func TestTheQuickCheckKnowsTheWholeSchema(t *testing.T) {
	for _, name := range []string{SourceBinding, "#Codeup", "#GitHub", "#Bitbucket", "#GitLab", "#Gitee", "#EnterpriseGitHub", "#EnterpriseGitLab", Instances, Configuration} {
		d, err := Lookup(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, unknown := range d.Quick.Unknown {
			t.Errorf("%s: %s", name, unknown)
		}
	}
}
