package finding

// Where the platforms' rules come from.
const (
	bindPage = "Alibaba Cloud: Bind a source code hosting platform (Container Registry Personal Edition)"
	faqPage  = "Alibaba Cloud: FAQ about source code repositories (Container Registry)"
	ownRule  = "This project's design"
)

func platformRules() []Rule {
	rules := append(gitlabAddressRules(), gitlabRules()...)
	rules = append(rules, codeupRules()...)
	return append(rules, accountRules()...)
}

func gitlabAddressRules() []Rule {
	return []Rule{
		{
			Code: "gitlab-address", Severity: Error,
			Sentence: "A GitLab address is the URL of the site's root: http or https and a host, without credentials, query or fragment.",
			Hint:     "Write only scheme and host, for example https://gitlab.example.com, with the port where it is not the default one.",
			Explanation: `The product asks for the sign-in URL of the GitLab site and calls the site's API below it. The URL of a group or of a
project is the usual mistake: it makes the binding fail with "site returned an error response".

A trailing slash and the path ` + "`/users/sign_in`" + ` mean the same as none. One further path segment is taken with a warning, because
GitLab can be installed under a path; more than one is refused. Credentials, a query or a fragment have no place in an address: the
token is kept in the secret store, and everybody may read the declaration.`,
			Source: faqPage,
		},
		{
			Code: "gitlab-http-port", Severity: Error,
			Sentence: "A GitLab address over HTTP uses port 80, or one of 21, 70, 210, 280, 443, 488, 591, 777 and 1025 to 65535 written out.",
			Hint:     "Serve GitLab on port 80 or on one of 21, 70, 210, 280, 443, 488, 591, 777, 1025-65535, and write the port in the address.",
			Explanation: `The registry calls out through a proxy that lets only these ports through: 80, 21, 443, 70, 210, 280, 488, 591, 777
and 1025 to 65535. Ports such as 22, 81, 88 or 1024 look harmless and are not on the list, so the binding would fail as
"site is inaccessible".

Port 80 is the default and need not be written. Any other port stands in the address, and then at the end of the trigger URL too
(see gitlab-trigger-url).`,
			Source: bindPage,
		},
		{
			Code: "gitlab-https-port", Severity: Error,
			Sentence: "A GitLab address over HTTPS uses port 443; another port works over HTTP only.",
			Hint:     "Serve HTTPS on port 443 and leave the port out, or use http:// with the other port.",
			Explanation: `The registry opens HTTPS connections to port 443 and to no other. A site that listens elsewhere must be bound over HTTP
on one of the ports that gitlab-http-port lists. Think before you do: over plain HTTP the token crosses the internet readable by
everybody on the way. Putting the site, or a reverse proxy before it, on port 443 is the better way.`,
			Source: bindPage,
		},
		{
			Code: "gitlab-trigger-url", Severity: Info,
			Sentence: "With a port other than 80 over HTTP, the port stands at the end of the trigger URL too.",
			Hint:     "After binding, add the port to the end of the trigger URL by hand; the plan shows the step.",
			Explanation: `The product does not carry a port other than 80 over into the trigger URL by itself and asks for it to be added by
hand. Without it a push reaches nobody and no build starts, though the binding shows as bound. There is no API for this, so it stays
a step for a person, which the plan shows whenever such an address is bound.`,
			Source: bindPage,
		},
		{
			Code: "gitlab-public", Severity: Error,
			Sentence: "The GitLab site is reachable from the internet, not behind a firewall, and its certificate is not self-signed.",
			Hint:     "Publish the site under a public name with a certificate of a public authority, or host the project elsewhere.",
			Explanation: `The registry connects to the site from Alibaba Cloud's side. A private, loopback or link-local address, a host name
without a dot, a site behind a firewall, or a certificate that no public authority signed cannot work there, whatever the console
says when the address is typed in.

What the address alone gives away is found in the declaration. The rest (does it answer, is the certificate good) is asked before
applying, from where the daemon runs; an answer that did not come is never taken for a breach.`,
			Source: bindPage,
		},
	}
}

func gitlabRules() []Rule {
	return []Rule{
		{
			Code: "gitlab-subgroup-manual", Severity: Error,
			Sentence: "A repository in a GitLab subgroup builds by manual trigger only.",
			Hint:     "Write trigger: manual at this repository, or move the project to a top-level group.",
			Explanation: `A path with more than one slash (group/subgroup/project) names a project in a subgroup. The Personal Edition cannot
build those on a push: a person or a pipeline has to start the build.

The rule is checked twice: by the path in the declaration, and by GitLab's API before applying, because a project can be moved into
a subgroup after its declaration was written.`,
			Source: bindPage,
		},
		{
			Code: "gitlab-token-scope", Severity: Error,
			Sentence: "The GitLab token has the scope api, is active, and belongs to the declared username.",
			Hint:     "As the declared user, create a personal access token with the scope api and put it where the declaration says.",
			Explanation: `The registry reads projects, branches and tags with the token, and writes a webhook into each project that builds on
a push. Only the scope ` + "`api`" + ` covers the last one: with ` + "`read_api`" + ` the binding works and linking the first repository fails.

A revoked or expired token, or one of another user, is told before the old binding is let go.`,
			Source: faqPage,
		},
	}
}

