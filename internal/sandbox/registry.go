package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxRequestBody bounds what is read of a request, in bytes.
const maxRequestBody = 1 << 20

// RegistryOptions are what a Registry is made of.
type RegistryOptions struct {
	// Principals are the identities that may call, each with a registry
	// instance of its own.
	Principals []Principal
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// CallerNow is the clock that callers date their calls with; nil means Now.
	CallerNow func() time.Time
	// VerifyToken asks whether the code host takes the token for the user;
	// nil means that every token is good. Platforms are "codeup" and "gitlab".
	VerifyToken func(platform, address, username, token string) bool
	// SourceRepositories lists the projects that an account sees; nil means
	// none.
	SourceRepositories func(platform, address, username string) []string
	// Changed, if not nil, gets every call that changed something, also one whose
	// answer was lost or whose effect came late. It may look at the registry.
	Changed func(RegistryChange)
	// PageSize is the most that a page of the Enterprise Edition's lists has,
	// whatever is asked for; 0 is what is asked for.
	PageSize int
	// NextPage, if not nil, is called before a page after the first is served: what
	// it changes, changes between two pages of a list.
	NextPage func(accessKey string)
}

// RegistryChange is the effect of one call. What the call does not name is
// empty.
type RegistryChange struct {
	Time                 time.Time
	Operation, AccessKey string
	// Image is an image repository (namespace/name).
	Image string
	// Account and Rule are numbers.
	Account, Rule string
}

// Principal is an Alibaba Cloud identity. All strings are made up: nothing of
// the sandbox is worth hiding.
type Principal struct {
	AccessKey, Secret string
	// SecurityToken makes the key a temporary one: requests must carry it.
	SecurityToken string
	// Region is what GET /regions returns; empty means cn-hangzhou.
	Region string
	// InstanceID is the id of an instance of the Enterprise Edition, cri-…; empty
	// means that the identity has none.
	InstanceID string
	// NoRegistry makes every call end with USER_NOT_EXIST, as for an identity
	// that never set its registry up in the console.
	NoRegistry bool
}

// Registry speaks the wire protocol cr 2016-06-07 of the Personal Edition: the
// documented parts strictly, the withdrawn parts (source accounts and source
// repositories) in the shape that the project's driver assumes, marked "ours"
// where they are handled. State is in memory, one instance per principal. It
// is an http.Handler; safe for concurrent use. A driver's probes of writes, which
// name nothing, are answered and not journaled.
type Registry struct {
	// Faults go wrong before anything else happens.
	Faults Faults

	options  RegistryOptions
	verifier signatureVerifier
	mux      *http.ServeMux

	mu        sync.Mutex
	instances map[string]*RegistryInstance
	withdrawn map[string]bool
	// foreign says that ServeForeignAPI is in force.
	foreign bool
	calls   []RegistryCall
	// forgotten is how many calls came before the first of calls.
	forgotten int
	lastID    int64
}

// RegistryCall is one line of the journal. It contains no token.
type RegistryCall struct {
	Time time.Time
	// Operation is the product's name for the call, for example
	// "GetUserSourceAccount"; empty for a path that is none.
	Operation string
	AccessKey string
	// Status is what was answered; 0 where the connection was cut, or nothing
	// was answered yet.
	Status int
}

// wireError is an answer in the registry's error shape.
type wireError struct {
	status        int
	code, message string
}

// NewRegistry makes a registry without bindings and repositories.
func NewRegistry(options RegistryOptions) *Registry {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.CallerNow == nil {
		options.CallerNow = options.Now
	}
	r := &Registry{options: options, instances: map[string]*RegistryInstance{}, withdrawn: map[string]bool{}, mux: http.NewServeMux()}
	for _, p := range options.Principals {
		if p.Region == "" {
			p.Region = "cn-hangzhou"
		}
		r.instances[p.AccessKey] = newRegistryInstance(r, p)
	}
	r.verifier.now, r.Faults.now = options.CallerNow, options.Now
	r.verifier.key = func(accessKey string) (string, string, bool) {
		i, ok := r.instances[accessKey]
		if !ok {
			return "", "", false
		}
		return i.principal.Secret, i.principal.SecurityToken, true
	}
	for _, op := range append(registryOperations(), foreignOperations()...) {
		r.mux.HandleFunc(op.pattern, func(w http.ResponseWriter, req *http.Request) { r.serve(w, req, op) })
	}
	r.mux.HandleFunc("POST /{$}", r.serveEnterprise)
	r.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) { r.serve(w, req, registryOperation{}) })
	return r
}

// Instance is the registry instance of an access key, or nil.
func (r *Registry) Instance(accessKey string) *RegistryInstance { return r.instances[accessKey] }

// Withdraw takes operations away, as Alibaba did in 2020: their paths answer
// InvalidAction.NotFound from now on.
func (r *Registry) Withdraw(operations ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, op := range operations {
		r.withdrawn[op] = true
	}
}

// Calls is the journal so far, faults included.
func (r *Registry) Calls() []RegistryCall {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// ForgetCalls clears the journal and the known nonces, for a long-running
// world.
func (r *Registry) ForgetCalls() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgotten += len(r.calls)
	r.calls = nil
	r.verifier.forget()
}

