package port

import (
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"testing"

	_ "reconciler/internal/report" // The texts of errors.
)

func TestPlacesEndTheOldestOfWhomeverHasTheMost(t *testing.T) {
	t.Parallel()
	p := NewSlots(6, 3)
	var ended []string
	take := func(peer, name string) *Slot { return p.Acquire(peer, func() { ended = append(ended, name) }) }
	want := func(names ...string) {
		t.Helper()
		if !slices.Equal(ended, names) {
			t.Fatalf("ended %q, want %q", ended, names)
		}
	}
	first := take("a", "a1")
	take("a", "a2")
	held := take("a", "a3")
	want()
	take("a", "a4")
	want("a1")
	first.Release() // It is gone already.
	held.protect("Ada")
	take("a", "a5")
	want("a1", "a2")
	take("a", "a6")
	want("a1", "a2", "a4")
	take("b", "b1")
	last := take("c", "c1")
	take("d", "d1")
	want("a1", "a2", "a4")
	take("e", "e1")
	want("a1", "a2", "a4", "a5")
	last.Release()
	take("f", "f1")
	want("a1", "a2", "a4", "a5")
	take("g", "g1") // a has two, one of them held; the others one each.
	want("a1", "a2", "a4", "a5", "a6")
	if n := p.Taken(); n != 6 {
		t.Errorf("%d places taken, want 6", n)
	}
}

// TestThereIsAlwaysRoom: whoever holds as much as they can, under as many names
// and from as many addresses, a newcomer gets a slot and nobody has too many.
func TestThereIsAlwaysRoom(t *testing.T) {
	t.Parallel()
	p := NewSlots(64, 16)
	ended := 0
	for i := range 2000 {
		slot := p.Acquire(fmt.Sprintf("peer %d", i%7), func() { ended++ })
		slot.protect(fmt.Sprintf("name %d", i%50))
		if i%3 == 0 {
			slot.Release()
		}
		if n := p.Taken(); n > 64 {
			t.Fatalf("%d places taken", n)
		}
		for peer, n := range p.count() {
			if n > 16 {
				t.Fatalf("%s has %d places", peer, n)
			}
		}
	}
	if ended == 0 {
		t.Error("no place ended")
	}
}

func TestAPeerIsCountedByItsNetwork(t *testing.T) {
	t.Parallel()
	for remote, want := range map[string]string{
		"192.0.2.1:5": "192.0.2.1", "[::ffff:192.0.2.1]:5": "192.0.2.1", "[2001:db8::1]:5": "2001:db8::/64", "[2001:db8::2%eth0]:5": "2001:db8::/64",
		"[2001:db8:0:1::2]:5": "2001:db8:0:1::/64", "@": "an unknown address", "": "an unknown address",
	} {
		if got := Peer(remote); got != want {
			t.Errorf("%q counts as %q, want %q", remote, got, want)
		}
	}
}

func TestAConnectionTooManyClosesTheOldest(t *testing.T) {
	t.Parallel()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	shared := shareAmong(l, nil, NewSlots(4, 2))
	var outside, inside []net.Conn
	for range 3 {
		c, err := new(net.Dialer).DialContext(t.Context(), "tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		in, err := shared.Accept()
		if err != nil {
			t.Fatal(err)
		}
		outside, inside = append(outside, c), append(inside, in)
	}
	if _, err := outside[0].Read(make([]byte, 1)); err != io.EOF { //nolint:errorlint // Read gives it as it is.
		t.Errorf("the oldest: %v", err)
	}
	release := Protect(ConnContext(context.Background(), inside[1]), "Ada")
	release()
	for i := 1; i < 3; i++ {
		if _, err := inside[i].Write([]byte("x")); err != nil {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	if err := inside[2].Close(); err != nil {
		t.Error(err)
	}
	if got := shared.(*listener).slots.Taken(); got != 1 {
		t.Errorf("%d places taken, want 1", got)
	}
	Protect(context.Background(), "Ada")()
}
