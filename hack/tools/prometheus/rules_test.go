package prometheus

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/rules"
	"sigs.k8s.io/yaml"
)

const root = "../../.."

// rule is an alert of config/prometheus/rules.yaml.
type rule struct {
	Alert       string            `json:"alert"`
	Expr        string            `json:"expr"`
	For         string            `json:"for"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
}

func readRules(t *testing.T) []rule {
	t.Helper()
	var object struct {
		Spec struct {
			Groups []struct {
				Rules []rule `json:"rules"`
			} `json:"groups"`
		} `json:"spec"`
	}
	if err := yaml.Unmarshal(read(t, "config/prometheus/rules.yaml"), &object); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range object.Spec.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 10 {
		t.Fatalf("only %d alerts were found", len(all))
	}
	return all
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(path)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func (r rule) key() string { return r.Alert + " " + r.Labels["severity"] }

// Each alert can be looked up where it sends whoever is paged.
func TestAlertsAreDocumented(t *testing.T) {
	page := string(read(t, "docs/reference/alerts.md"))
	sections := map[string]string{}
	for _, section := range strings.Split(page, "\n## ")[1:] {
		name, text, _ := strings.Cut(section, "\n")
		sections[name] = text
	}
	named := map[string]bool{}
	for _, r := range readRules(t) {
		named[r.Alert] = true
		if want := "https://github.com/rollcall-dev/rollcall/blob/main/docs/reference/alerts.md#" + strings.ToLower(r.Alert); r.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %q", r.Alert, r.Annotations["runbook_url"], want)
		}
		for _, part := range []string{"**Meaning.**", "**Look.**", "**Cure.**"} {
			if !strings.Contains(sections[r.Alert], part) {
				t.Errorf("docs/reference/alerts.md: the section %s has no %s", r.Alert, part)
			}
		}
		if !slices.Contains([]string{"info", "warning", "critical"}, r.Labels["severity"]) {
			t.Errorf("%s: severity is %q", r.Alert, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s says nothing", r.Alert)
		}
	}
	for name := range sections {
		if !named[name] {
			t.Errorf("docs/reference/alerts.md has a section %s, and there is no such alert", name)
		}
	}
}

// active are the alerts that fire at a moment after the beginning of the series, by
// key, with their summaries. A rule is evaluated each minute until then, as Prometheus
// does.
func active(t *testing.T, all []rule, series string, at time.Duration) map[string][]string {
	t.Helper()
	storage := promqltest.LoadedStorage(t, "load 1m\n"+strings.Trim(series, "\n"))
	defer storage.Close()
	query := rules.EngineQueryFunc(promqltest.NewTestEngine(t, false, 5*time.Minute, 1e6), storage)
	firing := map[string][]string{}
	for _, r := range all {
		expr, err := parser.NewParser(parser.Options{}).ParseExpr(r.Expr)
		if err != nil {
			t.Fatalf("%s: %v", r.Alert, err)
		}
		hold := model.Duration(0)
		if r.For != "" {
			if hold, err = model.ParseDuration(r.For); err != nil {
				t.Fatalf("%s: %v", r.Alert, err)
			}
		}
		alert := rules.NewAlertingRule(r.Alert, expr, time.Duration(hold), 0, labels.FromMap(r.Labels), labels.FromMap(r.Annotations),
			labels.EmptyLabels(), "", true, slog.New(slog.DiscardHandler))
		// The last hours are enough for every window and every hold.
		for now := max(0, at-3*time.Hour); now <= at; now += time.Minute {
			if _, err := alert.Eval(context.Background(), 0, time.Unix(0, 0).Add(now), query, nil, 0); err != nil {
				t.Fatalf("%s: %v", r.Alert, err)
			}
		}
		for _, a := range alert.ActiveAlerts() {
			if a.State == rules.StateFiring {
				firing[r.key()] = append(firing[r.key()], a.Annotations.Get("summary"))
			}
		}
	}
	return firing
}
