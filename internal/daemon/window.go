package daemon

import (
	"errors"
	"slices"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/reconcile"
	"reconciler/internal/server"
)

// errNoWindows says that a glass is to be broken where there is none.
var errNoWindows = errors.New("break-glass: no instance that is meant has windows; it can be changed at any time")

// hasWindows says that there are times at which the instance is not changed.
func (i *instance) hasWindows() bool {
	_, always := i.reconciler.Window()
	return !always
}

// glassOf is a person's leave to change instances outside of their windows; nil
// where the request asks for none.
func glassOf(who server.Caller, req client.SyncRequest) *reconcile.BreakGlass {
	if !req.BreakGlass {
		return nil
	}
	return &reconcile.BreakGlass{Person: who.Person(req.By), Reason: req.Reason, Binding: req.Binding}
}

// BreakGlass lets what was loaded be applied outside of windows, on the word of
// a person. It is refused without a name and a reason.
func (e *Engine) BreakGlass(loaded *Loaded, who binding.Person, reason string) error {
	glass := reconcile.BreakGlass{Person: who, Reason: reason}
	if err := glass.Check(); err != nil {
		return err
	}
	if !slices.ContainsFunc(e.present().instances, (*instance).hasWindows) {
		return errNoWindows
	}
	loaded.Desired.BreakGlass = append(loaded.Desired.BreakGlass, glass)
	return nil
}
