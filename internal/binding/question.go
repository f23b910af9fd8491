package binding

// Question is what a code host was asked. Questions never change their meaning:
// "yes" is always the good answer, except for QuestionSubgroup: there it only says
// where the project is.
type Question string

// Questions.
const (
	QuestionTokenValid      Question = "token-valid"
	QuestionTokenKind       Question = "token-kind"
	QuestionTokenScope      Question = "token-scope"
	QuestionTokenOwner      Question = "token-owner"
	QuestionTokenExpiry     Question = "token-expiry" //nolint:gosec // A word, no secret.
	QuestionAccountExists   Question = "account-exists"
	QuestionAccountPersonal Question = "account-personal"
	QuestionAccountIdentity Question = "account-identity"
	QuestionProjectExists   Question = "project-exists"
	QuestionProjectPath     Question = "project-path"
	QuestionProjectOwner    Question = "project-owner"
	QuestionProjectActive   Question = "project-active"
	QuestionProjectRole     Question = "project-role"
	QuestionProjectWebhooks Question = "project-webhooks"
	QuestionSubgroup        Question = "subgroup"
	QuestionSiteReachable   Question = "site-reachable"
	QuestionSitePublic      Question = "site-public"
	QuestionSiteCertificate Question = "site-certificate"

	// Codeup's least privilege, one question for each permission. The last is asked
	// only if the operator allowed a check that writes.
	QuestionPermissionMembers       Question = "permission-organization-members"
	QuestionPermissionDepartments   Question = "permission-organization-departments"
	QuestionPermissionRepositories  Question = "permission-code-repositories"
	QuestionPermissionBranches      Question = "permission-branches"
	QuestionPermissionTags          Question = "permission-tags"
	QuestionPermissionWebhooks      Question = "permission-webhooks"
	QuestionPermissionWebhooksWrite Question = "permission-webhooks-write"
)

// Subject is what a question is about.
type Subject string

// Subjects.
const (
	SubjectToken   Subject = "token"
	SubjectAccount Subject = "account"
	SubjectProject Subject = "project"
	SubjectSite    Subject = "site"
)

// Subject is what the question is about; empty for an unknown question, such as
// one of a newer version.
func (q Question) Subject() Subject {
	switch q {
	case QuestionTokenValid, QuestionTokenKind, QuestionTokenScope, QuestionTokenOwner, QuestionTokenExpiry,
		QuestionPermissionMembers, QuestionPermissionDepartments, QuestionPermissionRepositories, QuestionPermissionBranches,
		QuestionPermissionTags, QuestionPermissionWebhooks, QuestionPermissionWebhooksWrite:
		return SubjectToken
	case QuestionAccountExists, QuestionAccountPersonal, QuestionAccountIdentity:
		return SubjectAccount
	case QuestionProjectExists, QuestionProjectPath, QuestionProjectOwner, QuestionProjectActive, QuestionProjectRole,
		QuestionProjectWebhooks, QuestionSubgroup:
		return SubjectProject
	case QuestionSiteReachable, QuestionSitePublic, QuestionSiteCertificate:
		return SubjectSite
	}
	return ""
}
