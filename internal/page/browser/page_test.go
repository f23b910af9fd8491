package browser

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/page/pagetest"
)

// everyPage are the addresses of all pages of a full world.
var everyPage = []string{
	"", "?not-ready&platform=gitlab", "waiting", "waiting/edge-shanghai/site-github", "tokens", "syncs", "problems", "bindings/prod-hangzhou/payments-gitlab", "nothing/here",
}

// localhost is the address by the name for which browsers keep secure cookies.
func localhost(url string) string { return strings.Replace(url, "127.0.0.1", "localhost", 1) }

func TestE2EAxeFindsNothing(t *testing.T) {
	axe, err := os.ReadFile(filepath.Join(os.Getenv("RECONCILER_AXE")))
	if err != nil {
		t.Skipf("axe-core is missing, so accessibility is not checked: %v; run make e2e", err)
	}
	w := pagetest.Full()
	url := w.Serve(t)
	tb := open(t, 1280, 900)
	tb.do(chromedp.Navigate(url))
	tb.axe(string(axe), "login")
	tb.signIn(url, pagetest.ReadToken)
	for _, scheme := range []string{"light", "dark"} {
		tb.media(scheme)
		for _, path := range everyPage {
			tb.do(chromedp.Navigate(url + path))
			tb.axe(string(axe), scheme+" /"+path)
		}
	}
	tb.do(chromedp.EmulateViewport(360, 740))
	for _, path := range everyPage {
		tb.do(chromedp.Navigate(url + path))
		tb.axe(string(axe), "phone /"+path)
	}
}

// media has the browser prefer a colour scheme.
func (tb *tab) media(scheme string) {
	tb.t.Helper()
	tb.do(chromedp.Func(func(ctx contextOf, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	}))
}

// axe fails for what axe-core finds on a page.
func (tb *tab) axe(script, where string) {
	tb.t.Helper()
	type violation struct {
		ID, Help string
		Nodes    []struct{ HTML, FailureSummary string }
	}
	eval[bool](tb, script+";true")
	found := eval[[]violation](tb, `axe.run(document, {resultTypes: ['violations']}).then(r => r.violations.map(v => ({ID: v.id, Help: v.help, Nodes: v.nodes.map(n => ({HTML: n.html.slice(0, 200), FailureSummary: n.failureSummary}))})))`)
	for _, v := range found {
		nodes, _ := json.MarshalIndent(v.Nodes[:min(len(v.Nodes), 3)], "", " ")
		tb.t.Errorf("%s: %s: %s: %s", where, v.ID, v.Help, nodes)
	}
}

func TestE2EThePageFollowsWhatHappens(t *testing.T) {
	w := pagetest.NewWorld()
	url := w.Serve(t)
	tb := open(t, 1280, 900)
	tb.signIn(localhost(url), pagetest.ReadToken)
	tb.await(`document.getElementById('live').textContent.startsWith('Live')`)
	tb.do(chromedp.Focus(chromedp.CSS(`a[href="./bindings/prod-hangzhou/payments-gitlab"]`)))
	w.Do(func() {
		w.Bindings[0].Conditions[0] = binding.Condition{Type: binding.Ready, Status: binding.False, Reason: "TokenExpired", Message: message.Verbatim("the token has expired")}
	})
	w.AddEvent()
	tb.await(`document.querySelector('table').textContent.includes('TokenExpired')`)
	if at := eval[string](tb, `document.activeElement.textContent`); at != "payments-gitlab" {
		t.Errorf("after an update the focus is at %q", at)
	}
	// Nothing changes: the page is not sent again, and says until when it is true.
	w.AddEvent()
	tb.await(`/^[-0-9]{10} [:0-9]{8} UTC$/.test(document.querySelector('.foot time').textContent) && document.querySelector('.foot time').textContent !== '2026-11-29 12:00:00 UTC'`)
	// The session ends on the server's side: the page asks to sign in.
	w.Do(func() { delete(w.Tokens, pagetest.ReadToken) })
	w.AddEvent()
	tb.do(chromedp.WaitVisible(chromedp.CSS("input[name=token]")))
}

func TestE2ESevenTabsAllFollow(t *testing.T) {
	w := pagetest.NewWorld()
	url := w.Serve(t)
	first := open(t, 1280, 900)
	first.signIn(localhost(url), pagetest.ReadToken)
	tabs := []*tab{first}
	for range 8 {
		one := first.another()
		one.do(chromedp.Navigate(localhost(url)), chromedp.WaitVisible(chromedp.CSS("header nav ul")))
		tabs = append(tabs, one)
	}
	first.await(`document.getElementById('live').textContent !== ''`)
	w.Do(func() { w.Bindings[0].Conditions[0].Reason = "SomethingNew" })
	w.AddEvent()
	visible := 0
	for i, one := range tabs {
		if eval[bool](one, "!document.hidden") {
			visible++
		}
		one.await(fmt.Sprintf(`document.hidden || document.body.textContent.includes('SomethingNew') /* %d */`, i))
	}
	if visible < 7 {
		t.Errorf("only %d tabs are visible, which proves nothing", visible)
	}
}

