package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The platforms that CodeHosts plays, in the words of the declarations.
const (
	HostCodeup    = "codeup"
	HostGitHub    = "github"
	HostBitbucket = "bitbucket"
	HostGitLab    = "gitlab"
)

// HostUser is an account at a code host.
type HostUser struct {
	// ID is given by AddUser where it is 0.
	ID int64
	// Username is the account's name; at Codeup it is the HTTPS clone username,
	// and Login is the login.
	Username, Login string
	// Kind is GitHub's: User (the default), Organization or Bot.
	Kind string
	// Bot marks GitLab's project, group and service accounts.
	Bot bool
	// State is GitLab's: active (the default) or blocked.
	State string
}

// HostToken is a token at a code host.
type HostToken struct {
	Value, Username string
	// Scopes of GitLab and GitHub; nil means api and repo.
	Scopes []string
	// Permissions of Codeup, by the Permission constants; nil means all.
	Permissions []string
	// Expires is the first instant at which the token is dead; zero is never.
	// GitLab shows its day.
	Expires time.Time
	Revoked bool
	// Granular marks GitLab's fine-grained token, OAuth an OAuth access token.
	Granular, OAuth bool
}

// HostProject is a source project at a code host.
type HostProject struct {
	// ID is given by AddProject where it is 0.
	ID int64
	// Path is the full path; at GitLab all but the last element name the
	// group and its subgroups.
	Path              string
	Archived, Private bool
	// Disabled is GitHub's.
	Disabled bool
	// Access is GitLab's access level of whoever asks; 0 means 40.
	Access int
}

// CodeHosts plays Codeup, GitHub, Bitbucket and GitLab over one state in
// memory. Safe for concurrent use.
type CodeHosts struct {
	now    func() time.Time
	faults map[string]*Faults

	mu       sync.Mutex
	next     int64
	users    map[string][]*HostUser
	tokens   map[string][]*HostToken
	projects map[string][]*HostProject
	// moved remembers old paths, by platform and path.
	moved map[string]int64
	// hooks are the webhooks, by platform and project number.
	hooks map[string][]hostHook
	// comments are by platform, project number and pull request; statuses are
	// by platform, project number and commit.
	comments map[string][]*HostComment
	statuses map[string][]HostStatus
}

type hostHook struct {
	id  int64
	url string
}

// NewCodeHosts makes hosts without users, tokens and projects.
func NewCodeHosts(now func() time.Time) *CodeHosts {
	return &CodeHosts{
		now: now, next: 1000,
		faults: map[string]*Faults{HostCodeup: {}, HostGitHub: {}, HostBitbucket: {}, HostGitLab: {}},
		users:  map[string][]*HostUser{}, tokens: map[string][]*HostToken{}, projects: map[string][]*HostProject{},
		moved: map[string]int64{}, hooks: map[string][]hostHook{},
		comments: map[string][]*HostComment{}, statuses: map[string][]HostStatus{},
	}
}

// Faults are the faults of one platform; a platform that is not known has
// none that could happen.
func (c *CodeHosts) Faults(platform string) *Faults {
	if f, ok := c.faults[platform]; ok {
		return f
	}
	return &Faults{}
}

// AddUser adds an account and returns its number.
func (c *CodeHosts) AddUser(platform string, u HostUser) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.ID == 0 {
		c.next++
		u.ID = c.next
	}
	c.users[platform] = append(c.users[platform], &u)
	return u.ID
}

// RenameUser gives an account another name; its number stays.
func (c *CodeHosts) RenameUser(platform, from, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.tokens[platform] {
		if strings.EqualFold(t.Username, from) {
			t.Username = to
		}
	}
	if u := c.user(platform, from); u != nil {
		u.Username = to
	}
}

// AddToken adds a token of an account.
func (c *CodeHosts) AddToken(platform string, t HostToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tokens[platform] = append(c.tokens[platform], &t)
}

// RevokeToken makes a token dead.
func (c *CodeHosts) RevokeToken(platform, value string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.token(platform, value); t != nil {
		t.Revoked = true
	}
}

// AddProject adds a source project and returns its number.
func (c *CodeHosts) AddProject(platform string, p HostProject) int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p.ID == 0 {
		c.next++
		p.ID = c.next
	}
	p.Path = strings.Trim(p.Path, "/")
	c.projects[platform] = append(c.projects[platform], &p)
	return p.ID
}

