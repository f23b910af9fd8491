package page_test

import (
	"bufio"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/page/pagetest"
	"reconciler/internal/report"
)

// identifiers are those of messages without words, and what html/template writes
// for an unsafe value.
var identifiers = regexp.MustCompile(`\bpage\.[a-z][a-z.-]*|ZgotmplZ`)

func TestEveryPageShowsWhatItIsFor(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.Full())
	s.signIn(pagetest.ReadToken)
	for path, texts := range map[string][]string{
		"":                                       {"payments-gitlab", "ConfigurationCurrent", "the key was refused", "suspended"},
		"?q=PAYMENTS%2Fapi&platform=github":      {"site-github", "1 to 1 of 1"},
		"?not-ready&instance=prod-hangzhou":      {"ledger-gitlab", "1 to 1 of 1"},
		"?waiting":                               {"site-github", "1 to 1 of 1"},
		"?reason=FileBroken":                     {"ledger-gitlab", "1 to 1 of 1"},
		"?q=none-of-them&page=7":                 {"No binding matches."},
		"waiting":                                {"Authorize the account", "overdue since", "ci-bot", "Grace Hopper", "Alan Turing", "waiting/edge-shanghai/site-github"},
		"waiting/edge-shanghai/site-github":      {`id="step-account"`, "2026-11-26 12:00:00 UTC"},
		"waiting/prod-hangzhou/payments-gitlab":  {"Done. Nothing waits here."},
		"tokens":                                 {"<svg", "<desc", "2026-12-19", "20 days", "over"},
		"syncs":                                  {"Ada Lovelace", "1.3s", "1 failed", "token version", "the registry does not answer"},
		"syncs?instance=edge-shanghai":           {"80ms"},
		"problems":                               {"no answer within 10s", "not YAML", "ledger-gitlab", "New commits are not seen", "Mend it.", "server.listen cannot change"},
		"bindings/prod-hangzhou/payments-gitlab": {"payments/other", "somebody-else", "401 token is expired", "7D1E-55", "rel=\"noopener noreferrer\"", "a look around", "bindings/payments-gitlab.yaml", ":4"},
	} {
		s.shows(path, texts...)
		if body := s.shows(path); identifiers.MatchString(strings.ReplaceAll(body, "assets/page.", "")) {
			t.Errorf("/%s shows an identifier instead of words, or has something unsafe: %.200s", path, strings.Join(identifiers.FindAllString(body, 5), " "))
		}
	}
	for _, path := range []string{"bindings/prod-hangzhou/nobody", "waiting/nowhere/payments-gitlab", "v2"} {
		if resp, _ := s.get(path); resp.StatusCode != http.StatusNotFound {
			t.Errorf("/%s: %s", path, resp.Status)
		}
	}
}

func TestThePageSpeaksTheReadersLanguage(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.Full())
	s.signIn(pagetest.ReadToken)
	for accept, want := range map[string]string{"zh-CN,zh;q=0.9,en;q=0.8": `lang="zh"`, "fr, zh;q=0.5": `lang="zh"`, "fr": `lang="en"`, "en-US": `lang="en"`, "not a list;;": `lang="en"`} {
		if resp, body := s.get("tokens", "Accept-Language", accept); !strings.Contains(body, want) || !strings.Contains(want, resp.Header.Get("Content-Language")) {
			t.Errorf("%s: want %s", accept, want)
		}
	}
	if _, body := s.send(http.MethodPost, "language", url.Values{"language": {"zh"}, "next": {"tokens"}}); !strings.Contains(body, "按最后一天排列的令牌") {
		t.Error("the chosen language is not used")
	}
}

func TestHeadersKeepAPageFromBeingUsedByOthers(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.Full())
	for _, path := range []string{"login", "assets/page.css", "assets/page.js", "waiting", "nothing"} {
		resp, body := s.get(path)
		csp := resp.Header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"} {
			if !strings.Contains(csp, part) || strings.Contains(csp, "unsafe") {
				t.Errorf("/%s: the policy is %q", path, csp)
			}
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Cache-Control") == "" {
			t.Errorf("/%s: headers %v", path, resp.Header)
		}
		if strings.Contains(body, "<style") || strings.Contains(body, " style=") || strings.Contains(body, "<script>") {
			t.Errorf("/%s has a script or a style in it", path)
		}
	}
}

