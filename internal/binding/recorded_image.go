package binding

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// RecordedImage is an image repository that we linked or created build rules for.
type RecordedImage struct {
	Image string
	// Link is what was written last; nil if it is unknown or was removed. It
	// distinguishes drift from a changed declaration.
	Link *Link
	// Unconfirmed are the fields of Link that were not declared when a person
	// confirmed it: their values are unknown.
	Unconfirmed []string
	// StepAsked is true once a person was asked to set up something else, as for
	// Record.StepAsked.
	StepAsked bool
	// LinkWritten is when Link was written or, if it is nil, removed. Unlinked is
	// the link that was removed then. If both are nil, the image repository was
	// created then, with a source that nobody has confirmed yet.
	LinkWritten Write
	Unlinked    *Link
	// SourceID is the code host's number for the project of Link, as it was first
	// seen; empty if it is unknown.
	SourceID string
	// Rules are the build rules that we made, and those that we removed recently,
	// sorted by key and id.
	Rules []RecordedRule
	// Undeclared is true if the image repository stayed when its declaration went,
	// and its source was not applied since.
	Undeclared bool
}

// Image returns what is remembered about an image repository; nil if nothing is, or
// the record is nil.
func (r *Record) Image(image string) *RecordedImage {
	if r == nil {
		return nil
	}
	i := slices.IndexFunc(r.Images, func(i RecordedImage) bool { return NormalImage(i.Image) == NormalImage(image) })
	if i < 0 {
		return nil
	}
	return &r.Images[i]
}

// RecordedRule is a build rule that we made, as it was written last.
type RecordedRule struct {
	// ID is the registry's number for it; empty if it is unknown.
	ID  string `json:"id,omitempty"`
	Key string `json:"key"`
	// Dockerfile is in its normal form; empty if it is unknown.
	Dockerfile string `json:"dockerfile,omitempty"`
	Written    Write  `json:"written,omitzero"`
	// Removed is true if we removed the rule.
	Removed bool `json:"removed,omitempty"`
	// Undeclared is true if the rule stayed when its declaration went, and was not
	// applied since.
	Undeclared bool `json:"undeclared,omitempty"`
}

// maxRemovedRules bounds how many removed rules of an image repository are
// remembered.
const maxRemovedRules = 20

// RuleKeys are the keys of the rules that we made and did not remove, sorted.
func (i RecordedImage) RuleKeys() []string {
	keys := map[string]bool{}
	for _, r := range i.Rules {
		if !r.Removed {
			keys[r.Key] = true
		}
	}
	return slices.Sorted(maps.Keys(keys))
}

// identify remembers the number of the linked project, if the code host confirms
// that the project is at the recorded path.
func (i *RecordedImage) identify(projects map[string]ProjectState) {
	if i.Link == nil || i.SourceID != "" {
		return
	}
	state := projects[i.Link.Source]
	for _, a := range state.Answers {
		if a.Question == QuestionProjectPath && a.Verdict == Yes {
			i.SourceID = state.ID
		}
	}
}

// SetLink replaces the recorded link, or removes it if link is nil. SourceID is
// kept only if the source remains the same.
func (i *RecordedImage) SetLink(link *Link) {
	if i.Link == nil || link == nil || !SameSource(i.Link.Source, link.Source) {
		i.SourceID = ""
	}
	i.Unlinked = nil
	if link == nil {
		i.Unlinked = i.Link
	} else {
		i.Undeclared = false
	}
	i.Link, i.LinkWritten, i.Unconfirmed, i.StepAsked = link, Write{}, nil, false
}

// HasLeftovers reports whether anything of ours is left: a link or a rule.
func (i RecordedImage) HasLeftovers() bool { return i.Link != nil || len(i.RuleKeys()) > 0 }

// Dockerfile is the Dockerfile of a rule as it was written last; empty if that is
// unknown.
func (i RecordedImage) Dockerfile(key string) string {
	for _, r := range i.Rules {
		if r.Key == key && !r.Removed {
			return r.Dockerfile
		}
	}
	return ""
}

// Made returns the recorded rule that matches an observed rule: the one with its
// ID, even if we removed it. Otherwise it is one with its key, if the ID of either
// is unknown. It is nil if the observed rule is not ours.
func (i RecordedImage) Made(rule ObservedRule) *RecordedRule {
	for n := range i.Rules {
		if r := &i.Rules[n]; r.ID != "" && r.ID == rule.ID {
			return r
		}
	}
	for n := range i.Rules {
		if r := &i.Rules[n]; (r.ID == "" || rule.ID == "") && r.Key == rule.Key() && !r.Removed {
			return r
		}
	}
	return nil
}

