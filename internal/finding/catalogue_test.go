package finding_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"reconciler/internal/finding"
	"reconciler/internal/message"
	"reconciler/internal/report"
)

func TestCatalogueIsWhole(t *testing.T) {
	t.Parallel()
	code := regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	seen := map[string]bool{}
	for _, r := range finding.Rules() {
		if !code.MatchString(r.Code) {
			t.Errorf("code %q is not lower case with dashes", r.Code)
		}
		if seen[r.Code] {
			t.Errorf("code %s stands twice", r.Code)
		}
		seen[r.Code] = true
		sentence, explanation := report.English().Text(r.Sentence()), report.English().Text(r.Explanation())
		for name, text := range map[string]string{"sentence": sentence, "hint": report.English().Text(r.Hint()), "explanation": explanation, "source": r.Source} {
			if strings.TrimSpace(text) == "" || text != strings.TrimSpace(text) {
				t.Errorf("%s: the %s is empty or has space around it: %q", r.Code, name, text)
			}
		}
		if !strings.HasSuffix(sentence, ".") || strings.Count(sentence, "\n") > 0 {
			t.Errorf("%s: the sentence is not one: %q", r.Code, sentence)
		}
		if len(explanation) < len(sentence) {
			t.Errorf("%s: the explanation says less than the sentence", r.Code)
		}
		switch r.Severity {
		case finding.Error, finding.Warning, finding.Info:
		default:
			t.Errorf("%s: unknown severity %q", r.Code, r.Severity)
		}
	}
}

// TestCatalogueHasEveryRuleOfTheDesign names the rules that the product's
// documentation and the design demand.
func TestCatalogueHasEveryRuleOfTheDesign(t *testing.T) {
	t.Parallel()
	for _, code := range []string{
		"gitlab-http-port", "gitlab-https-port", "gitlab-trigger-url", "gitlab-public", "gitlab-address", "gitlab-subgroup-manual",
		"gitlab-token-scope", "codeup-address", "codeup-token-permissions", "codeup-username", "github-personal", "oauth-no-token",
		"token-expiry", "binding-unique", "image-owner-unique", "unknown-instance",
	} {
		r, ok := finding.Lookup(code)
		if !ok || r.Code != code {
			t.Errorf("no rule %s", code)
		}
	}
	if _, ok := finding.Lookup("no-such-rule"); ok {
		t.Error("a rule was found that does not exist")
	}
}

func TestNewCarriesTheRule(t *testing.T) {
	t.Parallel()
	r, _ := finding.Lookup("token-expiry")
	want := finding.Finding{
		Code: "token-expiry", Severity: finding.Info, File: "a.yaml", Line: 2, Column: 3, Path: "spec.token",
		Message: message.Verbatim("m"), Rule: r.Sentence(), Hint: message.Verbatim("h"),
	}
	got := finding.New("token-expiry", message.Verbatim("m")).At("a.yaml", 2, 3).In("spec.token").WithHint(message.Verbatim("h")).As(finding.Info)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("finding (-want +got):\n%s", diff)
	}
}

func TestNewPanicsOnAnUnknownCode(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	finding.New("no-such-rule", message.Verbatim("m"))
}

func TestSortIsByPlaceAndDropsDuplicates(t *testing.T) {
	t.Parallel()
	at := func(file string, line, column int, code string) finding.Finding {
		return finding.New(code, message.Verbatim("m")).At(file, line, column)
	}
	a, b, c, d := at("a", 1, 2, "yaml-tab"), at("a", 1, 10, "yaml-tab"), at("a", 2, 1, "yaml-bom"), at("b", 1, 1, "yaml-bom")
	got := finding.Sort([]finding.Finding{d, c, b, a, c})
	if diff := cmp.Diff([]finding.Finding{a, b, c, d}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if finding.HasErrors([]finding.Finding{c, d}) || !finding.HasErrors([]finding.Finding{c, a}) {
		t.Error("HasErrors does not look at the severity")
	}
}

func TestSortKeepsTheGravestOfFindingsThatSayTheSame(t *testing.T) {
	ended := finding.New("token-expiry", message.Verbatim("the token has ended")).At("a.yaml", 3, 5).In("spec.token.expires")
	other := finding.New("token-expiry", message.Verbatim("the token of another ends soon")).At("a.yaml", 3, 5).In("spec.token.expires")
	got := finding.Sort([]finding.Finding{ended.As(finding.Warning), other, ended.As(finding.Error).WithHint(message.Verbatim("another hint"))})
	want := []finding.Finding{ended.As(finding.Error).WithHint(message.Verbatim("another hint")), other}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