// Count is how many calls of an operation came in, faults included.
func (r *Registry) Count(operation string) int {
	n := 0
	for _, c := range r.Calls() {
		if c.Operation == operation {
			n++
		}
	}
	return n
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	watched := &statusWriter{ResponseWriter: w}
	call := RegistryCall{Time: r.options.Now(), Operation: r.operation(req)}
	call.AccessKey, _, _, _ = parseAuthorization(req.Header.Get("Authorization"))
	// A caller may have its answer before this method ends, so the call is
	// journaled as it comes in.
	if isProbe(req) {
		r.Faults.Wrap(r.mux).ServeHTTP(w, req)
		return
	}
	r.mu.Lock()
	line := r.forgotten + len(r.calls)
	r.calls = append(r.calls, call)
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if line -= r.forgotten; line >= 0 {
			r.calls[line].Status = watched.status
		}
	}()
	r.Faults.Wrap(r.mux).ServeHTTP(watched, req)
}

// isProbe says that a call names nothing and carries nothing. A driver sends it to
// ask only whether the call is served: it changes nothing, and is not in the
// journal.
func isProbe(req *http.Request) bool {
	nothing := strings.HasSuffix(req.URL.Path, "/0") || strings.Contains(req.URL.Path, "/0/") || strings.Contains(req.URL.Path, "/reconciler-probe/")
	bare := req.Header.Get("X-Acs-Action") != "" && req.URL.Path == "/" && req.URL.RawQuery == "" && req.ContentLength <= 0
	empty := req.ContentLength == int64(len("{}")) || req.Method == http.MethodDelete && nothing || bare
	return empty && req.Method != http.MethodGet
}

// operation names the call that a request asks for.
func (r *Registry) operation(req *http.Request) string {
	_, pattern := r.mux.Handler(req)
	if pattern == "POST /{$}" {
		return req.Header.Get("X-Acs-Action")
	}
	for _, op := range append(registryOperations(), foreignOperations()...) {
		if op.pattern == pattern {
			return op.name
		}
	}
	return ""
}

// serve checks the signature and answers one call.
func (r *Registry) serve(w http.ResponseWriter, req *http.Request, op registryOperation) {
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxRequestBody))
	if err != nil {
		r.refuse(w, req, &wireError{http.StatusRequestEntityTooLarge, "RequestTooLarge", "the body is too large"})
		return
	}
	accessKey, failure := r.verifier.verify(req, body)
	if failure != nil {
		r.refuse(w, req, failure)
		return
	}
	r.mu.Lock()
	foreign := strings.Contains(op.pattern, " /v9/")
	gone, data := r.withdrawn[op.name] || foreign && !r.foreign, "data"
	r.mu.Unlock()
	if foreign {
		data = "result"
	}
	if op.handle == nil || gone {
		r.refuse(w, req, &wireError{http.StatusNotFound, "InvalidAction.NotFound", "Specified api is not found, please check your url and method."})
		return
	}
	if version := req.Header.Get("X-Acs-Version"); version != "2016-06-07" {
		r.refuse(w, req, &wireError{http.StatusBadRequest, "InvalidVersion", "Specified version is not valid."})
		return
	}
	instance := r.instances[accessKey]
	if instance.principal.NoRegistry {
		r.refuse(w, req, &wireError{http.StatusNotFound, "USER_NOT_EXIST", "user is not exist"})
		return
	}
	content, failure := op.handle(instance, registryRequest{req, body})
	if failure != nil {
		r.refuse(w, req, failure)
		return
	}
	r.changed(req, op.name, accessKey)
	r.answer(w, http.StatusOK, map[string]any{data: content, "requestId": r.requestID()})
}

// changed reports a call that changed something.
func (r *Registry) changed(req *http.Request, operation, accessKey string) {
	if r.options.Changed == nil || req.Method == http.MethodGet {
		return
	}
	c := RegistryChange{
		Time: r.options.Now(), Operation: operation, AccessKey: accessKey,
		Account: req.PathValue("account"), Rule: req.PathValue("rule"),
	}
	if name := req.PathValue("name"); name != "" {
		c.Image = req.PathValue("namespace") + "/" + name
	}
	r.options.Changed(c)
}

func (r *Registry) refuse(w http.ResponseWriter, req *http.Request, e *wireError) {
	id := "00000000-0000-4000-8000-000000000000" // A probe takes no number.
	if !isProbe(req) {
		id = r.requestID()
	}
	r.answer(w, e.status, map[string]any{"requestId": id, "code": e.code, "message": e.message})
}

func (*Registry) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// requestID is a number in the form of a UUID.
func (r *Registry) requestID() string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", r.nextID())
}

// nextID numbers accounts, repositories, rules and requests.
func (r *Registry) nextID() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastID++
	return r.lastID
}

// Throttling is the fault that the product's own limiter makes.
func Throttling(times int, retryAfter time.Duration) Fault {
	f := Fault{
		Times: times, Status: http.StatusTooManyRequests, ContentType: "application/json;charset=utf-8",
		Body: `{"requestId":"00000000-0000-4000-8000-000000000000","code":"Throttling.User","message":"Request was denied due to user flow control."}`,
	}
	if retryAfter > 0 {
		f.Header = http.Header{"Retry-After": {fmt.Sprint(int(retryAfter.Seconds()))}}
	}
	return f
}

// statusWriter remembers the status that was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// registryRequest is a request whose signature was found good.
type registryRequest struct {
	*http.Request
	body []byte
}

// decode reads the body into v: one object, no unknown key.
func (r registryRequest) decode(v any) *wireError {
	d := json.NewDecoder(bytes.NewReader(r.body))
	d.DisallowUnknownFields()
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		return invalidParameter("want Content-Type application/json")
	}
	if err := d.Decode(v); err != nil {
		// The decoder's text names keys and offsets, never a value of ours.
		return invalidParameter("the body is not what the call takes")
	}
	if d.More() {
		return invalidParameter("more than one value in the body")
	}
	return nil
}

func invalidParameter(message string) *wireError {
	return &wireError{http.StatusBadRequest, "INVALID_PARAMETER", message}
}
