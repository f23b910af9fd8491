package manifest_test

import (
	"strings"
	"testing"

	"reconciler/internal/manifest"
	"reconciler/internal/message"
	_ "reconciler/internal/report" // The texts of messages.
)

func TestSuggestion(t *testing.T) {
	t.Parallel()
	known := []string{"address", "username", "repositories", "token"}
	for _, tt := range []struct{ wrong, want string }{
		{"addresz", "; did you mean address?"},
		{"Address", "; did you mean address?"},
		{"usrename", "; did you mean username?"},
		{"repos", ""},
		{"tokn", "; did you mean token?"},
		{"", ""},
		{strings.Repeat("a", 65), ""},
		{"支付", ""},
	} {
		if got := message.English(manifest.Suggestion(tt.wrong, known)); got != tt.want {
			t.Errorf("%q: %q, want %q", tt.wrong, got, tt.want)
		}
	}
}
