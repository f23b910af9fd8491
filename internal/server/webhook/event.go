package webhook

import (
	"cmp"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-github/v89/github"
	gitlab "gitlab.com/gitlab-org/api/client-go/v2"

	"reconciler/internal/message"
)

// event is the content of a delivery. Only a push has an effect.
type event struct {
	// name is what the sender calls it.
	name string
	push bool
	// addresses are the addresses of the pushed repository. Any of them identifies it.
	addresses []string
	// path is PROJECT/REPOSITORY if the sender does not give an address; empty
	// otherwise.
	path    string
	changes []change
	// trace is the traceparent of the delivery.
	trace string
}

// change is one branch or tag that a push moved.
type change struct {
	// ref is the full name, such as refs/heads/main.
	ref string
	// commit is the commit it now points to; empty if the sender does not say.
	commit  string
	deleted bool
}

// decode decodes a body into target. The error contains no field and no value.
func decode(body []byte, target any) error {
	if err := json.Unmarshal(body, target); err != nil {
		// Only the error's type: its text may repeat the body.
		return message.NewError("webhook.not-json", "type", fmt.Sprintf("%T", err))
	}
	return nil
}

// fields are the fields of a JSON object to read; nil means the whole value.
type fields map[string]fields

// decode decodes only these fields of a body into a type of a client package.
// If a code host changes the type of a field that we do not use, its deliveries
// must still be accepted.
func (f fields) decode(body []byte, target any) error {
	read, err := f.pick(body)
	if err != nil {
		return err
	}
	return decode(read, target)
}

// pick returns the object with only these fields.
func (f fields) pick(body []byte) (_ json.RawMessage, err error) {
	var object map[string]json.RawMessage
	if err := decode(body, &object); err != nil || object == nil {
		return body, err
	}
	for name, value := range object {
		inside, read := f[name]
		switch {
		case !read:
			delete(object, name)
		case inside != nil:
			if object[name], err = inside.pick(value); err != nil {
				return nil, err
			}
		}
	}
	return json.Marshal(object)
}

// isNoCommit reports whether an ID consists of zeros, which means that the ref does not exist.
func isNoCommit(id string) bool { return id != "" && strings.Trim(id, "0") == "" }

// commitID returns id if it is a full commit ID, and empty otherwise.
func commitID(id string) string {
	if (len(id) != 40 && len(id) != 64) || isNoCommit(id) || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}

// moved makes the change of a ref. commit is the commit according to the
// sender, or empty, and after is the object that the ref now points to. For an
// annotated tag that is the tag and not a commit, so after counts as a commit
// only for branches.
func moved(ref, commit, after string, deleted bool) change {
	if commit == "" && strings.HasPrefix(ref, "refs/heads/") {
		commit = after
	}
	return change{ref: ref, commit: commitID(commit), deleted: deleted || isNoCommit(after)}
}

// formPayload is the JSON of a body that may be a form: GitHub sends a form if
// the webhook's content type is not application/json.
func formPayload(h http.Header, body []byte) ([]byte, error) {
	if kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("payload") {
		// The error may repeat the body.
		return nil, message.NewError("webhook.form")
	}
	return []byte(form.Get("payload")), nil
}

// parseGitHub parses a delivery from GitHub. Source: "Webhook events and
// payloads", events ping and push. For an annotated tag, after has the ID of
// the tag, and head_commit the commit.
func parseGitHub(h http.Header, body []byte) (event, error) {
	e := event{name: h.Get(github.EventTypeHeader), push: h.Get(github.EventTypeHeader) == "push"}
	body, err := formPayload(h, body)
	if err != nil || !e.push {
		return e, err
	}
	var p github.PushEvent
	if err := (fields{
		"ref": nil, "after": nil, "deleted": nil, "head_commit": {"id": nil},
		"repository": {"clone_url": nil, "ssh_url": nil, "html_url": nil},
	}).decode(body, &p); err != nil {
		return event{}, err
	}
	e.changes = []change{moved(p.GetRef(), p.GetHeadCommit().GetID(), p.GetAfter(), p.GetDeleted())}
	e.addresses = []string{p.GetRepo().GetCloneURL(), p.GetRepo().GetSSHURL(), p.GetRepo().GetHTMLURL()}
	return e, nil
}

