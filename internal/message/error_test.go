package message_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/message"
)

func TestErrorsBecomeMessages(t *testing.T) {
	t.Parallel()
	lost, foreign := message.NewError("lost"), errors.New("reset by peer")
	both := message.NewError("both", "first", lost, "second", foreign, "n", 3)
	for name, c := range map[string]struct {
		err  error
		want message.Message
	}{
		"nothing":       {nil, message.Message{}},
		"foreign":       {foreign, message.Verbatim("reset by peer")},
		"ours":          {lost, message.New("lost")},
		"with causes":   {both, message.New("both", "first", message.New("lost"), "second", message.Verbatim("reset by peer"), "n", 3)},
		"joined":        {errors.Join(lost, foreign), message.New("list", "items", []message.Message{message.New("lost"), message.Verbatim("reset by peer")})},
		"wrapped":       {fmt.Errorf("read: %w", foreign), message.Verbatim("read: reset by peer")},
		"wrapped twice": {fmt.Errorf("%w: %w", foreign, foreign), message.Verbatim("reset by peer: reset by peer")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, message.FromError(c.err)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if !errors.Is(both, lost) || !errors.Is(both, foreign) || both.Error() == "" {
		t.Errorf("%q does not wrap its causes", both)
	}
}
