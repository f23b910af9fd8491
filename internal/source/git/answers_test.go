package git_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh/knownhosts"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/source/git"
	"reconciler/internal/source/git/gittest"
)

// A server may break off behind the list of refs, and says why in a band of its own.
func TestWhatAServerSaysInTheErrorBandIsShown(t *testing.T) {
	repo := gittest.New(t)
	id := repo.Commit("one", text("a.yaml", "1"))
	for name, test := range map[string]struct {
		answer string
		kind   binding.FailureKind
		words  string
	}{
		"no permission":    {"NAK\n|\x02Counting\r|\x03fatal: Access denied\n", binding.Forbidden, `says "fatal: Access denied"`},
		"a missing object": {"NAK\n|\x03upload-pack: not our ref " + id, binding.NotFound, "not our ref"},
		"nothing known":    {"NAK\n|\x01|\x02|\x03aborting due to possible repository corruption on the remote side.\x1b[31m", binding.Transient, `side.\x1b[31m"`},
		"an unknown band":  {"NAK\n|\x07PACK", binding.Unreadable, "smart HTTP"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				repo.Handler().ServeHTTP(w, r)
				return
			}
			w.Header().Set("Content-Type", "application/x-git-upload-pack-result")
			_, _ = io.WriteString(w, pkt("shallow "+id)+"0000")
			for line := range strings.SplitSeq(test.answer, "|") {
				_, _ = io.WriteString(w, pkt(line))
			}
			_, _ = io.WriteString(w, "0000")
		}))
		_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		if f := failure(t, err); f.Kind != test.kind || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%s: %s: %v", name, f.Kind, err)
		}
		server.Close()
	}
}

// A status means what its sender can mean by it: not every 4xx is about the
// repository, and a page is no repository.
func TestAStatusIsNotTakenForMoreThanItSays(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		header http.Header
		kind   binding.FailureKind
		fault  binding.Fault
		hint   string
	}{
		"a limit by 403":            {403, http.Header{"Retry-After": {"60"}}, binding.Throttled, binding.FaultService, ""},
		"a proxy's demand":          {407, nil, binding.Forbidden, binding.FaultCredentials, "proxy"},
		"a request that took long":  {408, nil, binding.Transient, binding.FaultService, ""},
		"too early":                 {425, nil, binding.Transient, binding.FaultService, ""},
		"Azure DevOps's page":       {203, nil, binding.Unreadable, binding.FaultUnknown, "token"},
		"nothing":                   {204, nil, binding.Unreadable, binding.FaultUnknown, "git clone"},
		"a page":                    {200, http.Header{"Content-Type": {"text/html"}}, binding.Unreadable, binding.FaultUnknown, "token"},
		"a page to sign in":         {302, http.Header{"Location": {"https://login.example.com/_signin"}}, binding.Refused, binding.FaultRequest, "token"},
		"a network's own sign-in":   {511, nil, binding.Transient, binding.FaultService, ""},
		"not for legal reasons":     {451, nil, binding.Refused, binding.FaultUnknown, ""},
		"a token that may not read": {403, nil, binding.Forbidden, binding.FaultCredentials, "token"},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for name, values := range test.header {
				w.Header()[name] = values
			}
			w.WriteHeader(test.status)
		}))
		_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		if f := failure(t, err); f.Kind != test.kind || f.WhoseFault() != test.fault || !strings.Contains(message.English(f.Hint), test.hint) {
			t.Errorf("%s: %s, %s: %v", name, f.Kind, f.WhoseFault(), err)
		}
		server.Close()
	}
}

// The hosts say in their own words that there is nothing for this key.
func TestTheWordsOfTheHostsAreKnown(t *testing.T) {
	for words, kind := range map[string]binding.FailureKind{
		"ERROR: Repository not found.": binding.NotFound,

		"ERROR: The project you were looking for could not be found or you don't have permission to view it.": binding.NotFound,

		"TF401019: The Git repository with name or identifier x does not exist": binding.NotFound,

		"conq: repository does not exist.": binding.NotFound,

		"ERROR: You are not allowed to download code from this project.": binding.Forbidden,

		"ERROR: The 'x' organization has enabled or enforced SAML SSO.": binding.Refused,

		"Unauthorized": binding.Forbidden,
		"Forbidden":    binding.Forbidden,
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/x-git-upload-pack-advertisement")
			_, _ = io.WriteString(w, pkt("# service=git-upload-pack\n")+"0000"+pkt("ERR "+words+"\n"))
		}))
		_, _, err := open(t, git.Options{URL: server.URL + "/repo.git"}).Snapshot(t.Context(), "")
		if f := failure(t, err); f.Kind != kind || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %s: %v", words, f.Kind, err)
		}
		server.Close()
	}
}

// git leaves out the slash before a home folder.
func TestAHomeFolderOverSSHIsNoAbsolutePath(t *testing.T) {
	repo := gittest.New(t)
	repo.Commit("one", text("a.yaml", "1"))
	user, userFile := gittest.NewKey(t)
	host, _ := gittest.NewKey(t)
	server := repo.ServeSSH(user.PublicKey(), host)
	known := write(t, "known", knownhosts.Line([]string{server.Address}, host.PublicKey())+"\n")
	for path, read := range map[string]bool{"/~/repo.git": true, "/~me/repo.git": true, "/~you/repo.git": false, "/%7Eme/repo.git": true, "/repo.git": true} {
		_, _, err := open(t, git.Options{URL: "ssh://git@" + server.Address + path, Auth: git.Auth{SSH: &git.SSH{KeyFile: userFile, KnownHostsFile: known}}}).Snapshot(t.Context(), "")
		if (err == nil) != read {
			t.Errorf("%s: %v", path, err)
		}
	}
}
