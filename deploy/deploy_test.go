package deploy

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"reconciler/internal/metrics"
)

// rule is an alert.
type rule struct {
	Alert, Expr         string
	Labels, Annotations map[string]string
}

func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct{ Rules []rule }
	}
	read(t, "prometheus/alerts.yaml", yaml.Unmarshal, &file)
	if len(file.Groups) != 1 || len(file.Groups[0].Rules) < 10 {
		t.Fatalf("%d groups", len(file.Groups))
	}
	return file.Groups[0].Rules
}

func read(t *testing.T, path string, unmarshal func([]byte, any) error, into any) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(text)
}

// dashboard is what is looked at of Grafana's model.
type dashboard struct {
	Title      string
	Panels     []panel
	Templating struct {
		List []struct{ Name, Type, Definition string }
	}
}

type panel struct {
	ID                       int
	Title, Type, Description string
	Targets                  []struct{ Expr, RefID string }
}

func readDashboard(t *testing.T) (d dashboard, text string) {
	t.Helper()
	text = read(t, "grafana/reconciler.json", json.Unmarshal, &d)
	if len(d.Panels) < 20 {
		t.Fatalf("%d panels", len(d.Panels))
	}
	return d, text
}

// expressions are those of the dashboard, by panel, with Grafana's variables
// filled in.
func expressions(t *testing.T) map[string][]string {
	t.Helper()
	d, _ := readDashboard(t)
	found := map[string][]string{}
	for _, p := range d.Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$job", ".+", "$registry", ".+").Replace(target.Expr)
			found[p.Title] = append(found[p.Title], expr)
		}
	}
	return found
}

// served are the names of all series that the daemon serves, with the labels
// of each.
func served() map[string][]string {
	names := map[string][]string{}
	for _, m := range metrics.Reference() {
		if m.Type != "histogram" {
			names[m.Name] = m.Labels
			continue
		}
		for _, part := range []string{"_bucket", "_sum", "_count"} {
			names[m.Name+part] = append(slices.Clone(m.Labels), "le")
		}
	}
	return names
}

var (
	ours     = regexp.MustCompile(`reconciler_[a-z_]+`)
	selector = regexp.MustCompile(`(reconciler_[a-z_]+)\{([^}]*)\}`)
	matcher  = regexp.MustCompile(`([a-z_]+)\s*(?:=~|!~|!=|=)`)
	grouping = regexp.MustCompile(`by \(([a-z_, ]+)\)`)
)

// check holds an expression to what is served.
func check(t *testing.T, where, expr string) {
	t.Helper()
	names := served()
	labels := []string{"job", "instance"}
	for _, name := range ours.FindAllString(expr, -1) {
		if _, ok := names[name]; !ok {
			t.Errorf("%s: the daemon serves no %s", where, name)
		}
		labels = append(labels, names[name]...)
	}
	for _, found := range selector.FindAllStringSubmatch(expr, -1) {
		for _, m := range matcher.FindAllStringSubmatch(found[2], -1) {
			if m[1] != "job" && m[1] != "instance" && !slices.Contains(names[found[1]], m[1]) {
				t.Errorf("%s: %s has no label %s", where, found[1], m[1])
			}
		}
	}
	for _, found := range grouping.FindAllStringSubmatch(expr, -1) {
		for label := range strings.SplitSeq(found[1], ",") {
			if !slices.Contains(labels, strings.TrimSpace(label)) {
				t.Errorf("%s: grouped by %s, which no metric in it has", where, label)
			}
		}
	}
}

func TestEveryMetricNamedIsServed(t *testing.T) {
	for _, r := range rules(t) {
		check(t, r.Alert, r.Expr)
	}
	asked := 0
	for title, exprs := range expressions(t) {
		for _, expr := range exprs {
			asked++
			check(t, title, expr)
		}
	}
	if asked < 25 {
		t.Errorf("only %d expressions in the dashboard", asked)
	}
	d, _ := readDashboard(t)
	for _, v := range d.Templating.List {
		check(t, "variable "+v.Name, v.Definition)
	}
	var tests struct {
		Tests []struct {
			InputSeries []struct{ Series string } `yaml:"input_series"`
		}
	}
	read(t, "prometheus/alerts_test.yaml", yaml.Unmarshal, &tests)
	for _, test := range tests.Tests {
		for _, s := range test.InputSeries {
			check(t, "alerts_test.yaml", s.Series)
		}
	}
}

