package cli

import (
	"strings"

	"reconciler/internal/message"
	"reconciler/internal/providers"
	"reconciler/internal/providers/bitbucket"
	"reconciler/internal/providers/codeup"
	"reconciler/internal/providers/github"
	"reconciler/internal/providers/gitlab"
	"reconciler/internal/secrets"
)

// commentBytes limits an answer: a hundred comments of the greatest length.
const commentBytes = 32 << 20

// fromCI fills in missing options from the variables of the code host's own CI.
func (o *commentOptions) fromCI() {
	fill := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	env := o.getenv
	token := map[string]string{
		"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN", "bitbucket": "BITBUCKET_TOKEN", "codeup": "YUNXIAO_TOKEN",
	}
	fill(&o.tokenEnv, token[o.host])
	switch o.host {
	case "github":
		fill(&o.api, env("GITHUB_API_URL"))
		fill(&o.api, "https://api.github.com")
		fill(&o.project, env("GITHUB_REPOSITORY"))
		// GITHUB_SHA is a temporary merge commit, so the caller has to give the
		// commit.
		if number, ok := strings.CutPrefix(env("GITHUB_REF"), "refs/pull/"); ok {
			number, _, _ = strings.Cut(number, "/")
			fill(&o.number, number)
		}
		if run := env("GITHUB_RUN_ID"); run != "" {
			fill(&o.url, env("GITHUB_SERVER_URL")+"/"+env("GITHUB_REPOSITORY")+"/actions/runs/"+run)
		}
	case "gitlab":
		fill(&o.api, env("CI_API_V4_URL"))
		fill(&o.api, "https://gitlab.com/api/v4")
		fill(&o.project, env("CI_PROJECT_ID"))
		fill(&o.number, env("CI_MERGE_REQUEST_IID"))
		fill(&o.commit, env("CI_COMMIT_SHA"))
		fill(&o.url, env("CI_JOB_URL"))
	case "bitbucket":
		fill(&o.api, "https://api.bitbucket.org/2.0")
		fill(&o.project, env("BITBUCKET_REPO_FULL_NAME"))
		fill(&o.number, env("BITBUCKET_PR_ID"))
		fill(&o.commit, env("BITBUCKET_COMMIT"))
		if run := env("BITBUCKET_BUILD_NUMBER"); run != "" {
			fill(&o.url, "https://bitbucket.org/"+env("BITBUCKET_REPO_FULL_NAME")+"/pipelines/results/"+run)
		}
	case "codeup":
		fill(&o.api, codeup.BaseURL)
	}
}

// commenter makes the code host's commenter. The address comes from the CI or
// the caller, not from a declaration, so it may be private.
func (o *commentOptions) commenter(token secrets.Secret) (providers.Commenter, error) {
	base, err := providers.ParseBase(o.api)
	if err != nil {
		return nil, message.NewError("cli.at", "what", "--api", "why", err)
	}
	if o.project == "" || o.number == "" {
		return nil, message.NewError("comment-text.no-request")
	}
	api := &providers.API{
		Base: base, Client: providers.NewHTTPClient(providers.Options{AllowPrivate: true, MaxBytes: commentBytes}),
	}
	switch o.host {
	case "github":
		return github.NewCommenter(api, token.Expose()), nil
	case "gitlab":
		return gitlab.NewCommenter(api, token.Expose()), nil
	case "bitbucket":
		return bitbucket.NewCommenter(api, token.Expose()), nil
	case "codeup":
		return codeup.NewCommenter(api, token.Expose()), nil
	}
	return nil, checkChoice("--host", o.host, "github", "gitlab", "bitbucket", "codeup")
}