// Knows reports whether we made the rule with this ID, even if we removed it since.
func (i RecordedImage) Knows(id string) bool {
	return id != "" && slices.ContainsFunc(i.Rules, func(r RecordedRule) bool { return r.ID == id })
}

// WithRule returns the image repository after a rule was added, changed or adopted.
// An added rule has no ID yet: the registry assigns it later. i is not changed.
func (i RecordedImage) WithRule(rule ObservedRule) RecordedImage {
	is := RecordedRule{ID: rule.ID, Key: rule.Key(), Dockerfile: NormalDockerfile(rule.Dockerfile)}
	i.Rules = slices.Clone(i.Rules)
	if rule.ID == "" {
		// The previous rule is gone. If it shows up again, it is still ours.
		for n := range i.Rules {
			i.Rules[n].Removed = i.Rules[n].Removed || i.Rules[n].Key == is.Key
		}
		i.Rules = append(i.Rules, is)
	} else if made := i.Made(rule); made != nil {
		*made = is
	} else {
		i.Rules = append(i.Rules, is)
	}
	i.Rules = boundedRules(i.Rules)
	return i
}

// WithoutRule returns the image repository after a rule was removed. i is not
// changed.
func (i RecordedImage) WithoutRule(rule ObservedRule) RecordedImage {
	i.Rules = slices.Clone(i.Rules)
	if made := i.Made(rule); made != nil {
		made.ID, made.Removed, made.Written = rule.ID, true, Write{}
	}
	i.Rules = boundedRules(i.Rules)
	return i
}

// boundedRules sorts rules, and keeps the newest of those that were removed. A
// removed rule without an ID cannot be recognized, so it is not kept.
func boundedRules(rules []RecordedRule) []RecordedRule {
	removed := 0
	slices.SortFunc(rules, func(a, b RecordedRule) int { return b.Written.At.Compare(a.Written.At) })
	rules = slices.DeleteFunc(rules, func(r RecordedRule) bool {
		if r.Removed && !r.Written.At.IsZero() {
			removed++
		}
		return r.Removed && (r.ID == "" || removed > maxRemovedRules)
	})
	slices.SortFunc(rules, func(a, b RecordedRule) int {
		if c := strings.Compare(a.Key, b.Key); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return rules
}

// RecordedImageJSON is a RecordedImage as JSON. Files of earlier versions have only
// the keys and Dockerfiles of rules. Both are still written, so that earlier
// versions can read the file.
type RecordedImageJSON struct {
	Image       string            `json:"image"`
	RuleKeys    []string          `json:"ruleKeys,omitempty"`
	Link        *Link             `json:"link,omitempty"`
	Unconfirmed []string          `json:"unconfirmed,omitempty"`
	StepAsked   bool              `json:"stepAsked,omitempty"`
	Dockerfiles map[string]string `json:"dockerfiles,omitempty"`
	LinkWritten Write             `json:"linkWritten,omitzero"`
	Unlinked    *Link             `json:"unlinked,omitempty"`
	SourceID    string            `json:"sourceID,omitempty"`
	Rules       []RecordedRule    `json:"rules,omitempty"`
	Undeclared  bool              `json:"undeclared,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (i RecordedImage) MarshalJSON() ([]byte, error) {
	out := RecordedImageJSON{Image: i.Image, Link: i.Link, Unconfirmed: i.Unconfirmed, StepAsked: i.StepAsked, LinkWritten: i.LinkWritten, Unlinked: i.Unlinked, SourceID: i.SourceID, Rules: i.Rules, RuleKeys: i.RuleKeys(), Undeclared: i.Undeclared}
	for _, key := range out.RuleKeys {
		if dockerfile := i.Dockerfile(key); dockerfile != "" {
			if out.Dockerfiles == nil {
				out.Dockerfiles = map[string]string{}
			}
			out.Dockerfiles[key] = dockerfile
		}
	}
	return json.Marshal(out)
}

// UnmarshalJSON implements json.Unmarshaler.
func (i *RecordedImage) UnmarshalJSON(data []byte) error {
	var in RecordedImageJSON
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	*i = RecordedImage{Image: in.Image, Link: in.Link, Unconfirmed: in.Unconfirmed, StepAsked: in.StepAsked, LinkWritten: in.LinkWritten, Unlinked: in.Unlinked, SourceID: in.SourceID, Rules: in.Rules, Undeclared: in.Undeclared}
	if in.Rules != nil {
		return nil
	}
	for _, key := range slices.Sorted(slices.Values(in.RuleKeys)) {
		i.Rules = append(i.Rules, RecordedRule{Key: key, Dockerfile: in.Dockerfiles[key]})
	}
	return nil
}
