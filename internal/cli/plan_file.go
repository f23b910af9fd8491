package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"regexp"

	"reconciler/internal/message"
	"reconciler/internal/plan"
	"reconciler/internal/report"
)

// savePlan writes a plan that was shown to the file of --out.
func savePlan(path string, f report.PlanFile) error {
	var text bytes.Buffer
	if err := report.WritePlanFile(&text, f); err != nil {
		return err
	}
	if err := saveOutput(path, text.Bytes()); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	return nil
}

// expectation is what a plan has to be for it to be applied.
type expectation struct {
	// name is what the refusal calls it.
	name string
	// digest is the plan's; empty where any will do.
	digest string
	// kept is the plan that was kept in a file; nil where only the digest is
	// known.
	kept *report.PlanFile
}

// readPlanFile reads a plan that is to be applied.
func readPlanFile(path string) (expectation, error) {
	file, err := os.Open(path)
	if err != nil {
		return expectation{}, fmt.Errorf("apply: %w", err)
	}
	defer func() { _ = file.Close() }()
	kept, err := report.ReadPlanFile(file)
	if err != nil {
		return expectation{}, fmt.Errorf("apply: %s: %w", path, err)
	}
	return expectation{name: path, digest: kept.Plan.Digest(), kept: &kept}, nil
}

// expectDigest is the expectation of --expect.
func expectDigest(digest string) (expectation, error) {
	if !regexp.MustCompile(`^sha256:[0-9a-f]{64}$`).MatchString(digest) {
		return expectation{}, fmt.Errorf("apply: --expect %q is not a digest: want sha256: and 64 hexadecimal digits, as plan prints it", digest)
	}
	return expectation{name: "--expect", digest: digest}, nil
}

// check refuses a plan other than the expected one: it says in talk in what
// they differ, and on the error stream what to do.
func (e expectation) check(streams Streams, talk io.Writer, s *session, p plan.Plan) error {
	if e.digest == "" {
		return nil
	}
	var reasons []string
	if digest := p.Digest(); digest != e.digest {
		reasons = append(reasons, fmt.Sprintf("the plan's digest is %s now, not %s", digest, e.digest))
	}
	if e.kept != nil {
		for _, m := range plan.Moved(e.kept.Plan.Instances, p.Instances) {
			reasons = append(reasons, fmt.Sprintf("instance %s has %s %q now, not %q", m.Instance, m.Field, m.To, m.From))
		}
	}
	if e.kept != nil && e.kept.Revision != s.loaded.Desired.Revision {
		reasons = append(reasons, fmt.Sprintf("the source is at %s now, not %s", report.Short(s.loaded.Desired.Revision), report.Short(e.kept.Revision)))
	}
	if e.kept != nil && e.kept.Observation != s.observation {
		reasons = append(reasons, "what was observed is something else now")
	}
	if len(reasons) == 0 {
		return nil
	}
	if err := e.refuse(streams, talk, p, reasons); err != nil {
		return err
	}
	return exitCode(exitRefused)
}

func (e expectation) refuse(streams Streams, talk io.Writer, p plan.Plan, reasons []string) error {
	style := streams.style(talk)
	switch {
	case e.kept == nil:
		if err := report.Plan(talk, p, style); err != nil {
			return err
		}
	case e.digest == p.Digest():
		if _, err := fmt.Fprintln(talk, style.Language.Text(message.New("apply-text.same"))); err != nil {
			return err
		}
	default:
		if _, err := fmt.Fprintf(talk, "%s\n\n", style.Language.Text(message.New("apply-text.differs", "file", e.name))); err != nil {
			return err
		}
		if err := report.PlanDifference(talk, e.kept.Plan, p, style); err != nil {
			return err
		}
	}
	for _, reason := range reasons {
		if _, err := fmt.Fprintf(streams.Err, "reconciler: apply: %s: %s\n", e.name, report.Harmless(reason)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(streams.Err, "reconciler: apply: refused, nothing was changed; plan again, and have the new plan reviewed")
	return err
}