func codeupRules() []Rule {
	return []Rule{
		{
			Code: "codeup-address", Severity: Error,
			Sentence: "Codeup takes no address: the product finds it automatically.",
			Hint:     "Remove the field address.",
			Explanation: `In the dialog that binds a Codeup account the endpoint is left empty, because the system detects it. An address in the
declaration could only be wrong or without effect, so it is refused rather than silently ignored.`,
			Source: bindPage,
		},
		{
			Code: "codeup-token-permissions", Severity: Error,
			Sentence: "The Codeup token may read organization members, departments, code repositories, branches and tags, and read and write webhooks, and nothing more.",
			Hint:     "Create a personal access token with exactly these permissions and put it where the declaration says.",
			Explanation: `The least privilege for the binding is:

- organization management: organization members read-only, organization departments read-only;
- code management: code repositories read-only, branches read-only, tags read-only, webhook read and write.

Each one that is missing is named, and is an error: without the webhook permission, for example, the account binds and no push ever
starts a build. A token that may do more than this is a warning where Codeup's API tells.`,
			Source: bindPage,
		},
		{
			Code: "codeup-username", Severity: Error,
			Sentence: "For Codeup, username is the HTTPS clone username and not the login.",
			Hint:     "In Codeup open Personal Settings, HTTPS Password, and copy the clone username shown there.",
			Explanation: `Codeup knows a person by several names: the Alibaba Cloud login, the display name, and the user name for cloning over
HTTPS. The binding wants the last one. It is shown under Personal Settings, HTTPS Password, and is compared letter by letter.`,
			Source: bindPage,
		},
	}
}

func accountRules() []Rule {
	return []Rule{
		{
			Code: "github-personal", Severity: Error,
			Sentence: "GitHub is bound to a personal account on github.com: neither to an organization nor to GitHub Enterprise.",
			Hint:     "Give the personal account as username, build only its own repositories, and leave address out.",
			Explanation: `The Personal Edition binds personal accounts of github.com by OAuth. So an address (which only GitHub Enterprise would
need), a username that is an organization's, and a source repository whose owner is not the bound account are errors.

To build a repository of an organization, mirror it into the personal account, or into a platform without this limit such as GitLab.`,
			Source: bindPage,
		},
		{
			Code: "bitbucket-address", Severity: Error,
			Sentence: "Bitbucket takes no address: it is bound at bitbucket.org.",
			Hint:     "Remove the field address.",
			Explanation: `Bitbucket is bound by OAuth at bitbucket.org, and the dialog has no place for an address. A Bitbucket Data Center or
Server of your own cannot be bound this way; an address in the declaration would promise what cannot be done.`,
			Source: bindPage,
		},
		{
			Code: "oauth-no-token", Severity: Error,
			Sentence: "GitHub and Bitbucket declarations carry no token: a person authorizes them in a browser.",
			Hint:     "Remove the field token; the plan shows the clicks that authorize the account.",
			Explanation: `GitHub and Bitbucket are bound by OAuth: somebody signs in to the code host in a browser and grants access to the
product's application. There is no API for that step and no token to keep. The plan therefore has an action for a person, with the
exact clicks; the daemon waits, sees that it was done, and goes on.`,
			Source: bindPage,
		},
		{
			Code: "token-required", Severity: Error,
			Sentence: "Codeup and GitLab declarations say where the personal access token is kept.",
			Hint:     "Add token: {vault: {mount: MOUNT, path: PATH, key: KEY}}; the token itself stays in Vault.",
			Explanation: `Codeup and GitLab are bound with a personal access token. The declaration holds only the place in Vault; the daemon
reads the token when it binds, and at no other time does anybody need to see it.`,
			Source: bindPage,
		},
		{
			Code: "token-expiry", Severity: Warning,
			Sentence: "A token's end is shown long before it comes: 30, 14, 7 and 1 days ahead.",
			Hint:     "Create a new token, write it to the secret store as a new version, and update expires.",
			Explanation: `When a token ends, builds stop: nothing says so in the console beforehand. GitLab's API tells the last day of a token;
Codeup's does not, so it is declared as ` + "`spec.token.expires`" + `. The earliest end known counts.

The finding stays a warning even when the day is over, because the passing of time must not turn a declaration that was accepted
into one that blocks its neighbours.`,
			Source: ownRule + "; " + faqPage,
		},
	}
}
