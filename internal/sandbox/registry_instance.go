package sandbox

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// RegistryInstance is what one principal has in the registry. Its exported
// methods are what a person does and sees in the console. Safe for concurrent
// use.
type RegistryInstance struct {
	registry  *Registry
	principal Principal

	mu       sync.Mutex
	accounts map[string]*sourceAccount
	repos    map[string]*imageRepository
	// namespaces are those that were made by a call; others have repositories.
	namespaces map[string]bool
	// quota bounds what calls make; zero is no bound.
	quota Quota
	// extras are what build rules of the Enterprise Edition have besides.
	extras map[int64]ruleExtras
	// versions are the states that each object had, lags what reads show of
	// them, and reads how often each was read since.
	versions map[string][]version
	lags     []ReadLag
	reads    map[string]int
}

// sourceAccount is a binding. The token is kept as a digest, enough to ask
// whether it is a certain one.
type sourceAccount struct {
	SourceAccount
	origin string
	token  [sha256.Size]byte
}

// SourceAccount is a binding as the console shows it.
type SourceAccount struct {
	ID int64
	// Platform is "codeup", "github", "bitbucket" or "gitlab".
	Platform          string
	Username, Address string
	Created           time.Time
}

// RegistrySnapshot is all that an instance has, in order.
type RegistrySnapshot struct {
	Accounts     []SourceAccount
	Repositories []ImageRepository
}

// ImageRepository is an image repository as the console shows it.
type ImageRepository struct {
	Image string
	// Visibility is PUBLIC or PRIVATE, with Summary for one that a call made.
	Visibility, Summary string
	// Source is nil where the repository builds from nothing.
	Source *ImageSource
	Rules  []ImageRule
}

// ImageSource is where an image repository builds from.
type ImageSource struct {
	Platform, Project             string
	Auto, Overseas, CacheDisabled bool
}

// ImageRule is a build rule in the registry's own words.
type ImageRule struct {
	ID                                 int64
	PushType, PushName                 string
	DockerfileLocation, DockerfileName string
	ImageTag                           string
}

type imageRepository struct {
	id     int64
	image  string
	source *ImageSource
	rules  []ImageRule
	// visibility and summary are what it was made with; empty for one that no
	// call made.
	visibility, summary string
}

func newRegistryInstance(r *Registry, p Principal) *RegistryInstance {
	return &RegistryInstance{
		registry: r, principal: p, accounts: map[string]*sourceAccount{}, repos: map[string]*imageRepository{},
		versions: map[string][]version{}, extras: map[int64]ruleExtras{}, namespaces: map[string]bool{},
	}
}

// ConsoleBind binds a platform as a person does it in the console: by OAuth
// for GitHub and Bitbucket, with a token typed in for the others. An account
// bound before is replaced.
func (i *RegistryInstance) ConsoleBind(platform, address, username string) SourceAccount {
	a := &sourceAccount{origin: strings.ToUpper(platform)}
	a.SourceAccount = SourceAccount{
		ID: i.registry.nextID(), Platform: strings.ToLower(platform),
		Username: username, Address: address, Created: i.registry.options.Now(),
	}
	i.registry.Faults.applyDue()
	i.mu.Lock()
	defer i.mu.Unlock()
	i.accounts[a.origin] = a
	i.changed(a.origin)
	return a.SourceAccount
}

// ConsoleUnbind unbinds a platform as a person does it in the console, and
// says whether it was bound.
func (i *RegistryInstance) ConsoleUnbind(platform string) bool {
	i.registry.Faults.applyDue()
	i.mu.Lock()
	defer i.mu.Unlock()
	origin := strings.ToUpper(platform)
	_, bound := i.accounts[origin]
	delete(i.accounts, origin)
	i.changed(origin)
	return bound
}

// ConsoleUnlink removes an image repository's source as a person does it in
// the console.
func (i *RegistryInstance) ConsoleUnlink(image string) {
	i.registry.Faults.applyDue()
	i.mu.Lock()
	defer i.mu.Unlock()
	if repo := i.repos[image]; repo != nil {
		repo.source = nil
		i.changed(image)
	}
}

// AddRepository creates image repositories (namespace/name) without a source.
func (i *RegistryInstance) AddRepository(images ...string) {
	for _, image := range images {
		id := i.registry.nextID()
		i.mu.Lock()
		if i.repos[image] == nil {
			i.repos[image] = &imageRepository{id: id, image: image}
			i.changed(image)
		}
		i.mu.Unlock()
	}
}

// Accounts are the bindings, in order of platform.
func (i *RegistryInstance) Accounts() []SourceAccount { return i.Snapshot().Accounts }

// TokenIs says whether a platform is bound with this very token.
func (i *RegistryInstance) TokenIs(platform, token string) bool {
	i.registry.Faults.applyDue()
	return i.PeekToken(platform, token)
}

// PeekToken is TokenIs without the late effects that are due and that no call
// has met yet.
func (i *RegistryInstance) PeekToken(platform, token string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	a := i.accounts[strings.ToUpper(platform)]
	return a != nil && a.token == sha256.Sum256([]byte(token))
}

// Snapshot is a copy of all that the instance has.
func (i *RegistryInstance) Snapshot() RegistrySnapshot {
	i.registry.Faults.applyDue()
	return i.Peek()
}

// Peek is Snapshot without those late effects.
func (i *RegistryInstance) Peek() RegistrySnapshot {
	i.mu.Lock()
	defer i.mu.Unlock()
	var s RegistrySnapshot
	for _, origin := range sortedKeys(i.accounts) {
		s.Accounts = append(s.Accounts, i.accounts[origin].SourceAccount)
	}
	for _, image := range sortedKeys(i.repos) {
		repo := i.repos[image]
		shown := ImageRepository{Image: image, Visibility: repo.visibility, Summary: repo.summary, Rules: slices.Clone(repo.rules)}
		if repo.source != nil {
			source := *repo.source
			shown.Source = &source
		}
		s.Repositories = append(s.Repositories, shown)
	}
	return s
}

// repo finds the repository that a request's path names. The caller holds mu.
func (i *RegistryInstance) repo(r registryRequest) (*imageRepository, *wireError) {
	return i.named(r, i.repos[r.PathValue("namespace")+"/"+r.PathValue("name")])
}

// shownRepo is repo as a read shows it.
func (i *RegistryInstance) shownRepo(r registryRequest) (*imageRepository, *wireError) {
	return i.named(r, i.visible(r.PathValue("namespace")+"/"+r.PathValue("name"), r.Pattern).repo)
}

func (i *RegistryInstance) named(r registryRequest, repo *imageRepository) (*imageRepository, *wireError) {
	if repo != nil {
		return repo, nil
	}
	namespace := r.PathValue("namespace")
	if !i.hasNamespace(namespace) {
		return nil, &wireError{http.StatusNotFound, "NAMESPACE_NOT_EXIST", "namespace is not exist"}
	}
	return nil, &wireError{http.StatusNotFound, "REPO_NOT_EXIST", "repo is not exist"}
}

// hasNamespace says whether the namespace was made, or any repository lives in it.
// The caller holds mu.
func (i *RegistryInstance) hasNamespace(namespace string) bool {
	if i.namespaces[namespace] {
		return true
	}
	for image := range i.repos {
		if strings.HasPrefix(image, namespace+"/") {
			return true
		}
	}
	return false
}
