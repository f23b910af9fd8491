package cli

import (
	"errors"
	"os/user"
	"testing"
)

func TestAUserWithoutANameIsNamedByNumber(t *testing.T) {
	t.Parallel()
	unknown := errors.New("user: unknown userid 65532")
	for name, tt := range map[string]struct {
		me   *user.User
		err  error
		uid  int
		want string
	}{
		"a name":                 {&user.User{Username: "ada"}, nil, 1000, "ada"},
		"no entry":               {nil, unknown, 65532, "uid 65532"},
		"an entry without name":  {&user.User{}, nil, 65532, "uid 65532"},
		"no entry and no number": {nil, unknown, -1, ""},
	} {
		got, err := nameOf(tt.me, tt.err, tt.uid)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s: got %q, %v; want %q", name, got, err, tt.want)
		}
	}
}
