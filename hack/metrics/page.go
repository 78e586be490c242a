package main

import (
	"fmt"
	"strings"
)

const head = `<!-- Made by hack/metrics. make metrics writes it anew. -->
# Metrics

The manager serves these at ` + "`/metrics`" + ` of its port for metrics (8081, or ` + "`--metrics-bind-address`" + `). What they are
watched for is in [Alerts](alerts.md); the chart has a dashboard of them (` + "`metrics.dashboard.enabled`" + `).

No label holds the name of a user, a role, a namespace or a binding, or anything that a client sends: a provider is a label
only when it exists, and everything else is one of a few known words. What the reconcilers count is served by the replica
that leads, and by no other.
`

// render makes the page.
func render(own, others []metric) string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("\n## Rollcall's own\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, m := range own {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", m.name, m.kind, labels(m), cell(m.help))
	}
	b.WriteString("\n## From the libraries\n\nWhat controller-runtime and client-go say of the manager, beside Go's own `go_` and `process_`.\n\n" +
		"| metric | labels | meaning |\n|---|---|---|\n")
	for _, m := range others {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", m.name, labels(m), cell(m.help))
	}
	return b.String()
}

func labels(m metric) string {
	if len(m.labels) == 0 {
		return ""
	}
	return "`" + strings.Join(m.labels, "`, `") + "`"
}

// cell keeps a text within its cell of a table.
func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(text)
}
