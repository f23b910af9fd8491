package report_test

import (
	"bytes"
	"strings"
	"testing"

	"reconciler/internal/binding"
	"reconciler/internal/report"
)

func record() report.RegistryRecord {
	shape := &report.Shape{
		Types: []string{"object", "null"}, Forms: []string{"json"}, Values: []string{"GITLAB"}, Lengths: []string{"one"}, Cut: true,
		Fields: []report.ShapeField{{Name: "?", Shape: &report.Shape{Types: []string{"integer"}, Forms: []string{"milliseconds"}}}},
		Items:  &report.Shape{Types: []string{"string"}},
	}
	return report.RegistryRecord{
		APIVersion: binding.APIVersion, Kind: report.KindRegistryRecord, Source: report.FromHAR,
		Calls: []report.RecordedCall{
			{
				Call: "bind", Version: "2018-12-01", Action: "CreateSourceCodeAccount", Method: "POST", Host: "?", Path: "/?",
				Platform: "gitlab", Parameters: []string{"?"}, Served: report.Served, Status: 200, Code: "?", Message: says("refused"), Request: shape, Answer: shape,
			},
			{Action: "GetInstance", Method: "POST", Path: "/", Served: report.NotSent, Message: says("no id")},
		},
		ProfileCalls: []report.ProfileCall{{Call: "bind", Basis: "recorded"}},
		Missing:      []report.Text{says("list")}, Next: []report.Text{says("again")}, Profile: "kind: WireProfile\n",
	}
}

func verification() report.RegistryVerification {
	seconds := 1.5
	return report.RegistryVerification{
		APIVersion: binding.APIVersion, Kind: report.KindRegistryVerification, Instance: "prod", Platform: "gitlab",
		Assumptions: []report.Assumption{{Name: "access", Verdict: report.Holds, Message: says("it is")}, {Name: "created", Verdict: report.DoesNotHold}},
		BindSeconds: &seconds, UnbindSeconds: &seconds, Settle: "30s", Interrupted: true,
		Left: []report.LeftBehind{{Message: says("an account"), Remove: []report.Text{says("unbind it")}}},
	}
}

func TestRegistryReportsKeepToThePublishedSchemas(t *testing.T) {
	for _, r := range []report.RegistryRecord{record(), {APIVersion: binding.APIVersion, Kind: report.KindRegistryRecord, Source: report.FromAPI}} {
		var out bytes.Buffer
		if err := report.RegistryRecordJSON(&out, r); err != nil {
			t.Fatal(err)
		}
		validateOwn(t, out.Bytes())
	}
	for _, v := range []report.RegistryVerification{verification(), {APIVersion: binding.APIVersion, Kind: report.KindRegistryVerification}} {
		var out bytes.Buffer
		if err := report.RegistryVerificationJSON(&out, v); err != nil {
			t.Fatal(err)
		}
		validateOwn(t, out.Bytes())
	}
}

func TestRegistryReportsAreHarmlessForATerminal(t *testing.T) {
	r, v := record(), verification()
	r.Missing, r.Profile, r.Calls[0].Path = []report.Text{says("\x1b[31mred")}, "a: \x1b]0;title\n", "/\x1b[2J"
	v.Assumptions[0].Message, v.Left[0].Message, v.Left[0].Remove = says("\x1b[31mred"), says("\x1b[2J"), []report.Text{says("\x1b[2J")}
	var out bytes.Buffer
	if err := report.RegistryRecordText(&out, r, report.Style{}); err != nil {
		t.Fatal(err)
	}
	if err := report.RegistryVerificationText(&out, v, report.Style{Width: 60}); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("an escape sequence is written:\n%q", out.String())
	}
}