func TestEveryAlertSaysWhatToDo(t *testing.T) {
	runbook, err := os.ReadFile("../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules(t) {
		if s := r.Labels["severity"]; s != "critical" && s != "warning" {
			t.Errorf("%s: severity %q", r.Alert, s)
		}
		if len(r.Annotations["summary"]) < 10 || len(r.Annotations["description"]) < 80 {
			t.Errorf("%s: summary %q, description %q", r.Alert, r.Annotations["summary"], r.Annotations["description"])
		}
		if want := "docs/alerts.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		if !strings.Contains(string(runbook), "\n## "+r.Alert+"\n") {
			t.Errorf("docs/alerts.md has no chapter %s", r.Alert)
		}
	}
}

// TestEveryAlertIsTestedBothWays: alerts_test.yaml, which promtool runs, has a
// time at which each alert fires, and one at which it does not or nothing does.
func TestEveryAlertIsTestedBothWays(t *testing.T) {
	var file struct {
		Tests []struct {
			Rules []struct {
				Alertname string
				Exp       []any `yaml:"exp_alerts"`
			} `yaml:"alert_rule_test"`
			Exprs []struct {
				Expr string
				Exp  []struct{ Labels string } `yaml:"exp_samples"`
			} `yaml:"promql_expr_test"`
		}
	}
	read(t, "prometheus/alerts_test.yaml", yaml.Unmarshal, &file)
	fires, silent := map[string]bool{}, map[string]bool{}
	note := func(alert string, firing bool) {
		fires[alert], silent[alert] = fires[alert] || firing, silent[alert] || !firing
	}
	name := regexp.MustCompile(`alertname=~?"(\w+)`)
	for _, test := range file.Tests {
		for _, r := range test.Rules {
			note(r.Alertname, len(r.Exp) > 0)
		}
		for _, e := range test.Exprs {
			for _, s := range e.Exp {
				note(name.FindStringSubmatch(s.Labels)[1], true)
			}
			switch asked := name.FindStringSubmatch(e.Expr); {
			case len(e.Exp) > 0:
			case asked != nil:
				note(asked[1], false)
			default:
				for _, r := range rules(t) {
					note(r.Alert, false)
				}
			}
		}
	}
	for _, r := range rules(t) {
		if !fires[r.Alert] || !silent[r.Alert] {
			t.Errorf("%s: fires in a test %v, is silent in one %v", r.Alert, fires[r.Alert], silent[r.Alert])
		}
	}
}

func TestTheDashboardCanBeImportedAnywhere(t *testing.T) {
	d, text := readDashboard(t)
	for _, found := range regexp.MustCompile(`"uid":\s*"([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if found[1] != "${datasource}" {
			t.Errorf("a data source is named by its uid %q: it is another one in every Grafana", found[1])
		}
	}
	if d.Templating.List[0].Type != "datasource" {
		t.Error("the data source cannot be chosen")
	}
	ids := map[int]string{}
	for _, p := range d.Panels {
		if ids[p.ID] != "" || p.ID == 0 {
			t.Errorf("panels %q and %q have the id %d", p.Title, ids[p.ID], p.ID)
		}
		ids[p.ID] = p.Title
		if p.Type != "row" && (p.Description == "" || len(p.Targets) == 0) {
			t.Errorf("panel %q has description %q and %d queries", p.Title, p.Description, len(p.Targets))
		}
	}
}

// TestPromtoolTakesAlertsAndDashboard runs promtool where `make alerts` names
// it.
func TestPromtoolTakesAlertsAndDashboard(t *testing.T) {
	promtool := os.Getenv("RECONCILER_PROMTOOL")
	if promtool == "" {
		t.Skip("RECONCILER_PROMTOOL is not set; make alerts sets it")
	}
	// Grafana's queries have no checker of their own; as recording rules they do.
	recorded := []map[string]string{}
	for title, exprs := range expressions(t) {
		for _, expr := range exprs {
			recorded = append(recorded, map[string]string{"record": fmt.Sprintf("panel:%d", len(recorded)), "expr": "# " + title + "\n" + expr})
		}
	}
	queries, err := yaml.Marshal(map[string]any{"groups": []any{map[string]any{"name": "dashboard", "rules": recorded}}})
	if err != nil {
		t.Fatal(err)
	}
	panels := filepath.Join(t.TempDir(), "panels.yaml")
	if err := os.WriteFile(panels, queries, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"check", "rules", "prometheus/alerts.yaml", panels},
		{"test", "rules", "prometheus/alerts_test.yaml"},
	} {
		out, err := exec.CommandContext(t.Context(), promtool, args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "SUCCESS") {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}
