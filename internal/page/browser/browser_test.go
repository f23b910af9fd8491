// Package browser tests the page in a real Chromium.
package browser

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"maps"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// patience bounds every wait; it is only ever used up by a failing test.
const patience = time.Minute

// chromium is the browser. A test without one is skipped; in CI that is a failure.
func chromium(t *testing.T) string {
	t.Helper()
	if os.Getenv("RECONCILER_AXE")+os.Getenv("RECONCILER_SCREENSHOTS") == "" {
		t.Skip("make e2e runs this")
	}
	for _, name := range []string{os.Getenv("RECONCILER_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); name != "" && err == nil {
			return path
		}
	}
	const missing = "Chromium is missing, so the page is not tested in a browser; install it: apt-get install chromium"
	if os.Getenv("CI") != "" {
		t.Fatal(missing)
	}
	t.Skip(missing)
	return ""
}

// tab is a tab of a browser.
type tab struct {
	context.Context
	t *testing.T
}

// starts is how often a browser is started until one stays up: now and then Chromium
// crashes before it shows anything, which says nothing about the page.
const starts = 4

// open starts a browser of that size.
func open(t *testing.T, width, height int) *tab {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(chromium(t)), chromedp.NoSandbox, chromedp.WindowSize(width, height))
	var failed error
	for range starts {
		allocated, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
		t.Cleanup(cancel)
		ctx, cancel := chromedp.NewContext(allocated)
		t.Cleanup(cancel)
		if failed = chromedp.Do(ctx); failed == nil {
			return &tab{ctx, t}
		}
		t.Logf("the browser did not start: %v", failed)
	}
	t.Fatal(failed)
	return nil
}

// another opens one more tab of the same browser.
func (tb *tab) another() *tab {
	tb.t.Helper()
	ctx, cancel := chromedp.NewContext(tb.Context)
	tb.t.Cleanup(cancel)
	return &tab{ctx, tb.t}
}

func (tb *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	if err := chromedp.Do(tb.Context); err != nil { // A tab is made without a time limit.
		tb.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(tb.Context, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		tb.t.Fatal(err)
	}
}

// eval is what an expression gives in the page; it may be a promise.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.Context, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		tb.t.Fatal(err)
	}
	return v
}

// await waits until an expression is true in the page.
func (tb *tab) await(expression string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.Context, patience)
	defer cancel()
	if _, err := chromedp.Run(ctx, chromedp.Poll[bool](expression)); err != nil {
		text, _ := chromedp.Run(tb.Context, chromedp.Evaluate[string]("document.body.innerText"))
		tb.t.Fatalf("%s: %v; the page shows:\n%s", expression, err, text)
	}
}

// signIn signs in with a token, as a person does.
func (tb *tab) signIn(url, token string) {
	tb.t.Helper()
	tb.do(chromedp.Navigate(url), chromedp.WaitVisible(chromedp.CSS(`input[name=token]`)), chromedp.SendKeys(chromedp.CSS(`input[name=token]`), token+"\r"),
		chromedp.WaitVisible(chromedp.CSS(`header nav ul`)))
}

// picture writes what the tab shows to a file, as small as PNG can.
func (tb *tab) picture(path string) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.Context, patience)
	defer cancel()
	data, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		tb.t.Fatal(err)
	}
	shown, err := png.Decode(bytes.NewReader(data))
	if err != nil {
		tb.t.Fatal(err)
	}
	var small bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&small, fewColors(shown)); err != nil {
		tb.t.Fatal(err)
	}
	if err := os.WriteFile(path, small.Bytes(), 0o644); err != nil {
		tb.t.Fatal(err)
	}
}

// fewColors is a picture in its 256 most frequent colours, which are nearly all.
func fewColors(shown image.Image) image.Image {
	counts := map[color.Color]int{}
	for y := range shown.Bounds().Dy() {
		for x := range shown.Bounds().Dx() {
			counts[shown.At(x, y)]++
		}
	}
	colors := slices.SortedFunc(maps.Keys(counts), func(a, b color.Color) int { return counts[b] - counts[a] })
	few := image.NewPaletted(shown.Bounds(), colors[:min(len(colors), 256)])
	draw.Draw(few, few.Rect, shown, image.Point{}, draw.Src)
	return few
}

// contextOf is the context that an action gets.
type contextOf = context.Context