// MoveProject gives a project another path; GitLab and GitHub redirect from
// the old one.
func (c *CodeHosts) MoveProject(platform, from, to string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.project(platform, from); p != nil {
		c.moved[platform+" "+strings.ToLower(p.Path)] = p.ID
		p.Path = strings.Trim(to, "/")
	}
}

// RemoveProject deletes a project.
func (c *CodeHosts) RemoveProject(platform, path string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.projects[platform] = slices.DeleteFunc(c.projects[platform], func(p *HostProject) bool {
		return strings.EqualFold(p.Path, path)
	})
}

// TokenValid says whether the token lives, belongs to username and is fit for
// binding, as the registry finds out when it is bound.
func (c *CodeHosts) TokenValid(platform, username, token string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.token(platform, token)
	if t == nil || c.invalid(t) || t.OAuth || t.Granular {
		return false
	}
	if platform == HostCodeup {
		return t.Username == username
	}
	return strings.EqualFold(t.Username, username) && slices.Contains(t.scopes(), "api")
}

// scopes are the token's, or the default.
func (t *HostToken) scopes() []string {
	if t.Scopes == nil {
		return []string{"api"}
	}
	return t.Scopes
}

// hasScope says whether the token has one of the scopes.
func (t *HostToken) hasScope(scopes ...string) bool {
	return slices.ContainsFunc(t.scopes(), func(s string) bool { return slices.Contains(scopes, s) })
}

func (c *CodeHosts) invalid(t *HostToken) bool {
	return t.Revoked || !t.Expires.IsZero() && !c.now().Before(t.Expires)
}

// user, token and project find by name, value and path; c.mu is held.
func (c *CodeHosts) user(platform, name string) *HostUser {
	for _, u := range c.users[platform] {
		if strings.EqualFold(u.Username, name) {
			return u
		}
	}
	return nil
}

func (c *CodeHosts) userByID(platform, id string) *HostUser {
	for _, u := range c.users[platform] {
		if strconv.FormatInt(u.ID, 10) == id {
			return u
		}
	}
	return nil
}

func (c *CodeHosts) token(platform, value string) *HostToken {
	for _, t := range c.tokens[platform] {
		if value != "" && t.Value == value {
			return t
		}
	}
	return nil
}

func (c *CodeHosts) project(platform, path string) *HostProject {
	for _, p := range c.projects[platform] {
		if strings.EqualFold(p.Path, strings.Trim(path, "/")) {
			return p
		}
	}
	return nil
}

func (c *CodeHosts) projectByID(platform, id string) *HostProject {
	for _, p := range c.projects[platform] {
		if strconv.FormatInt(p.ID, 10) == id {
			return p
		}
	}
	return nil
}

// hostPath gives the unescaped elements of the request's path after prefix,
// which may itself stand below another path (relative URL installs).
func hostPath(r *http.Request, prefix string) []string {
	_, rest, ok := strings.Cut(r.URL.EscapedPath(), prefix)
	if !ok {
		return nil
	}
	parts := strings.Split(strings.Trim(rest, "/"), "/")
	for i, part := range parts {
		plain, err := url.PathUnescape(part)
		if err != nil {
			return nil
		}
		parts[i] = plain
	}
	return parts
}

// bearerOf is the token of an Authorization header, in either form.
func bearerOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	value, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return value
}

// hostAnswer is an answer before it is written.
type hostAnswer struct {
	status int
	header map[string]string
	body   any
}

func (a hostAnswer) write(w http.ResponseWriter) {
	for k, v := range a.header {
		w.Header().Set(k, v)
	}
	if text, ok := a.body.(string); ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(text))
		return
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(a.status)
	_ = json.NewEncoder(w).Encode(a.body)
}

// handle makes a handler of a platform's answers, under the state's lock and
// behind the platform's faults.
func (c *CodeHosts) handle(platform string, answer func(*http.Request) hostAnswer) http.Handler {
	return c.faults[platform].Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		a := answer(r)
		c.mu.Unlock()
		a.write(w)
	}))
}

// hostObject is a JSON object.
type hostObject map[string]any
