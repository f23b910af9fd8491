package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestADeliveryIsAcceptedOnce(t *testing.T) {
	for kind, header := range map[Kind]string{
		GitHub: "X-GitHub-Delivery", GitLab: "Idempotency-Key", Bitbucket: "X-Request-UUID", Generic: "",
	} {
		t.Run(string(kind), func(t *testing.T) {
			url := atExample
			name := string(kind) + "-push"
			if kind == Bitbucket {
				url = atBitbucket
			}
			if kind == Generic {
				name = "generic"
			}
			p := newWorld(t, at(url, "refs/heads/other"))
			body := fixture(t, name)
			headers := sign(kind, testSecret, body, p.clock())
			if header != "" {
				headers[header] = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
			}
			send := func(want int) {
				t.Helper()
				if status, _ := p.send(string(kind), body, headers); status != want {
					t.Errorf("status %d, want %d\n%s", status, want, p.logged())
				}
			}
			// What moved nothing may come again: somebody mends the
			// configuration, and has the host send it once more.
			send(http.StatusOK)
			p.settings.Source.Ref = branch
			p.apply()
			send(http.StatusAccepted)
			send(http.StatusOK)
			p.apply() // A reload forgets no delivery.
			send(http.StatusOK)
			if n := len(p.received()); n != 1 || !strings.Contains(p.logged(), "accepted before") {
				t.Errorf("%d pushes from one delivery\n%s", n, p.logged())
			}
			if header != "" {
				headers[header] = "another"
				send(http.StatusAccepted)
				return
			}
			p.pass(time.Second)
			headers = sign(kind, testSecret, body, p.clock())
			send(http.StatusAccepted)
			// Upper-case digits are the same signature.
			headers["X-Reconciler-Signature"] = "sha256=" + strings.ToUpper(strings.TrimPrefix(headers["X-Reconciler-Signature"], "sha256="))
			send(http.StatusOK)
		})
	}
}

func TestTheClocksMayDifferByFiveMinutes(t *testing.T) {
	for _, skew := range []time.Duration{-window, 0, window} {
		p := newWorld(t)
		body := fixture(t, "generic")
		headers := sign(Generic, testSecret, body, p.clock())
		p.pass(skew)
		if status, _ := p.send("generic", body, headers); status != http.StatusAccepted {
			t.Errorf("with clocks %s apart: status %d\n%s", skew, status, p.logged())
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var m memory
	for i := range 3 * maxRemembered {
		if !m.add(strconv.Itoa(i)) {
			t.Fatalf("%d was known", i)
		}
	}
	if len(m.known) != maxRemembered || len(m.order) != maxRemembered {
		t.Errorf("%d and %d remembered, want %d", len(m.known), len(m.order), maxRemembered)
	}
	if m.add(strconv.Itoa(3*maxRemembered-1)) || m.add(strconv.Itoa(2*maxRemembered)) || !m.add("0") {
		t.Error("not the last ones are remembered")
	}
	for range 2 {
		if !m.add("") {
			t.Error("an empty id is remembered")
		}
	}
}