func mustParse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestHostileTextStaysText puts text wherever a text can be, and looks at the
// elements and attributes of each page.
func TestHostileTextStaysText(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"a script": `<script>alert(1)</script>`, "an attribute": `"><img src=x onerror=alert(1)>`, "single quotes": `' onfocus='alert(1)`, "an address": "javascript:alert(1)//",
		"a data address": "data:text/html,<script>alert(1)</script>", "a template": `{{.Root}}{{template "x"}}`, "direction": "\u202egpj.exe\u2066", "control": "\x00\x1b[2J\r\nSet-Cookie: x=1",
		"not UTF-8": "\xff\xfe<b>", "long": strings.Repeat("ab<c>", 2000), "empty": "", "a way out": "../../../login", "a comment": "--><!--", "CSS": "</style>*{display:none}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, pagetest.Hostile(text))
			s.signIn(pagetest.ReadToken)
			_, first := s.get("")
			for _, path := range append(links(t, first), "", "waiting", "tokens", "syncs", "problems") {
				if len(path) > 4<<10 {
					continue // No browser sends it, and no server takes it.
				}
				resp, body := s.get(path)
				if resp.StatusCode == http.StatusInternalServerError {
					t.Errorf("/%.80s: %s", path, resp.Status)
				}
				inspect(t, path, body)
			}
		})
	}
}

// links are the pages of bindings that a page leads to.
func links(t *testing.T, body string) (all []string) {
	t.Helper()
	each(t, body, func(n *html.Node) {
		for _, a := range n.Attr {
			if rest, ok := strings.CutPrefix(a.Val, "./"); ok && a.Key == "href" && (strings.HasPrefix(rest, "bindings/") || strings.HasPrefix(rest, "waiting/")) {
				all = append(all, rest)
			}
		}
	})
	return all
}

func each(t *testing.T, body string, see func(*html.Node)) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			see(n)
		}
	}
}

// inspect fails where a page has an element or an attribute that no template has.
func inspect(t *testing.T, path, body string) {
	t.Helper()
	for _, r := range []rune{'\u202e', '\u2066', '\x1b', '\x00'} {
		if strings.ContainsRune(body, r) {
			t.Errorf("/%.80s has the character %U", path, r)
		}
	}
	each(t, body, func(n *html.Node) {
		switch n.Data {
		case "img", "iframe", "object", "embed", "style", "base", "b-", "c":
			t.Errorf("/%.80s has an element %s", path, n.Data)
		case "script":
			if n.FirstChild != nil {
				t.Errorf("/%.80s has a script", path)
			}
		}
		for _, a := range n.Attr {
			address := a.Key == "href" || a.Key == "src" || a.Key == "action"
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || address && !harmless(a.Val) {
				t.Errorf("/%.80s has %s=%.80q", path, a.Key, a.Val)
			}
			if a.Key == "target" && !strings.Contains(attr(n, "rel"), "noopener") {
				t.Errorf("/%.80s opens a tab that can reach back", path)
			}
		}
	})
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

// harmless says that an address is one of ours, or of a site.
func harmless(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "" && u.Host == "" && !strings.HasPrefix(address, "/") || u.Scheme == "https" || u.Scheme == "http")
}

func TestOnlySitesAreLinks(t *testing.T) {
	t.Parallel()
	for address, link := range map[string]bool{
		"https://gitlab.example.com": true, "http://gitlab.example.com:8080": true, "javascript:alert(1)": false, "https://user:pw@gitlab.example.com": false, "ftp://x": false, "https:": false,
	} {
		w := pagetest.NewWorld()
		w.Bindings[0].Spec.Address = address
		s := serve(t, w)
		s.signIn(pagetest.ReadToken)
		if body := s.shows("bindings/prod-hangzhou/payments-gitlab"); strings.Contains(body, `target="_blank"`) != link {
			t.Errorf("%s: want a link: %v", address, link)
		}
	}
}

func TestALinkOnAnotherSiteIsFollowed(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	_, body := s.get("waiting/a/b?x=1", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate")
	if !strings.Contains(body, `<meta http-equiv="refresh" content="0; url=./../../waiting/a/b?x=1">`) {
		t.Errorf("got %s", body)
	}
}

func TestThePageFollows(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	s.signIn(pagetest.ReadToken)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+"live", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	lines := bufio.NewScanner(resp.Body)
	if resp.Header.Get("Content-Type") != "text/event-stream" || !lines.Scan() {
		t.Fatalf("the stream begins with %v", resp.Header)
	}
	w := s.World
	w.AddEvent()
	for lines.Scan() && lines.Text() != "event: news" {
	}
	w.Do(func() { delete(w.Tokens, pagetest.ReadToken) })
	w.AddEvent()
	for lines.Scan() && lines.Text() != "event: end" {
	}
	if lines.Text() != "event: end" || lines.Err() != nil {
		t.Errorf("the stream ends with %q, %v", lines.Text(), lines.Err())
	}
}

func TestAPageThatDidNotChangeIsNotSentAgain(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	s.signIn(pagetest.ReadToken)
	s.Do(func() { s.Now = s.Now.Add(10 * time.Second) })
	resp, _ := s.get("")
	tag := resp.Header.Get("ETag")
	s.Do(func() { s.Now = s.Now.Add(5 * time.Second) })
	if resp, body := s.get("", "If-None-Match", tag); resp.StatusCode != http.StatusNotModified || body != "" {
		t.Errorf("the same page: %s", resp.Status)
	}
	s.Do(func() {
		s.Bindings[0].Conditions = []binding.Condition{{Type: binding.Ready, Status: binding.False, Reason: "New", Message: message.Verbatim("new")}}
	})
	if resp, _ := s.get("", "If-None-Match", tag); resp.StatusCode != http.StatusOK {
		t.Errorf("another page: %s", resp.Status)
	}
}

func TestWhatIsNotKnownNowIsNotCalledMissing(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.NewWorld())
	s.signIn(pagetest.ReadToken)
	for _, why := range []string{"the first sync has not ended yet", "the journal cannot be read: canary-secret"} {
		s.Do(func() { s.DescribeErr = errors.New(why) })
		resp, body := s.get("bindings/prod-hangzhou/payments-gitlab")
		if resp.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "does not know this now") || strings.Contains(body, "canary") {
			t.Errorf("%s: %s, %s", why, resp.Status, body)
		}
	}
}

