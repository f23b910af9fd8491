package line

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestAProvidersErrorIsCutBeforeAnAnswer(t *testing.T) {
	got := trimProviderError(`refresh failed, httpStatus: 400, message = {"AccessKeySecret":"canary"}`)
	if diff := cmp.Diff("refresh failed, httpStatus: 400, message =", got); diff != "" {
		t.Error(diff)
	}
}

func TestWaitingForATurnEndsWithTheContext(t *testing.T) {
	g := newCallLimiter(Options{RequestsPerSecond: 0.001, Burst: 1})
	if err := g.pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if err := g.pass(ctx); err == nil {
		t.Error("a second call passed, want the end of the context")
	}
}

func TestAMalformedProxysAddressIsNotShown(t *testing.T) {
	proxy := proxyOf(func(*http.Request) (*url.URL, error) {
		return nil, errors.New(`invalid proxy address "http://user:canary%zz@proxy": parse failed`)
	})
	if _, err := proxy(nil); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v", err)
	}
}
