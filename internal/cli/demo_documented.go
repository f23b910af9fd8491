package cli

import (
	"context"

	"reconciler/internal/binding"
	"reconciler/internal/client"
	"reconciler/internal/message"
	"reconciler/internal/sandbox"
	"reconciler/internal/server"
)

// documented returns the chapters for a registry that serves only the documented
// calls.
func (s *story) documented(ctx context.Context) []chapter {
	ours := func(d binding.Declaration) bool { return d.Name == "payments-gitlab" }
	return []chapter{
		{
			message.New("demo.documented.commit"),
			func() error { return nil }, func() bool { return s.asked(func(binding.Declaration) bool { return true }) }, short,
		},
		{
			message.New("demo.documented.attest"),
			func() error { return s.actAsPerson(ctx, func(binding.Declaration) bool { return true }) }, s.allReady, short,
		},
		{
			message.New("demo.documented.change"),
			s.commit, func() bool { return s.world.hasRule("payments/api", "release.Dockerfile") && s.allReady() }, none,
		},
		{
			message.New("demo.documented.drift"),
			func() error { s.world.removeRules("payments/ledger"); return nil },
			func() bool { return s.world.hasRule("payments/ledger", "Dockerfile") && s.allReady() }, none,
		},
		{
			message.New("demo.documented.rotate"),
			s.rotate, func() bool { return s.asked(ours) }, none,
		},
		{
			message.New("demo.documented.bind"),
			func() error { return s.actAsPerson(ctx, ours) }, func() bool { return s.showsVersion("payments-gitlab", 2) && s.allReady() }, withConditions,
		},
	}
}

// asked reports whether each declaration that meant selects has a pending step.
func (s *story) asked(meant func(binding.Declaration) bool) bool {
	return s.narrator.all(len(s.world.declarations), func(b binding.Status) bool {
		return !meant(binding.Declaration{Name: b.Name, Spec: b.Spec}) || len(b.Steps) > 0
	})
}

// actAsPerson does in the console what the plan asks for, and confirms it.
func (s *story) actAsPerson(ctx context.Context, meant func(binding.Declaration) bool) error {
	for _, d := range s.world.declarations {
		if !meant(d) {
			continue
		}
		instance, platform := s.world.instance(d.Spec.Instance), string(d.Spec.Platform)
		instance.ConsoleBind(platform, d.Spec.Address, d.Spec.Username)
		for _, r := range d.Spec.Repositories {
			instance.ConsoleLink(r.Image, sandbox.ImageSource{Platform: platform, Project: r.Source, Auto: r.Trigger == binding.Auto})
		}
		if _, err := s.daemon.Attest(ctx, server.ThisProcess(), client.Attestation{Binding: d.Name, By: "the demo"}); err != nil {
			return err
		}
	}
	return nil
}
