package browser

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestScreenshots writes the pictures of the documentation, of the demo that
// RECONCILER names, into the folder RECONCILER_SCREENSHOTS.
func TestScreenshots(t *testing.T) {
	folder, program := os.Getenv("RECONCILER_SCREENSHOTS"), os.Getenv("RECONCILER")
	if folder == "" || program == "" {
		t.Skip("run make screenshots")
	}
	d := startDemo(t, program)
	// Something to see: a step for a person, drift, and Vault without an answer.
	d.run("unbind", "web-github")
	tb := open(t, 1200, 800)
	tb.signIn(d.url, d.token)
	tb.await(`document.querySelector('.tile.s-wait') !== null`)
	for _, one := range []struct {
		name, path, scheme, language string
		width, height                int64
	}{
		{"waiting", "waiting", "light", "en", 1200, 640},
		{"chinese", "waiting", "light", "zh", 1200, 640},
		{"tokens", "tokens", "light", "en", 1200, 640},
		{"binding", "bindings/prod-hangzhou/payments-gitlab", "light", "en", 1200, 1400},
		{"syncs", "syncs", "dark", "en", 1200, 640},
		{"overview", "", "light", "en", 1200, 860},
		{"overview-dark", "", "dark", "en", 1200, 860},
		{"overview-phone", "", "light", "en", 390, 844},
		{"problems", "problems", "light", "en", 1200, 420},
	} {
		if one.name == "problems" {
			d.run("fail", "vault", "--for", "10m")
			tb.await(`document.querySelectorAll('.tile.s-False').length > 1`) // On the overview, which is still open.
		}
		tb.media(one.scheme)
		tb.language(one.language)
		tb.do(chromedp.EmulateViewport(one.width, one.height), chromedp.Navigate(d.url+one.path), chromedp.WaitVisible(chromedp.CSS("main h1, main .tiles")))
		tb.await(`document.getElementById('live').textContent !== ''`)
		tb.picture(filepath.Join(folder, one.name+".png"))
	}
}

// language switches to a language.
func (tb *tab) language(tag string) {
	tb.t.Helper()
	if eval[string](tb, "document.documentElement.lang") != tag {
		tb.do(chromedp.Click(chromedp.CSS(`button[lang=`+tag+`]`)), chromedp.WaitVisible(chromedp.CSS(`html[lang=`+tag+`] header nav`)))
	}
}

// demo is a running demo.
type demo struct {
	t                           *testing.T
	program, config, url, token string
}

// startDemo starts the demo, and waits until it has told its story.
func startDemo(t *testing.T, program string) *demo {
	t.Helper()
	out, in := io.Pipe()
	cmd := exec.CommandContext(t.Context(), program, "demo")
	cmd.Stdout, cmd.Stderr = in, in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Signal(os.Interrupt); _ = cmd.Wait() })
	d := &demo{t: t, program: program}
	finds := map[*string]*regexp.Regexp{
		&d.url: regexp.MustCompile(`(http://localhost:\d+/)`), &d.token: regexp.MustCompile(`Sign in with the token: (\S+)`), &d.config: regexp.MustCompile(`RECONCILER_CONFIG=(\S+)`),
	}
	for lines := bufio.NewScanner(out); lines.Scan(); {
		for value, find := range finds {
			if found := find.FindStringSubmatch(lines.Text()); found != nil {
				*value = found[1]
			}
		}
		if d.config != "" && d.url != "" && d.token != "" {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return d
		}
	}
	t.Fatal("the demo does not say where its page is")
	return nil
}

// run changes the demo's outside.
func (d *demo) run(args ...string) {
	d.t.Helper()
	cmd := exec.CommandContext(d.t.Context(), d.program, append([]string{"demo"}, args...)...)
	cmd.Env = append(os.Environ(), "RECONCILER_CONFIG="+d.config)
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("demo %q: %v: %s", args, err, out)
	}
}
