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

// event is what a delivery says. Only a push can move anything.
type event struct {
	// name is what the sender calls it.
	name string
	push bool
	// addresses are those of the pushed repository; any of them identifies it.
	addresses []string
	// path is PROJECT/REPOSITORY where the sender does not give its own address;
	// empty otherwise.
	path    string
	changes []change
	// trace is the traceparent of the delivery.
	trace string
}

// change is one branch or tag that a push moved.
type change struct {
	// ref is written out, such as refs/heads/main.
	ref string
	// commit is where it stands now; empty where the sender does not say.
	commit  string
	deleted bool
}

// decode reads the fields of target from a body. The error names neither them
// nor any value.
func decode(body []byte, target any) error {
	if err := json.Unmarshal(body, target); err != nil {
		// By its type only: the text may repeat the body.
		return message.NewError("webhook.not-json", "type", fmt.Sprintf("%T", err))
	}
	return nil
}

// fields are those of a JSON object that are read; nil stands for a whole value.
type fields map[string]fields

// decode reads these fields of a body into a type of a client package, and no
// others: the package expects types of them too, and a host that changes one
// that we do not use must not lose its deliveries.
func (f fields) decode(body []byte, target any) error {
	read, err := f.pick(body)
	if err != nil {
		return err
	}
	return decode(read, target)
}

// pick gives the object with these fields alone.
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

// isNoCommit reports whether an id stands for a ref that is not there.
func isNoCommit(id string) bool { return id != "" && strings.Trim(id, "0") == "" }

// commitID is id where it is the full id of a commit, and empty otherwise.
func commitID(id string) string {
	if (len(id) != 40 && len(id) != 64) || isNoCommit(id) || strings.Trim(id, "0123456789abcdef") != "" {
		return ""
	}
	return id
}

// moved is a ref that a push moved: commit is what the sender calls the commit,
// empty where it does not say, and after what the ref names now. For an
// annotated tag that is the tag and not a commit, so that after counts as a
// commit for branches only.
func moved(ref, commit, after string, deleted bool) change {
	if commit == "" && strings.HasPrefix(ref, "refs/heads/") {
		commit = after
	}
	return change{ref: ref, commit: commitID(commit), deleted: deleted || isNoCommit(after)}
}

// formPayload is the JSON of a body that may be a form, as GitHub sends it where
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

// parseGitHub reads a delivery of GitHub. Source: "Webhook events and
// payloads", events ping and push. A push of an annotated tag has the id of
// the tag in after, and the commit in head_commit.
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

// parseKind reads what GitLab and Codeup call the event. It stands alone, for
// the other fields are of other types in other events.
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

// parseGitLab reads a delivery from GitLab. Source: "Webhook events", push and
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

// parseBitbucket reads a delivery of Bitbucket Cloud. Source: "Event
// payloads", repo:push. The payload has no clone address but the one of the
// page; full_name is workspace/repository. new is null for a deleted ref.
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

// parseBitbucketDataCenter reads a push of Bitbucket Data Center. Source: "Event
// payload" of versions 5.0 to 8.15, repo:refs_changed. The pages show no address
// of the repository; newer versions add links, and where there are none its
// project and name identify it.
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

// parseCodeup reads a delivery from Codeup. Source: "Webhooks settings" of
// Alibaba Cloud DevOps, push and tag push events: object_kind is push or
// tag_push, and repository has the addresses git_http_url, git_ssh_url, url and
// homepage. Unlike GitLab it has no project, no checkout_sha and no delivery
// id. Assumed, because the page does not say: a deleted ref has an after of
// zeros, and after is the commit of a branch; of a tag it may be the tag. Other receivers also read
// git_secondary_http_url and git_secondary_ssh_url, the repository's addresses
// under a second name, and get test deliveries from the console without
// object_kind.
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
		// The page says Codeup-Event; receivers in the wild see X-Codeup-Event.
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

// parseGeneric reads the body of a sender of our own: docs/webhooks.md.
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
