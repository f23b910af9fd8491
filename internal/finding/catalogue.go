package finding

import (
	"slices"

	"reconciler/internal/message"
)

// Rule is one entry of the catalogue. Its texts are messages.
type Rule struct {
	// Code is lower case with dashes. Its meaning never changes.
	Code     string
	Severity Severity
	// Source is where the rule comes from: a page of the product, of a code
	// host, or of this documentation. It has no text of ours.
	Source string
}

// Sentence is the rule in one sentence.
func (r Rule) Sentence() message.Message { return message.New("rule." + r.Code + ".sentence") }

// Hint says how to fix a violation, unless the finding has its own hint.
func (r Rule) Hint() message.Message { return message.New("rule." + r.Code + ".hint") }

// Explanation explains the rule, in paragraphs of Markdown.
func (r Rule) Explanation() message.Message { return message.New("rule." + r.Code + ".explanation") }

// Lookup finds a rule by its code.
func Lookup(code string) (Rule, bool) {
	if i := slices.IndexFunc(catalogue, func(r Rule) bool { return r.Code == code }); i >= 0 {
		return catalogue[i], true
	}
	return Rule{}, false
}

// Rules returns the whole catalogue, grouped by where a rule is checked.
func Rules() []Rule { return slices.Clone(catalogue) }

// Where rules come from.
const (
	bindPage           = "Alibaba Cloud: Bind a source code hosting platform (Container Registry Personal Edition)"
	enterpriseBindPage = "Alibaba Cloud: Bind a source code hosting platform (Container Registry Enterprise Edition)"
	vpcPage            = "Alibaba Cloud: Build container images with VPC secure build mode (Container Registry Enterprise Edition)"
	quotaPage          = "Alibaba Cloud: What is Container Registry"
	faqPage            = "Alibaba Cloud: FAQ about source code repositories (Container Registry)"
	ownRule            = "docs/declaration.md"
	yamlSpec           = "YAML 1.2.2; docs/declaration.md"
	design             = "docs/architecture.md"
	sourceDesign       = "docs/git-hosts.md"
	configSource       = "docs/configuration.md"
	windowSource       = "docs/windows.md"
	policySource       = "docs/policy.md"
)