// parseKind reads the name of an event from GitLab or Codeup. It reads only
// this field, because other events have other types of fields.
func parseKind(body []byte) (event, error) {
	var p struct {
		ObjectKind string `json:"object_kind"`
		EventName  string `json:"event_name"`
	}
	if err := decode(body, &p); err != nil {
		return event{}, err
	}
	name := cmp.Or(p.ObjectKind, p.EventName)
	return event{name: name, push: name == "push" || name == "tag_push"}, nil
}

// parseGitLab parses a delivery from GitLab. Source: "Webhook events", push and
// tag events, and "System hooks", which have event_name instead of object_kind.
// For an annotated tag, after is the id of the tag and checkout_sha the commit;
// it is null if the ref was deleted.
func parseGitLab(_ http.Header, body []byte) (event, error) {
	e, err := parseKind(body)
	if err != nil || !e.push {
		return e, err
	}
	var p gitlab.PushEvent // Tag events and system hooks have its fields too.
	if err := (fields{
		"ref": nil, "after": nil, "checkout_sha": nil,
		"project":    {"git_http_url": nil, "git_ssh_url": nil, "web_url": nil},
		"repository": {"git_http_url": nil, "git_ssh_url": nil, "homepage": nil},
	}).decode(body, &p); err != nil {
		return event{}, err
	}
	e.changes = []change{moved(p.Ref, p.CheckoutSHA, p.After, false)}
	e.addresses = []string{p.Project.GitHTTPURL, p.Project.GitSSHURL, p.Project.WebURL}
	if r := p.Repository; r != nil {
		e.addresses = append(e.addresses, r.GitHTTPURL, r.GitSSHURL, r.Homepage)
	}
	return e, nil
}

// parseBitbucket parses a delivery from Bitbucket Cloud. Source: "Event
// payloads", repo:push. The payload has no clone address, only the address of
// the web page; full_name is workspace/repository. new is null for a deleted
// ref.
func parseBitbucket(h http.Header, body []byte) (event, error) {
	if h.Get("X-Event-Key") == "repo:refs_changed" {
		return parseBitbucketDataCenter(body)
	}
	type reference struct {
		Type   string `json:"type"`
		Name   string `json:"name"`
		Target struct {
			Hash string `json:"hash"`
		} `json:"target"`
	}
	var p struct {
		Push struct {
			Changes []struct {
				New *reference `json:"new"`
				Old *reference `json:"old"`
			} `json:"changes"`
		} `json:"push"`
		Repository struct {
			FullName string `json:"full_name"`
			Links    struct {
				HTML struct {
					Href string `json:"href"`
				} `json:"html"`
			} `json:"links"`
		} `json:"repository"`
	}
	e := event{name: h.Get("X-Event-Key"), push: h.Get("X-Event-Key") == "repo:push"}
	if !e.push {
		return e, nil
	}
	if err := decode(body, &p); err != nil {
		return event{}, err
	}
	for _, c := range p.Push.Changes {
		now, deleted := c.New, c.New == nil
		if deleted {
			now = c.Old
		}
		if now == nil {
			continue
		}
		ref := "refs/heads/" + now.Name
		if now.Type == "tag" || now.Type == "annotated_tag" {
			ref = "refs/tags/" + now.Name
		}
		e.changes = append(e.changes, change{ref: ref, commit: commitID(now.Target.Hash), deleted: deleted})
	}
	if name := p.Repository.FullName; name != "" {
		e.addresses = append(e.addresses, "https://bitbucket.org/"+name)
	}
	e.addresses = append(e.addresses, p.Repository.Links.HTML.Href)
	return e, nil
}

