package binding

import "testing"

func TestAddressesAreEqualByMeaning(t *testing.T) {
	same := map[string]string{
		"https://gitlab.example.com:443":           "https://gitlab.example.com",
		"http://gitlab.example.com:80":             "http://gitlab.example.com",
		"https://gitlab.example.com/":              "https://gitlab.example.com",
		"HTTPS://GitLab.Example.COM":               "https://gitlab.example.com",
		" https://gitlab.example.com ":             "https://gitlab.example.com",
		"https://gitlab.example.com/users/sign_in": "https://gitlab.example.com",
		"https://example.com/git/users/sign_in/":   "https://example.com/git",
		"https://[2001:DB8::1]:443/":               "https://[2001:db8::1]",
		"http://git.example.org:8929//":            "http://git.example.org:8929",
	}
	for a, b := range same {
		if !SameAddress(a, b) || !SameAddress(b, a) {
			t.Errorf("%q and %q are not the same: %q, %q", a, b, NormalAddress(a), NormalAddress(b))
		}
		if once := NormalAddress(a); NormalAddress(once) != once {
			t.Errorf("%q changes each time it is made normal: %q", a, once)
		}
	}
	other := map[string]string{
		"http://gitlab.example.com":      "https://gitlab.example.com",
		"http://gitlab.example.com:443":  "http://gitlab.example.com",
		"https://gitlab.example.com:80":  "https://gitlab.example.com",
		"http://gitlab.example.com:8080": "http://gitlab.example.com:8081",
		"https://example.com/Git":        "https://example.com/git",
		"https://a.example.com":          "https://b.example.com",
		"":                               "https://a.example.com",
		"https://a.example.com/%2F":      "https://a.example.com/",
	}
	for a, b := range other {
		if SameAddress(a, b) {
			t.Errorf("%q and %q are the same: %q", a, b, NormalAddress(a))
		}
	}
}

func TestNamesAreEqualByTheRulesOfTheirPlatform(t *testing.T) {
	for p, folds := range map[Platform]bool{GitHub: true, GitLab: true, Bitbucket: true, Codeup: false} {
		if got := SameUsername(p, "Octo-Dev", "octo-dev"); got != folds {
			t.Errorf("%s: names that differ in case are the same: %v, want %v", p, got, folds)
		}
		if SameUsername(p, "octo", "octo-dev") || !SameUsername(p, "octo", "octo") {
			t.Errorf("%s: names are not distinguished", p)
		}
	}
	if !SameSource("/Payments/API/", "payments/api") || SameSource("payments/api", "payments/web") {
		t.Error("source paths: case and slashes at the ends mean nothing, the rest does")
	}
	if NormalImage("/payments/api/") != "payments/api" {
		t.Error("an image repository is known without slashes at its ends")
	}
}

func TestBuildRulesAreEqualByMeaning(t *testing.T) {
	rule := BuildRule{Branch: "main", Dockerfile: "/build/Dockerfile", ImageTag: "latest"}
	for _, path := range []string{"build/Dockerfile", "//build//Dockerfile", "/build/Dockerfile"} {
		if !rule.Same(BuildRule{Branch: "main", Dockerfile: path, ImageTag: "latest"}) {
			t.Errorf("Dockerfile %q is another", path)
		}
	}
	for _, other := range []BuildRule{
		{Branch: "main", Dockerfile: "/Dockerfile", ImageTag: "latest"},
		{Branch: "main", Dockerfile: "/build/dockerfile", ImageTag: "latest"},
		{Branch: "next", Dockerfile: "/build/Dockerfile", ImageTag: "latest"},
		{Tag: "main", Dockerfile: "/build/Dockerfile", ImageTag: "latest"},
		{Branch: "main", Dockerfile: "/build/Dockerfile", ImageTag: "v1"},
	} {
		if rule.Same(other) {
			t.Errorf("%+v is the same", other)
		}
	}
}