// TestPeopleSeeShortCommits looks at the text of every page.
func TestPeopleSeeShortCommits(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.Full())
	s.signIn(pagetest.ReadToken)
	long := regexp.MustCompile(`[0-9a-f]{9,}`)
	for _, path := range []string{"", "waiting", "tokens", "syncs", "problems", "bindings/prod-hangzhou/payments-gitlab", "bindings/edge-shanghai/site-github"} {
		_, body := s.get(path)
		each(t, body, func(n *html.Node) {
			if c := n.FirstChild; c != nil && c.Type == html.TextNode && long.MatchString(c.Data) {
				t.Errorf("/%s shows %q", path, c.Data)
			}
		})
	}
}

func TestNoTwoElementsHaveOneID(t *testing.T) {
	t.Parallel()
	w := pagetest.Full()
	w.Bindings = append(w.Bindings, pagetest.Waiting("another", "edge-shanghai"), pagetest.Waiting("a-third", "prod-hangzhou"))
	s := serve(t, w)
	s.signIn(pagetest.ReadToken)
	for _, path := range []string{"", "waiting", "waiting/edge-shanghai/another", "tokens", "syncs", "problems", "bindings/prod-hangzhou/payments-gitlab"} {
		seen := map[string]bool{}
		_, body := s.get(path)
		each(t, body, func(n *html.Node) {
			id := attr(n, "id")
			if id != "" && seen[id] {
				t.Errorf("/%s has two elements with the id %s", path, id)
			}
			seen[id] = true
		})
	}
}

func TestAnInstancesConditionIsInTheReadersLanguage(t *testing.T) {
	t.Parallel()
	w := pagetest.NewWorld()
	w.ProblemReport.Instances = []report.InstanceCondition{{Instance: "prod-hangzhou", ConditionObject: report.ConditionObject{
		Type: "CredentialsValid", Status: binding.False, Reason: "Refused", ID: "page.no-match", Message: "No binding matches.",
	}}}
	s := serve(t, w)
	s.signIn(pagetest.ReadToken)
	for _, path := range []string{"", "problems"} {
		if _, body := s.get(path, "Accept-Language", "zh"); strings.Contains(body, "No binding matches.") {
			t.Errorf("/%s shows it in English", path)
		}
	}
}

func TestLongListsArePagedOrCut(t *testing.T) {
	t.Parallel()
	w := pagetest.Many(0)
	for n := range 1000 {
		w.Bindings = append(w.Bindings, pagetest.Waiting(fmt.Sprintf("binding-%04d", n), "prod-hangzhou"))
	}
	for n := range 100 {
		f := report.BrokenFile{File: fmt.Sprintf("file-%d.yaml", n)}
		for _, s := range w.Bindings {
			f.Holds = append(f.Holds, report.HeldBinding{Name: s.Name, Instance: s.Spec.Instance})
		}
		w.ProblemReport.BrokenFiles = append(w.ProblemReport.BrokenFiles, f)
	}
	s := serve(t, w)
	s.signIn(pagetest.ReadToken)
	for path, texts := range map[string][]string{"waiting?page=10": {"binding-0999", "901 to 1000 of 1000"}, "problems": {"binding-0000", "990 more"}} {
		if body := s.shows(path, texts...); len(body) > 400<<10 {
			t.Errorf("/%s has %d bytes", path, len(body))
		}
	}
}

func TestFiveThousandBindingsArePaged(t *testing.T) {
	t.Parallel()
	s := serve(t, pagetest.Many(5000))
	s.signIn(pagetest.ReadToken)
	body := s.shows("?page=50", "binding-04999", "4901 to 5000 of 5000", `rel="prev"`)
	if len(body) > 200<<10 {
		t.Errorf("a page has %d bytes", len(body))
	}
	s.shows("tokens?page=2", "101 to 200 of 5000")
}