// parseBitbucketDataCenter parses a push from Bitbucket Data Center. Source:
// "Event payload" of versions 5.0 to 8.15, repo:refs_changed. Those pages show
// no address of the repository. Newer versions add links; without them, project
// and name identify the repository.
func parseBitbucketDataCenter(body []byte) (event, error) {
	var p struct {
		Repository struct {
			Slug    string `json:"slug"`
			Project struct {
				Key string `json:"key"`
			} `json:"project"`
			Links struct {
				Clone []struct {
					Href string `json:"href"`
				} `json:"clone"`
			} `json:"links"`
		} `json:"repository"`
		Changes []struct {
			RefID  string `json:"refId"`
			ToHash string `json:"toHash"`
			Type   string `json:"type"`
		} `json:"changes"`
	}
	if err := decode(body, &p); err != nil {
		return event{}, err
	}
	e := event{name: "repo:refs_changed", push: true}
	for _, c := range p.Changes {
		e.changes = append(e.changes, moved(c.RefID, "", c.ToHash, c.Type == "DELETE"))
	}
	r := p.Repository
	for _, l := range r.Links.Clone {
		e.addresses = append(e.addresses, l.Href)
	}
	if len(e.addresses) == 0 && r.Project.Key != "" && r.Slug != "" {
		e.path = r.Project.Key + "/" + r.Slug
	}
	return e, nil
}

// parseCodeup parses a delivery from Codeup. Source: "Webhooks settings" of Alibaba Cloud DevOps,
// push and tag push events: object_kind is push or tag_push, and repository has the addresses
// git_http_url, git_ssh_url, url and homepage. Unlike GitLab it has no project, no checkout_sha and
// no delivery id. The page does not say, so these are assumptions: for a deleted ref, after
// consists of zeros; for a branch it is the commit; for a tag it may be the tag object. Other
// receivers also read git_secondary_http_url and git_secondary_ssh_url, the repository's addresses
// under a second host name, and get test deliveries from the console without object_kind.
func parseCodeup(h http.Header, body []byte) (event, error) {
	var p struct {
		Ref        string `json:"ref"`
		After      string `json:"after"`
		Repository struct {
			GitHTTPURL          string `json:"git_http_url"`
			GitSSHURL           string `json:"git_ssh_url"`
			GitSecondaryHTTPURL string `json:"git_secondary_http_url"`
			GitSecondarySSHURL  string `json:"git_secondary_ssh_url"`
			URL                 string `json:"url"`
			Homepage            string `json:"homepage"`
		} `json:"repository"`
	}
	e, err := parseKind(body)
	if e.name == "" {
		// The page says Codeup-Event, but other receivers report X-Codeup-Event.
		e.name = h.Get("Codeup-Event") + h.Get("X-Codeup-Event") + " without object_kind, as of a test"
	}
	if err != nil || !e.push {
		return e, err
	}
	if err := decode(body, &p); err != nil {
		return event{}, err
	}
	e.changes = []change{moved(p.Ref, "", p.After, false)}
	r := p.Repository
	e.addresses = []string{r.GitHTTPURL, r.GitSSHURL, r.GitSecondaryHTTPURL, r.GitSecondarySSHURL, r.URL, r.Homepage}
	return e, nil
}

// parseGeneric parses a delivery in our own format: see docs/webhooks.md.
func parseGeneric(_ http.Header, body []byte) (event, error) {
	var p struct {
		Repository string `json:"repository"`
		Ref        string `json:"ref"`
		Commit     string `json:"commit"`
	}
	if err := decode(body, &p); err != nil {
		return event{}, err
	}
	if p.Repository == "" || p.Ref == "" {
		return event{}, message.NewError("webhook.no-ref")
	}
	return event{
		name: "push", push: true, addresses: []string{p.Repository},
		changes: []change{{ref: p.Ref, commit: commitID(p.Commit), deleted: isNoCommit(p.Commit)}},
	}, nil
}
