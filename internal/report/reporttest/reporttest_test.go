package reporttest_test

import (
	"testing"

	"reconciler/internal/message"
	"reconciler/internal/report/reporttest"
)

func TestEnglishBesidesTheCatalogueIsFound(t *testing.T) {
	l := reporttest.Pseudo(t)
	for _, c := range []struct {
		m    message.Message
		want string
	}{
		{message.New("reason.of-rule", "rule", "drift", "why", "it was not asked"), "it was"},
		{message.New("plan.of", "name", "web", "text", message.New("reason.and", "first", "the token ends", "second", "x")), "the token"},
		{message.New("list", "items", []message.Message{message.New("verbatim", "text", "no answer came")}), "no answer"},
		{message.New("plan.of", "name", "web", "text", message.Verbatim("connection refused by peer")), ""},
		{message.New("condition.bound"), ""},
	} {
		if got := reporttest.English(l, c.m); got != c.want {
			t.Errorf("%v: found %q, want %q", c.m, got, c.want)
		}
	}
}
