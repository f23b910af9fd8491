package webhook

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// used are the fields of each host's deliveries that are read.
var used = map[Kind][]string{
	GitHub: {".ref", ".after", ".deleted", ".head_commit.id", ".repository.clone_url", ".repository.ssh_url", ".repository.html_url"},
	GitLab: {
		".object_kind", ".event_name", ".ref", ".after", ".checkout_sha", ".project.git_http_url", ".project.git_ssh_url",
		".project.web_url", ".repository.git_http_url", ".repository.git_ssh_url", ".repository.homepage",
	},
	Bitbucket: {
		".push.changes[].new.type", ".push.changes[].new.name", ".push.changes[].new.target.hash", ".push.changes[].old.type",
		".push.changes[].old.name", ".push.changes[].old.target.hash", ".repository.full_name", ".repository.links.html.href",
	},
	Codeup: {
		".object_kind", ".event_name", ".ref", ".after", ".repository.git_http_url", ".repository.git_ssh_url",
		".repository.git_secondary_http_url", ".repository.git_secondary_ssh_url", ".repository.url", ".repository.homepage",
	},
}

// TestAChangedTypeOfAFieldThatIsNotReadRefusesNothing gives every field that is
// not read another type, one after the other.
func TestAChangedTypeOfAFieldThatIsNotReadRefusesNothing(t *testing.T) {
	headers := http.Header{"X-Github-Event": {"push"}, "X-Event-Key": {"repo:push"}}
	for kind, host := range map[Kind]struct {
		parse func(http.Header, []byte) (event, error)
		url   string
	}{
		GitHub: {parseGitHub, atExample}, GitLab: {parseGitLab, atExample},
		Bitbucket: {parseBitbucket, atBitbucket}, Codeup: {parseCodeup, atCodeup},
	} {
		source, err := newTarget(Source{URL: host.url, Ref: branch}, nil)
		if err != nil {
			t.Fatal(err)
		}
		var body any
		if err := json.Unmarshal(fixture(t, string(kind)+"-push"), &body); err != nil {
			t.Fatal(err)
		}
		changed := 0
		retype(body, "", used[kind], func(path string) {
			changed++
			data, err := json.Marshal(body)
			if err != nil {
				t.Fatal(err)
			}
			e, err := host.parse(headers, data)
			if v := source.match(e); err != nil || !v.reason.IsZero() || v.commit != pushed {
				t.Errorf("%s with another type of %s: %v, %+v", kind, path, err, v)
			}
		})
		if changed < 10 {
			t.Errorf("%s: only %d fields that are not read", kind, changed)
		}
	}
}

// retype puts values of other types in the place of each field that is not
// read, calls with, and puts the old one back.
func retype(value any, path string, keep []string, with func(path string)) {
	each := func(path string, old any, set func(any)) {
		for _, other := range []any{map[string]any{"new": 1.0}, []any{"new"}, "new", 1.0, true} {
			set(other)
			with(path)
		}
		set(old)
	}
	switch v := value.(type) {
	case map[string]any:
		for name, inside := range v {
			at := path + "." + name
			if !reads(keep, at) {
				each(at, inside, func(other any) { v[name] = other })
			}
			retype(inside, at, keep, with)
		}
	case []any:
		for i, inside := range v {
			retype(inside, path+"[]", keep, with)
			if !reads(keep, path+"[]") {
				each(path+"[]", inside, func(other any) { v[i] = other })
			}
		}
	}
}

// reads says whether a field, or one inside of it, is read.
func reads(keep []string, path string) bool {
	for _, k := range keep {
		if k == path || strings.HasPrefix(k, path+".") || strings.HasPrefix(k, path+"[") {
			return true
		}
	}
	return false
}

func TestAFieldThatIsReadHasItsType(t *testing.T) {
	for kind, body := range map[Kind]string{
		GitHub: `{"ref": 1}`, GitLab: `{"object_kind": "push", "project": "x"}`,
		Bitbucket: `{"push": []}`, Codeup: `{"object_kind": "push", "repository": 1}`,
	} {
		p := newWorld(t)
		if status, _ := p.send(string(kind), []byte(body), sign(kind, testSecret, []byte(body), p.clock())); status != http.StatusBadRequest {
			t.Errorf("%s: %s: status %d, want 400", kind, body, status)
		}
	}
}