var catalogue = []Rule{
	// Platforms.
	{"gitlab-address", Error, faqPage},
	{"gitlab-http-port", Error, bindPage},
	{"gitlab-https-port", Error, bindPage},
	{"gitlab-trigger-url", Info, bindPage},
	{"gitlab-public", Error, bindPage},
	{"gitlab-subgroup-manual", Error, bindPage},
	{"gitlab-token-scope", Error, faqPage},
	{"gitlab-token-kind", Warning, ownRule + "; " + faqPage},
	{"codeup-address", Error, bindPage},
	{"codeup-token-permissions", Error, bindPage},
	{"codeup-username", Error, bindPage},
	{"github-personal", Error, bindPage},
	{"bitbucket-address", Error, bindPage},
	{"gitee-address", Error, enterpriseBindPage},
	{"gitlab-vpc", Info, vpcPage},
	{"platform-edition", Error, bindPage + "; " + enterpriseBindPage},
	{"oauth-no-token", Error, bindPage},
	{"token-required", Error, bindPage},
	{"token-expiry", Warning, ownRule + "; " + faqPage},
	// Single files.
	{"yaml-size", Error, ownRule},
	{"yaml-encoding", Error, yamlSpec},
	{"yaml-characters", Error, yamlSpec},
	{"yaml-bom", Warning, yamlSpec},
	{"yaml-crlf", Info, ownRule},
	{"yaml-tab", Error, yamlSpec},
	{"secret-in-declaration", Error, "GitLab, GitHub, Atlassian, Alibaba Cloud, HashiCorp"},
	{"yaml-syntax", Error, yamlSpec},
	{"yaml-alias", Error, ownRule},
	{"yaml-merge", Error, ownRule},
	{"yaml-tag", Error, ownRule},
	{"yaml-key", Error, yamlSpec},
	{"yaml-duplicate-key", Error, yamlSpec},
	{"yaml-depth", Error, ownRule},
	{"yaml-documents", Error, ownRule},
	{"too-many-findings", Error, ownRule},
	{"document-kind", Error, ownRule},
	{"format-comment", Error, ownRule},
	{"internal-error", Error, ownRule},
	{"field-unknown", Error, ownRule},
	{"field-missing", Error, ownRule},
	{"field-type", Error, ownRule},
	{"field-value", Error, ownRule + "; Alibaba Cloud: Container Registry API reference (2016-06-07)"},
	{"text-quoted", Error, yamlSpec},
	{"number-plain", Error, yamlSpec},
	{"build-rule-ref", Error, "Alibaba Cloud: CreateRepoBuildRule (Container Registry API 2016-06-07)"},
	{"build-rule-unique", Error, ownRule},
	{"image-tag-unique", Error, ownRule},
	{"suspend-ended", Warning, ownRule},
	// Conflicts between the declarations of a snapshot.
	{"binding-unique", Error, ownRule + "; " + bindPage},
	{"name-unique", Error, ownRule},
	{"image-owner-unique", Error, ownRule},
	{"unknown-instance", Error, ownRule},
	{"instance-edition", Error, ownRule},
	{"instance-moved", Info, ownRule},
	{"edition-changed", Warning, ownRule},
	// Plans.
	{"observation-unknown", Warning, design},
	{"not-observed", Info, design},
	{"secret-unavailable", Warning, design},
	{"token-refused", Warning, design},
	{"token-version-unknown", Warning, design},
	{"host-refused", Error, design},
	{"adopt-required", Error, design},
	{"rule-duplicate", Error, design},
	{"image-repository-missing", Error, design},
	{"registry-quota", Error, quotaPage},
	{"registry-quota-low", Warning, quotaPage},
	{"registry-quota-unknown", Warning, quotaPage},
	{"source-missing", Error, design},
	{"drift", Warning, design},
	{"repair-does-not-hold", Warning, design},
	{"person-overdue", Warning, design},
	{"observed-difference", Warning, design},
	{"deletions-beyond-threshold", Error, design},
	{"empty-snapshot", Error, design},
	{"history-rewritten", Error, design},
	// The source of declarations.
	{"source-symlink", Error, "CVE-2022-24904, CVE-2022-31036, CVE-2022-24877"},
	{"source-submodule", Error, sourceDesign},
	{"source-file-too-large", Error, sourceDesign},
	{"source-too-large", Error, sourceDesign},
	{"source-too-many-files", Error, sourceDesign},
	{"source-too-many-findings", Error, sourceDesign},
	{"source-too-deep", Error, sourceDesign},
	{"source-file-name", Error, sourceDesign},
	{"source-file-unreadable", Error, sourceDesign},
	{"source-file-ending", Warning, sourceDesign},
	{"source-ignore-pattern", Warning, "gitignore(5)"},
	{"source-ignore-too-large", Error, sourceDesign},
	{"source-url-credentials", Error, "CVE-2023-25163"},
	// The configuration.
	{"config-one-of", Error, configSource},
	{"config-address", Error, configSource},
	{"config-conflict", Error, configSource},
	{"config-duration", Error, configSource},
	{"config-restart", Error, configSource},
	{"config-unused", Warning, configSource},
	{"config-unsafe", Warning, configSource},
	{"server-public", Warning, configSource},
	{"instance-name-unique", Error, configSource},
	{"webhook-name-unique", Error, configSource},
	{"api-token-unique", Error, configSource},
	{"instance-required", Error, configSource},
	{"file-missing", Warning, configSource},
	// Windows.
	{"window-schedule", Error, windowSource},
	{"window-time-zone", Error, windowSource},
	{"window-duration", Error, windowSource},
	{"window-never-opens", Error, windowSource},
	{"window-closed", Info, windowSource},
	// Policies.
	{"policy-name", Error, policySource},
	{"policy-instance", Error, policySource},
	{"policy-vault-path", Error, policySource},
	{"policy-address", Error, policySource},
	{"policy-image", Error, policySource},
	{"policy-required-field", Error, policySource},
	{"policy-no-rule", Error, policySource},
	{"policy-invalid", Error, policySource},
	{"config-policy", Error, policySource},
	{"address-changed-with-secret", Error, policySource},
	{"token-over-http", Warning, policySource},
}
