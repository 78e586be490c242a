package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

func TestThePageIsFresh(t *testing.T) {
	if err := run("../..", true); err != nil {
		t.Error(err)
	}
}

// What a label is called is what it holds: none of these would have few values.
func TestNoLabelNamesAPersonOrAnObject(t *testing.T) {
	own, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	known := []string{"certificate", "code", "kind", "method", "provider", "reason", "resource", "result", "scim_type", "source", "state", "token", "type"}
	for _, m := range own {
		for _, label := range m.labels {
			if !slices.Contains(known, label) {
				t.Errorf("%s has the label %s: say here that its values are few, and nobody's name", m.name, label)
			}
		}
	}
}

// https://prometheus.io/docs/practices/naming
func TestNamesFollowTheConventions(t *testing.T) {
	own, err := ours()
	if err != nil {
		t.Fatal(err)
	}
	if len(own) < 20 {
		t.Errorf("only %d metrics were found", len(own))
	}
	for _, m := range own {
		if !regexp.MustCompile(`^rollcall_[a-z_]+[a-z]$`).MatchString(m.name) {
			t.Errorf("%s is not named after Rollcall", m.name)
		}
		if counter := m.kind == "counter"; counter != strings.HasSuffix(m.name, "_total") {
			t.Errorf("%s is a %s", m.name, m.kind)
		}
		if m.kind == "histogram" && !strings.HasSuffix(m.name, "_seconds") {
			t.Errorf("%s does not say its unit", m.name)
		}
		if !strings.HasSuffix(m.help, ".") || len(m.help) < 20 {
			t.Errorf("%s says %q", m.name, m.help)
		}
	}
}

func TestParse(t *testing.T) {
	m, err := parse(prometheus.NewDesc("a_total", `says "x" {y}`, []string{"b", "c"}, prometheus.Labels{"d": "e"}).String())
	if err != nil || m.name != "a_total" || m.help != `says "x" {y}` || !slices.Equal(m.labels, []string{"b", "c"}) {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := parse("Desc{}"); err == nil {
		t.Error("a description without a name was read")
	}
}
