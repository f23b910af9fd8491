package webhook

import (
	"strings"
	"testing"
)

func TestParseRepository(t *testing.T) {
	want := repository{host: "git.example.com", path: "platform/bindings"}
	for _, raw := range []string{
		"https://git.example.com/platform/bindings",
		"https://git.example.com/platform/bindings.git",
		"https://git.example.com/platform/bindings.git/",
		"https://git.example.com//platform//bindings/",
		"https://GIT.Example.COM/platform/bindings",
		"https://git.example.com./platform/bindings",
		"HTTPS://git.example.com/platform/bindings",
		"https://git.example.com:443/platform/bindings",
		"http://git.example.com:80/platform/bindings.git",
		"ssh://git@git.example.com/platform/bindings.git",
		"ssh://git@git.example.com:22/platform/bindings.git",
		"git+ssh://git@git.example.com/platform/bindings.git",
		"git://git.example.com:9418/platform/bindings.git",
		"git@git.example.com:platform/bindings.git",
		"git@git.example.com:/platform/bindings.git",
		"git.example.com:platform/bindings",
		"git.example.com/platform/bindings",
		"git.example.com:443/platform/bindings",
		"https://oauth2:token@git.example.com/platform/bindings.git",
		"https://git.example.com/platform/bindings?ref=x#top",
		"https://git.example.com/%70latform/bindings%2Egit",
	} {
		got, err := parseRepository(raw)
		if err != nil || got != want {
			t.Errorf("parseRepository(%q) = %+v, %v, want %+v", raw, got, err, want)
		}
	}
	for raw, want := range map[string]repository{
		"https://git.example.com:8443/a/b":        {"git.example.com:8443", "a/b"},
		"ssh://git@git.example.com:2222/a/b.git":  {"git.example.com:2222", "a/b"},
		"git@git.example.com:2222/a/b.git":        {"git.example.com", "2222/a/b"},
		"https://git.example.com/team/sub/c":      {"git.example.com", "team/sub/c"},
		"https://bücher.example/a/b":              {"xn--bcher-kva.example", "a/b"},
		"https://xn--bcher-kva.example/a/b":       {"xn--bcher-kva.example", "a/b"},
		"https://git.example.com/gru\u0308n/b":    {"git.example.com", "gr\u00fcn/b"},
		"https://git.example.com/gr%C3%BCn/b":     {"git.example.com", "gr\u00fcn/b"},
		"https://[2001:DB8:0:0::1]:8443/a/b":      {"[2001:db8::1]:8443", "a/b"},
		"https://[2001:db8::1]/a/b":               {"[2001:db8::1]", "a/b"},
		"http://127.0.0.1:3000/a/b":               {"127.0.0.1:3000", "a/b"},
		"https://git_lab.example.com/a/b":         {"git_lab.example.com", "a/b"},
		"https://git.example.com/a/digit":         {"git.example.com", "a/digit"},
		"https://codeup.aliyun.com/5ebbc022/d/e":  {"codeup.aliyun.com", "5ebbc022/d/e"},
		"git@codeup.aliyun.com:5ebbc022/d/e.git":  {"codeup.aliyun.com", "5ebbc022/d/e"},
		"https://git.example.com/a/b%2Fc":         {"git.example.com", "a/b/c"},
		"https://git.example.com/a/b.github":      {"git.example.com", "a/b.github"},
		"https://git.example.com:00443/a/bin.git": {"git.example.com", "a/bin"},
	} {
		got, err := parseRepository(raw)
		if err != nil || got != want {
			t.Errorf("parseRepository(%q) = %+v, %v, want %+v", raw, got, err, want)
		}
	}
	for _, raw := range []string{
		"", "/", ":", "://", "https://", "https:///a", "https://git.example.com", "https://git.example.com/", "https://git.example.com/.git",
		"file:///srv/git/a", "javascript://git.example.com/a", "git@:a/b", "https://git.example.com/a\nb", "https://git example.com/a",
		"https://git.example.com/../a", "https://git.example.com/a/./b", "https://git.example.com:65536000/a", "https://a%00b/c",
		"https://git.example.com/%zz", "https://git.example.com/" + strings.Repeat("a", maxURLBytes),
	} {
		if got, err := parseRepository(raw); err == nil {
			t.Errorf("parseRepository(%q) = %+v, want an error", raw, got)
		}
	}
}

func TestSameRepository(t *testing.T) {
	ours := repository{"github.com", "Acme/Bindings"}
	for other, want := range map[repository]bool{
		{"github.com", "acme/bindings"}:     true,
		{"github.com", "acme/bindings2"}:    false,
		{"github.com", "bindings"}:          false,
		{"github.com", "x/acme/bindings"}:   false,
		{"github.example", "acme/bindings"}: false,
	} {
		if got := ours.same(other); got != want {
			t.Errorf("%v is %v: %t, want %t", other, ours, got, want)
		}
	}
}

// FuzzParseRepository holds that what was read reads as itself again, that the
// ways to write one address give one repository, and that nothing panics.
func FuzzParseRepository(f *testing.F) {
	for _, seed := range []string{
		"https://git.example.com/platform/bindings.git", "git@git.example.com:a/b.git", "ssh://git@h:2222/a", "h:443/a", "h/a%2541",
		"https://bücher.example/grün", "https://[2001:db8::1]:8443/a", "https://h/a.git.git/", "http://h:443/.git/.git", "//", "a@b@c:d/e",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := parseRepository(raw)
		if err != nil {
			return
		}
		again, err := parseRepository(got.String())
		if err != nil || again != got {
			t.Fatalf("%q gives %+v, which is written %q and gives %+v, %v", raw, got, got, again, err)
		}
		if got.host != strings.ToLower(got.host) || strings.HasSuffix(got.path, ".git") || strings.Trim(got.path, "/") != got.path {
			t.Fatalf("%q gives %+v, which is not normal", raw, got)
		}
		rest := strings.TrimPrefix(got.String(), "https://")
		for _, same := range []string{
			"https://" + rest + ".git", "https://" + rest + "/", "http://user:pass@" + rest, "ssh://git@" + rest + ".git/", "https://" + rest + "?x=y#z",
		} {
			if other, err := parseRepository(same); err != nil || other != got {
				t.Fatalf("%q gives %+v, and %q gives %+v, %v", raw, got, same, other, err)
			}
		}
	})
}
