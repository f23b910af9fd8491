package cli

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"reconciler/internal/config"
	"reconciler/internal/engine"
)

// TestThreatDemoSocketRedirectsOnlyTheDemo: a configuration that is not a demo's
// may have a file named demo.sock next to it. It chooses neither where connections
// to code hosts go nor which certificates they trust.
func TestThreatDemoSocketRedirectsOnlyTheDemo(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such modes")
	}
	demo := map[string]string{"gitlab.example.com:443": "127.0.0.1:7", "git.example.org:8929": "127.0.0.1:8"}
	for name, tt := range map[string]struct {
		mode  os.FileMode
		link  bool
		dial  map[string]string
		taken bool
	}{
		"a demo":                    {0o700, false, demo, true},
		"a folder that others read": {0o755, false, demo, false},
		"a folder that all write":   {0o777, false, demo, false},
		"a link to a socket":        {0o700, true, demo, false},
		"another code host":         {0o700, false, map[string]string{"git.corp.internal:443": "127.0.0.1:7"}, false},
		"one host more":             {0o700, false, map[string]string{"gitlab.example.com:443": "127.0.0.1:7", "github.com:443": "127.0.0.1:7"}, false},
		"another machine":           {0o700, false, map[string]string{"gitlab.example.com:443": "203.0.113.7:443"}, false},
		"a name":                    {0o700, false, map[string]string{"gitlab.example.com:443": "evil.example.net:443"}, false},
		"no host":                   {0o700, false, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			folder, err := os.MkdirTemp("", "d") //nolint:usetesting // The name of a socket has at most 108 characters.
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(folder) })
			path := filepath.Join(folder, demoSocket)
			if tt.link {
				path = filepath.Join(folder, "elsewhere")
				if err := os.Symlink(path, filepath.Join(folder, demoSocket)); err != nil {
					t.Fatal(err)
				}
			}
			l, err := new(net.ListenConfig).Listen(t.Context(), "unix", path)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = l.Close() })
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					var asked demoRequest
					_ = json.NewDecoder(conn).Decode(&asked)
					_ = json.NewEncoder(conn).Encode(demoAnswer{Dial: tt.dial, Certificate: "none"})
					_ = conn.Close()
				}
			}()
			if err := os.Chmod(folder, tt.mode); err != nil {
				t.Fatal(err)
			}
			var cfg config.Config
			cfg.CodeHosts.UnsafeAllowPrivateAddresses = true
			var options engine.Options
			allowDemoSites(t.Context(), filepath.Join(folder, "reconciler.yaml"), cfg, &options)
			if taken := options.Dial != nil || options.RootCAs != nil; taken != tt.taken {
				t.Errorf("taken: %v, want %v: %v", taken, tt.taken, options.Dial)
			}
		})
	}
}