func TestE2EThePageWorksWithoutJavaScript(t *testing.T) {
	w := pagetest.Full()
	url := w.Serve(t)
	tb := open(t, 1280, 900)
	tb.do(chromedp.Func(func(ctx contextOf, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
	tb.signIn(url, pagetest.ReadToken)
	tb.do(
		chromedp.SendKeys(chromedp.CSS("input[name=q]"), "github\r"), chromedp.WaitNotPresent(chromedp.CSS(`a[href$="/payments-gitlab"]`)),
		chromedp.Click(chromedp.CSS(`table a[href$="/site-github"]`)), chromedp.WaitVisible(chromedp.CSS("#conditions")),
		chromedp.Click(chromedp.CSS(`button[lang=zh]`)), chromedp.WaitVisible(chromedp.CSS(`html[lang=zh] #conditions`)),
		chromedp.Click(chromedp.CSS(`form[action$=logout] button`)), chromedp.WaitVisible(chromedp.CSS("input[name=token]")),
		chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("input[name=token]")),
	)
}

// TestE2EALinkFromElsewhereArrives follows a link on another site: a strict cookie
// does not come along, and the page gets it nevertheless.
func TestE2EALinkFromElsewhereArrives(t *testing.T) {
	w := pagetest.Full()
	url := localhost(w.Serve(t))
	elsewhere := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(rw, `<a href="%swaiting/edge-shanghai/site-github">a step for you</a><form method="post" action="%slogout"><button>Win</button></form>`, url, url)
	}))
	t.Cleanup(elsewhere.Close)
	tb := open(t, 1280, 900)
	tb.signIn(url, pagetest.ReadToken)
	tb.do(chromedp.Navigate(elsewhere.URL), chromedp.Click(chromedp.CSS("a")), chromedp.WaitVisible(chromedp.CSS(".todo")))
	// A form there signs nobody out.
	tb.do(chromedp.Navigate(elsewhere.URL), chromedp.Click(chromedp.CSS("button")), chromedp.WaitVisible(chromedp.CSS("main h1")),
		chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS("header nav ul")))
}

func TestE2EThePageFitsAPhone(t *testing.T) {
	w := pagetest.Hostile(strings.Repeat("a-name-without-end", 100))
	url := w.Serve(t)
	tb := open(t, 1280, 900)
	tb.do(chromedp.EmulateViewport(360, 740))
	tb.signIn(url, pagetest.ReadToken)
	for _, path := range everyPage {
		tb.do(chromedp.Navigate(url + path))
		if over := eval[int](tb, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			t.Errorf("/%s is %d pixels wider than the screen: %q", path, over, eval[[]string](tb, `[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth && !e.closest('.scroll')).map(e => e.outerHTML.slice(0, 120)).slice(0, 4)`))
		}
	}
}

func TestE2EHostileNamesStayText(t *testing.T) {
	for i, text := range []string{
		`<script>document.title='pwned'</script>`, `"><img src=x onerror="document.title='pwned'">`, `'-document.title='pwned'-'`, `{{.}}</style><svg onload="document.title='pwned'">`,
		"javascript:document.title='pwned'", "\u202egnp.exe\u2066 \x1b[31mred",
	} {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			w := pagetest.Hostile(text)
			url := w.Serve(t)
			tb := open(t, 1280, 900)
			tb.signIn(url, pagetest.ReadToken)
			links := eval[[]string](tb, `[...document.querySelectorAll('table th a')].map(a => a.href)`)
			if len(links) == 0 {
				t.Fatal("no binding is listed")
			}
			for _, path := range []string{url, url + "waiting", url + "tokens", url + "syncs", url + "problems", links[0]} {
				tb.do(chromedp.Navigate(path))
				if title := eval[string](tb, `document.title`); title == "pwned" {
					t.Errorf("%s runs a foreign script", path)
				}
				if n := eval[int](tb, `document.querySelectorAll('img, iframe, object, script:not([src$="assets/page.js"]), a[href^="javascript:"], [onload], [onerror]').length`); n > 0 {
					t.Errorf("%s has %d foreign elements", path, n)
				}
			}
		})
	}
}

func TestE2EFiveThousandBindingsOpenInASecond(t *testing.T) {
	w := pagetest.Many(5000)
	url := w.Serve(t)
	tb := open(t, 1280, 900)
	tb.signIn(url, pagetest.ReadToken)
	best := time.Hour
	for range 5 {
		tb.do(chromedp.Navigate(url))
		tb.await(`performance.getEntriesByName('first-contentful-paint').length > 0`)
		paint := eval[float64](tb, `performance.getEntriesByName('first-contentful-paint')[0].startTime`)
		best = min(best, time.Duration(paint*float64(time.Millisecond)))
	}
	t.Logf("first paint with 5,000 bindings: %s", best.Round(time.Millisecond))
	if best > time.Second {
		t.Errorf("the first paint takes %s", best)
	}
}
