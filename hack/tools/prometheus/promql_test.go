package prometheus

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// served are the labels of each metric of docs/reference/metrics.md, which hack/metrics
// writes from what the code registers.
func served(t *testing.T) map[string][]string {
	t.Helper()
	row := regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (?:(counter|gauge|histogram) \\| )?(.*?) \\|")
	all := map[string][]string{}
	for _, m := range row.FindAllStringSubmatch(string(read(t, "docs/reference/metrics.md")), -1) {
		names := []string{m[1]}
		var known []string
		for label := range strings.SplitSeq(m[3], ", ") {
			known = append(known, strings.Trim(label, "`"))
		}
		// The page does not say of which type those of the libraries are.
		if m[2] == "histogram" || m[2] == "" && strings.HasSuffix(m[1], "_seconds") {
			names = append(names, m[1]+"_bucket", m[1]+"_sum", m[1]+"_count")
			known = append(known, "le")
		}
		for _, name := range names {
			all[name] = append(known, "instance", "job", "namespace", "pod")
		}
	}
	if len(all) < 40 {
		t.Fatalf("only %d metrics were found", len(all))
	}
	return all
}

// problems are what is wrong with an expression: that it can't be read, or asks for
// what nobody serves.
func problems(expr string, served map[string][]string) (all []string) {
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		return []string{err.Error()}
	}
	parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			known, ok := served[n.Name]
			if !ok {
				all = append(all, fmt.Sprintf("there is no metric %q", n.Name))
				return nil
			}
			for _, m := range n.LabelMatchers {
				if m.Name != labels.MetricName && !slices.Contains(known, m.Name) {
					all = append(all, fmt.Sprintf("%s has no label %q", n.Name, m.Name))
				}
			}
		case *parser.AggregateExpr:
			all = append(all, missing(n.Expr, n.Grouping, served)...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil && n.VectorMatching.On {
				all = append(all, missing(n.LHS, n.VectorMatching.MatchingLabels, served)...)
				all = append(all, missing(n.RHS, n.VectorMatching.MatchingLabels, served)...)
			}
		}
		return nil
	})
	return all
}

// missing says of which labels no series below an expression has any.
func missing(expr parser.Expr, grouping []string, served map[string][]string) (all []string) {
	var known []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if n, ok := node.(*parser.VectorSelector); ok {
			known = append(known, served[n.Name]...)
		}
		return nil
	})
	for _, label := range grouping {
		if !slices.Contains(known, label) {
			all = append(all, fmt.Sprintf("nothing in %s has a label %q", expr, label))
		}
	}
	return all
}

func TestAlertsAskForWhatIsServed(t *testing.T) {
	metrics := served(t)
	for _, r := range readRules(t) {
		for _, p := range problems(r.Expr, metrics) {
			t.Errorf("%s: %s", r.key(), p)
		}
	}
}

func TestTheDashboardAsksForWhatIsServed(t *testing.T) {
	var board struct {
		UID    string `json:"uid"`
		Title  string `json:"title"`
		Panels []struct {
			ID      int    `json:"id"`
			Title   string `json:"title"`
			Type    string `json:"type"`
			GridPos struct {
				X, Y, W, H int
			} `json:"gridPos"`
			Targets []struct {
				Expr   string `json:"expr"`
				Legend string `json:"legendFormat"`
			} `json:"targets"`
		} `json:"panels"`
		Templating struct {
			List []struct{ Name, Type, Query string } `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal(read(t, "config/grafana/rollcall.json"), &board); err != nil {
		t.Fatal(err)
	}
	if board.UID == "" || board.Title == "" {
		t.Error("the dashboard has no uid or title")
	}
	metrics := served(t)
	ids, taken, asked := map[int]bool{}, map[[2]int]string{}, 0
	for _, panel := range board.Panels {
		if ids[panel.ID] {
			t.Errorf("%s: another panel has its id", panel.Title)
		}
		ids[panel.ID] = true
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok || x >= 24 {
					t.Fatalf("%s lies over %s, or beyond the edge", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			continue
		}
		if len(panel.Targets) == 0 {
			t.Errorf("%s asks for nothing", panel.Title)
		}
		for _, target := range panel.Targets {
			asked++
			for _, p := range problems(filled(target.Expr), metrics) {
				t.Errorf("%s: %s", panel.Title, p)
			}
			for _, label := range regexp.MustCompile(`\{\{(\w+)\}\}`).FindAllStringSubmatch(target.Legend, -1) {
				if !strings.Contains(target.Expr, label[1]) {
					t.Errorf("%s: the legend names %s, and the query does not", panel.Title, label[1])
				}
			}
		}
	}
	if asked < 15 {
		t.Errorf("only %d queries were found", asked)
	}
}

// filled has values where Grafana puts its own.
func filled(expr string) string {
	return strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h", "$provider", ".*").Replace(expr)
}

func TestProblems(t *testing.T) {
	metrics := map[string][]string{"a_total": {"x"}, "b": {"y"}}
	for expr, want := range map[string]int{
		`sum by (x) (rate(a_total{x="1"}[5m])) > 0`: 0,
		`a_total and on (x) a_total`:                0,
		`sum(`:                                      1,
		`nobody`:                                    1,
		`a_total{y="1"}`:                            1,
		`sum by (y) (a_total)`:                      1,
		`a_total and on (y) b`:                      1,
	} {
		if got := problems(expr, metrics); len(got) != want {
			t.Errorf("%s: got %q, want %d problems", expr, got, want)
		}
	}
}
