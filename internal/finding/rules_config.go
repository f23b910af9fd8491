package finding

import "slices"

// configSource is where the configuration's rules come from.
const configSource = "this project's design: docs/configuration.md"

func configRules() []Rule { return slices.Concat(settingRules(), surroundingRules(), windowRules()) }

// settingRules are about the configuration's fields.
func settingRules() []Rule {
	return []Rule{
		{
			Code: "config-one-of", Severity: Error,
			Sentence: "Where the configuration offers alternatives, exactly one of them is chosen.",
			Hint:     "Keep the one that you mean and remove the others.",
			Explanation: `Some parts of the configuration are a choice: declarations come from a git repository or from a folder; a git
repository is followed by branch, tag or commit; an access key, a Vault token and a git server's sign-in each come from one
place. Two at once would need a silent order of preference, and none at all would need a guess, so both are refused.`,
			Source: configSource,
		},
		{
			Code: "config-address", Severity: Error,
			Sentence: "An address in the configuration is a plain URL over https, or ssh for git; http only on loopback.",
			Hint:     "Write https://HOST[:PORT][/PATH] without user name, query or fragment; for git over ssh, ssh://git@HOST/PATH or git@HOST:PATH.",
			Explanation: `Credentials travel to these addresses, so they go over TLS or ssh. On loopback http is taken too. For a sandbox on
a private network, codeHosts.unsafeAllowPrivateAddresses allows http for the APIs of the registry and the code
hosts, though never for git and Vault.`,
			Source: configSource,
		},
		{
			Code: "config-conflict", Severity: Error,
			Sentence: "Fields of the configuration that depend on each other fit together.",
			Hint:     "Add the field that is missing, or remove the one that depends on it.",
			Explanation: `An ssh key cannot sign in to an https URL, a client certificate is of no use without its key, and a token that is
kept in Vault needs a Vault. Such a configuration would only fail later, at the first call.`,
			Source: configSource,
		},
		{
			Code: "config-duration", Severity: Error,
			Sentence: "An interval or time limit of the configuration is at least one second.",
			Hint:     "Write a longer time, for example 1m.",
			Explanation: `A shorter interval does not make the daemon quicker, it only uses up the rate limits that it shares with people;
a shorter time limit would end every call before its answer.`,
			Source: configSource,
		},
		{
			Code: "config-restart", Severity: Error,
			Sentence: "What a running daemon cannot exchange stays as it was when it started.",
			Hint:     "Write the old value, so that the rest is taken now; or restart the daemon with the new one.",
			Explanation: `A daemon takes a changed configuration without a restart, but not all of it. The state file is open, and the
addresses are listened on by the whole process: to move them while it works would lose what it knows or who asks it. A
configuration that changes such a field is refused whole, and the daemon goes on with the one that it has.`,
			Source: configSource,
		},
		{
			Code: "config-unused", Severity: Warning,
			Sentence: "What the configuration says has an effect.",
			Hint:     "Remove the field.",
			Explanation: `A field that nothing reads misleads the next reader: an access key on an instance with the driver console is
never used, because that driver calls no API.`,
			Source: configSource,
		},
		{
			Code: "config-unsafe", Severity: Warning,
			Sentence: "An unsafe setting is for a sandbox or a test only.",
			Hint:     "Remove the setting wherever real credentials are used.",
			Explanation: `codeHosts.unsafeAllowPrivateAddresses opens loopback, link-local and private networks to the addresses that
declarations name, and lets APIs be called over http. Whoever may write a declaration could then make the daemon call, with a
token, services that only this machine can reach, a cloud's metadata service among them.`,
			Source: configSource,
		},
	}
}

// surroundingRules are about what the configuration names and opens.
func surroundingRules() []Rule {
	return []Rule{
		{
			Code: "server-public", Severity: Warning,
			Sentence: "Health and metrics are served on loopback unless something protects them.",
			Hint:     "Listen on 127.0.0.1, or let only the monitoring reach the port (a network policy, a firewall).",
			Explanation: `The server asks nobody who they are. Metrics hold no secret, but they tell names of instances and bindings and how
they fare. In a container, where the probe comes from outside, listening on all addresses is usual; a network policy then does the
protecting.`,
			Source: configSource,
		},
		{
			Code: "instance-name-unique", Severity: Error,
			Sentence: "Every instance of the configuration has a name of its own.",
			Hint:     "Rename one of them, in the declarations that mean it too.",
			Explanation: `Declarations name the instance that they are for. With two instances of one name it would be up to chance in which
account a binding is made.`,
			Source: configSource,
		},
		{
			Code: "webhook-name-unique", Severity: Error,
			Sentence: "Every webhook sender of the configuration has a name of its own, and every alias another host.",
			Hint:     "Rename one of the senders, at the code host too; remove one of the aliases.",
			Explanation: `The name of a sender is its path, /hooks/NAME, and decides by which secret a delivery is proven. With two senders
of one name, or with one host that stands for two, it would be up to chance which is meant.`,
			Source: configSource,
		},
		{
			Code: "instance-required", Severity: Error,
			Sentence: "The configuration has at least one instance.",
			Hint:     "Add an instance with its name and region under instances.",
			Explanation: `Every declaration is for an instance, so without one there is nothing to do. An empty list is more likely a mistake
than a wish, for it would leave every binding unmanaged.`,
			Source: configSource,
		},
		{
			Code: "file-missing", Severity: Warning,
			Sentence: "A file that the configuration names is there.",
			Hint:     "Create or mount the file, or correct its path; a relative path starts at the configuration's folder.",
			Explanation: `A missing file is a warning and not an error: a mount may come later than the daemon, and a configuration is often
checked on a machine that it is not for. What needs the file fails with its name when it is used, and is tried again.`,
			Source: configSource,
		},
	}
}
