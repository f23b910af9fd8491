package plan

import (
	"cmp"
	"slices"
	"strings"

	"reconciler/internal/binding"
)

// Remember returns the record after an action was carried out, or nil if nothing is
// left to remember. old is the record of the action's binding before, nil if there
// is none, and is not changed. account is the registry's answer to a bind or
// rebind, nil for other actions. The caller sets the time of applying and, if
// Target.Record has a different name than the action, removes that record.
func Remember(a Action, old *binding.Record, account *binding.Account) *binding.Record {
	if old == nil {
		old = a.Target.Record // It is from an earlier name of the binding.
	}
	if a.Object.IsAccount() {
		return rememberAccount(a, old, account)
	}
	var r binding.Record
	if old != nil {
		r = *old
	}
	r.Instance, r.Binding, r.Platform = a.Instance, a.Binding, a.Platform
	r.Images = slices.Clone(r.Images)
	i := slices.IndexFunc(r.Images, func(i binding.RecordedImage) bool {
		return binding.NormalImage(i.Image) == a.Target.Image
	})
	if i < 0 {
		r.Images = append(r.Images, binding.RecordedImage{Image: a.Target.Image})
		i = len(r.Images) - 1
	}
	rememberImage(&r.Images[i], a)
	if img := r.Images[i]; a.Kind != Create && img.Link == nil && img.Unlinked == nil && len(img.Rules) == 0 {
		r.Images = slices.Delete(r.Images, i, i+1)
	}
	slices.SortFunc(r.Images, func(a, b binding.RecordedImage) int { return strings.Compare(a.Image, b.Image) })
	return &r
}

func rememberAccount(a Action, old *binding.Record, account *binding.Account) *binding.Record {
	switch a.Kind {
	case Unbind:
		if old == nil {
			return nil
		}
		r := old.AsRemoved()
		if a.Target.Account != nil {
			r.AccountID = a.Target.Account.ID
		}
		return &r
	case Bind, Rebind, Adopt:
	default:
		return old
	}
	d := a.Target.Declaration
	r := binding.Record{
		Instance: a.Instance, Binding: a.Binding, Platform: a.Platform, Managed: true,
		Username: d.Spec.Username, Address: d.Spec.Address,
		Asked:          binding.Account{Platform: a.Platform, Username: d.Spec.Username, Address: d.Spec.Address},
		DeletionPolicy: d.Spec.Deletion(),
		TokenVersion:   a.Target.TokenVersion, TokenCreated: a.Target.TokenCreated, TokenFingerprint: a.Target.TokenFingerprint,
		File: d.File, Revision: d.Revision,
	}
	if d.Spec.Token != nil {
		r.Vault = d.Spec.Token.Vault
	}
	if old != nil {
		r.Refused = old.Refused
		if same := old.Refused.Is(binding.RefusalOf(d.Spec, a.Target.TokenVersion, a.Target.TokenCreated)); same && a.Kind != Adopt {
			r.Refused = binding.Refusal{} // It could be bound this time.
		}
		r.Images, r.UserID = old.Images, old.Identify(r.Asked).UserID
		r = r.After(*old)
		r.Unbound = old.AccountID
	}
	if a.Target.Account != nil {
		r.Unbound = a.Target.Account.ID
	}
	if account == nil && a.Kind == Adopt {
		account = a.Target.Account
	}
	if a.Kind == Adopt {
		r.Unbound, r.UnboundBefore = "", nil
		if old != nil && account != nil && old.Is(*account) {
			r.Written, r.Unbound, r.UnboundBefore = old.Written, old.Unbound, old.UnboundBefore
		}
		if old != nil && account == nil { // The registry does not show it, so a person confirmed it.
			r.Attested, r.StepAsked = old.Attested, old.StepAsked
		}
	}
	if account != nil {
		r.AccountID = account.ID
		r.Username, r.Address = cmp.Or(account.Username, r.Username), cmp.Or(account.Address, r.Address)
	}
	return &r
}

func rememberImage(img *binding.RecordedImage, a Action) {
	switch a.Kind {
	case Create:
		img.SetLink(a.Target.Remembered())
	case Link, Relink:
		img.SetLink(a.Target.Link)
	case Unlink:
		img.SetLink(nil)
	case Adopt:
		if a.Target.Link != nil {
			img.AdoptLink(a.Target.Link)
			return
		}
		*img = img.AdoptRule(a.Target.Rule)
	case AddRule, ChangeRule:
		*img = img.WithRule(a.Target.Rule)
	case RemoveRule:
		*img = img.WithoutRule(a.Target.Rule)
	default:
	}
}
