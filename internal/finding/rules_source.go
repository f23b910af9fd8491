package finding

const (
	sourceDesign = "this project's design: a snapshot is immutable, bounded and read whole"
	symlinkFacts = "CVE-2022-24904, CVE-2022-31036, CVE-2022-24877: links out of a repository in other GitOps tools"
)

func sourceRules() []Rule {
	return []Rule{
		{
			Code: "source-symlink", Severity: Error,
			Sentence:    "A symbolic link is not followed.",
			Hint:        "Put the file itself in its place, or name the link in .reconcilerignore.",
			Explanation: "A link can lead out of the repository or the folder, to a file that nobody reviewed, and has been used to read other people's secrets. Declarations are therefore read through the tree's own objects, and a link is told instead of being followed. In a folder one kind is followed: a link to a file inside the same folder, which is how Kubernetes mounts a ConfigMap.",
			Source:      symlinkFacts,
		},
		{
			Code: "source-submodule", Severity: Error,
			Sentence:    "A submodule is not read.",
			Hint:        "Put the declarations into the repository itself, or name the submodule in .reconcilerignore.",
			Explanation: "A submodule is another repository at another commit. What is not in the tree at the commit that was reviewed does not exist for this product, so there is no remote include of any kind.",
			Source:      sourceDesign,
		},
		{
			Code: "source-file-too-large", Severity: Error,
			Sentence:    "A declaration file is at most 10 MiB.",
			Hint:        "Split the file, or name it in .reconcilerignore if it holds no declarations.",
			Explanation: "A file over the limit is not read, so that no commit can take all memory. Its bindings stay as they were.",
			Source:      sourceDesign,
		},
		{
			Code: "source-too-large", Severity: Error,
			Sentence:    "All declaration files together are at most 256 MiB.",
			Hint:        "Point the source's path at a folder that holds only declarations, or use .reconcilerignore.",
			Explanation: "Reading stops at the limit. What was not read keeps its bindings as they were.",
			Source:      sourceDesign,
		},
		{
			Code: "source-too-many-files", Severity: Error,
			Sentence:    "A snapshot has at most 50,000 declaration files and a million entries.",
			Hint:        "Point the source's path at a folder that holds only declarations, or use .reconcilerignore.",
			Explanation: "Reading stops at the limit. A few objects of a git repository can describe billions of files, so what is walked is counted too. What was not read keeps its bindings as they were.",
			Source:      sourceDesign,
		},
		{
			Code: "source-too-many-findings", Severity: Error,
			Sentence:    "A snapshot has at most 1,000 things in it that cannot be read.",
			Hint:        "Mend or ignore the first ones; most likely the source's path is not a folder of declarations.",
			Explanation: "Reading stops at the limit. What was not read keeps its bindings as they were.",
			Source:      sourceDesign,
		},
	}
}

func sourceTreeRules() []Rule {
	return []Rule{
		{
			Code: "source-too-deep", Severity: Error,
			Sentence:    "Folders are nested at most 100 deep.",
			Hint:        "Move the declarations nearer to the root.",
			Explanation: "A folder nested deeper is not entered. What lies below keeps its bindings as they were.",
			Source:      sourceDesign,
		},
		{
			Code: "source-file-name", Severity: Error,
			Sentence:    "The name of a file or folder is printable UTF-8, without a slash, and does not climb out of its folder.",
			Hint:        "Rename it.",
			Explanation: "Names are printed in logs, reports and pages. One with control characters could change what a terminal shows, and one that climbs out of its folder is an attack.",
			Source:      sourceDesign,
		},
		{
			Code: "source-file-unreadable", Severity: Error,
			Sentence:    "Every declaration file can be read.",
			Hint:        "Give the process the right to read it; only regular files are read.",
			Explanation: "A file that is there and cannot be read keeps its bindings as they were: a failure is never a deletion.",
			Source:      sourceDesign,
		},
		{
			Code: "source-ignore-pattern", Severity: Warning,
			Sentence:    "Each line of .reconcilerignore is a pattern in gitignore syntax.",
			Hint:        "Close the bracket, or escape it with a backslash.",
			Explanation: "A pattern that cannot be read, for example one with a bracket that is not closed, matches nothing, so files that were meant to be left out are read. The other patterns of the file hold.",
			Source:      "gitignore(5)",
		},
		{
			Code: "source-ignore-too-large", Severity: Error,
			Sentence:    "A .reconcilerignore is at most 64 KiB, and all together have at most 2,000 patterns.",
			Hint:        "Use fewer patterns: name folders instead of files.",
			Explanation: "Each entry of the tree is held against each pattern, so their number is bounded. An ignore file over the limit is not used.",
			Source:      sourceDesign,
		},
		{
			Code: "source-url-credentials", Severity: Error,
			Sentence:    "The address of a repository holds no credentials.",
			Hint:        "Take the user and the password or token out of the URL and name a file that holds them.",
			Explanation: "A URL is shown in logs, errors and pages. One that holds a password, a token, a query or a fragment is refused, and is not printed.",
			Source:      "CVE-2023-25163 and like it: credentials in the errors of other GitOps tools",
		},
	}
}
