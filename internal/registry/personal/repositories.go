package personal

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"reconciler/internal/binding"
	"reconciler/internal/message"
	"reconciler/internal/registry/line"
	"reconciler/internal/registry/wire"
)

func repositoryPath(image string) (string, error) {
	namespace, name, found := strings.Cut(image, "/")
	if !found || !isName(namespace) || !isName(name) {
		return "", message.NewError("registry.image", "image", image)
	}
	return "/repos/" + url.PathEscape(namespace) + "/" + url.PathEscape(name), nil
}

// isName reports whether s can be a segment of a path. The registry itself
// decides whether the name is valid.
func isName(s string) bool {
	return s != "" && s != "." && s != ".." && len(s) <= 128 && !strings.ContainsAny(s, "/\\+%?#*~ ")
}

// Repository implements registry.RepositoryReader. It leaves out what the
// endpoint does not serve. It requests the rules first, because their call is
// documented to answer REPO_NOT_EXIST.
func (d *Driver) Repository(ctx context.Context, image string) (binding.RepositoryState, error) {
	op := message.New("op.registry.read-repository")
	state, can := binding.RepositoryState{Exists: true}, d.can()
	c, err := d.repositoryCall(op, image)
	if err != nil {
		return binding.RepositoryState{}, err
	}
	if !can.ReadRules && !can.ReadSources {
		c.Action, c.Method = "GetRepo", http.MethodGet
		_, err := d.line.Do(ctx, c)
		return orAbsent(state, err)
	}
	if can.ReadRules {
		c.Action, c.Method, c.Path = "GetRepoBuildRuleList", http.MethodGet, c.Path+"/rules"
		body, err := d.line.Do(ctx, c)
		if err != nil {
			return orAbsent(state, err)
		}
		if state.Rules, err = decodeRules(body); err != nil {
			return binding.RepositoryState{}, d.line.Unreadable(op, image, err)
		}
	}
	if can.ReadSources {
		body, err := d.line.Described(ctx, op, image, wire.ReadSource, wire.Arguments{Image: image})
		if line.Absent(err) && can.ReadRules {
			// The registry has just returned its rules, so it exists and only its
			// source is unknown.
			return binding.RepositoryState{}, d.line.Unreadable(op, image, err)
		}
		if err != nil || body == nil {
			return orAbsent(state, err)
		}
		if state.Link, err = d.line.Profile().Link(body); err != nil {
			return binding.RepositoryState{}, d.line.Unreadable(op, image, err)
		}
	}
	return state, nil
}

// orAbsent returns the state of an image repository. It does not exist if the
// registry says so, and is unknown if a read failed.
func orAbsent(state binding.RepositoryState, err error) (binding.RepositoryState, error) {
	if err == nil {
		return state, nil
	}
	if none, ok := line.NoRepository(err); ok {
		return none, nil
	}
	return binding.RepositoryState{}, err
}

// repositoryCall prepares a call on an image repository, with the repository's
// path.
func (d *Driver) repositoryCall(op message.Message, image string) (line.Call, error) {
	path, err := repositoryPath(image)
	if err != nil {
		return line.Call{}, d.line.Failure(binding.Refused, op, image, message.Message{}, err)
	}
	return line.Call{Op: op, Object: image, Path: path}, nil
}

// Link implements registry.RepositoryWriter.
func (d *Driver) Link(ctx context.Context, image string, link binding.Link) error {
	return d.source(ctx, message.New("op.registry.link"), wire.WriteSource, image, link)
}

// Unlink implements registry.RepositoryWriter. It reads back the result of the
// call.
func (d *Driver) Unlink(ctx context.Context, image string) error {
	op := message.New("op.registry.unlink")
	if err := d.source(ctx, op, wire.RemoveSource, image, binding.Link{}); err != nil {
		return err
	}
	state, err := d.Repository(ctx, image)
	if err != nil {
		return d.line.Failure(binding.OutcomeUnknown, op, image, message.New("registry.look-again"), err)
	}
	if state.Link != nil {
		return d.line.Failure(binding.OutcomeUnknown, op, image, message.New("registry.source-stays"), message.NewError("registry.source-kept"))
	}
	return nil
}

// source sets or removes the source of an image repository.
func (d *Driver) source(ctx context.Context, op message.Message, o wire.Operation, image string, link binding.Link) error {
	if _, err := d.repositoryCall(op, image); err != nil {
		return err
	}
	_, err := d.line.Described(ctx, op, image, o, wire.Arguments{Image: image, Link: link})
	return err
}

// AddRule implements registry.RuleWriter.
func (d *Driver) AddRule(ctx context.Context, image string, rule binding.BuildRule) (binding.ObservedRule, error) {
	op := message.New("op.registry.add-rule")
	body, err := d.writeRule(ctx, op, image, "", rule)
	if err != nil {
		return binding.ObservedRule{}, err
	}
	id, err := decodeRuleID(body)
	if err != nil {
		return binding.ObservedRule{}, d.line.Failure(binding.OutcomeUnknown, op, image, message.New("registry.look-before-adding"), err)
	}
	return binding.ObservedRule{ID: id, BuildRule: rule}, nil
}

// ChangeRule implements registry.RuleWriter.
func (d *Driver) ChangeRule(ctx context.Context, image string, rule binding.ObservedRule) error {
	op := message.New("op.registry.change-rule")
	if !isNumber(rule.ID) {
		return d.line.Failure(binding.Refused, op, image, message.Message{}, message.NewError("registry.rule-number", "rule", rule.ID))
	}
	_, err := d.writeRule(ctx, op, image, rule.ID, rule.BuildRule)
	return err
}

// writeRule adds a rule, or changes the one with the given ID.
func (d *Driver) writeRule(ctx context.Context, op message.Message, image, id string, rule binding.BuildRule) ([]byte, error) {
	c, err := d.repositoryCall(op, image)
	if err != nil {
		return nil, err
	}
	c.Object += " " + rule.Key()
	if c.Body, err = encodeRule(rule); err != nil {
		return nil, d.line.Failure(binding.Refused, op, c.Object, message.Message{}, err)
	}
	c.Action, c.Method, c.Path = "CreateRepoBuildRule", http.MethodPut, c.Path+"/rules"
	if id != "" {
		c.Action, c.Method, c.Path = "UpdateRepoBuildRule", http.MethodPost, c.Path+"/"+id
	}
	return d.line.Do(ctx, c)
}

// RemoveRule implements registry.RuleWriter.
func (d *Driver) RemoveRule(ctx context.Context, image, id string) error {
	op := message.New("op.registry.remove-rule")
	c, err := d.repositoryCall(op, image)
	if err != nil {
		return err
	}
	if !isNumber(id) {
		return d.line.Failure(binding.Refused, op, image, message.Message{}, message.NewError("registry.rule-number", "rule", id))
	}
	c.Object += " rule " + id
	c.Action, c.Method, c.Path = "DeleteRepoBuildRule", http.MethodDelete, c.Path+"/rules/"+id
	_, err = d.line.Do(ctx, c)
	return err
}

// isNumber reports whether an ID can be part of a path.
func isNumber(id string) bool {
	return id != "" && len(id) < 20 && strings.Trim(id, "0123456789") == ""
}
