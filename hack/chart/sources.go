package main

import (
	"fmt"
	"io/fs"
	"path"
)

// source is what of config/ becomes templates, and how.
type source struct {
	// pattern of the files in config/.
	pattern string
	// folder of the templates.
	folder string
	// when is the condition of a template action; empty means always.
	when string
	// edits beside those of every file.
	edits []edit
}

var sources = []source{
	{pattern: "crd/bases/*.yaml", folder: "crds", when: ".Values.crds.install", edits: []edit{keepCRDs}},
	{pattern: "rbac/role.yaml", folder: "rbac"},
	{pattern: "rbac/role_binding.yaml", folder: "rbac"},
	{pattern: "rbac/permission_levels.yaml", folder: "rbac"},
	{pattern: "rbac/leader_election_role*.yaml", folder: "rbac"},
	{pattern: "policy/*.yaml", folder: "policy", edits: []edit{breakGlass}},
	{pattern: "webhook/manifests.yaml", folder: "webhook", edits: []edit{injectAuthority}},
	{pattern: "webhook/service.yaml", folder: "webhook"},
	{pattern: "selfsigned/secret.yaml", folder: "certificates", when: selfSigned},
	{pattern: "selfsigned/role.yaml", folder: "certificates", when: selfSigned},
	{pattern: "prometheus/rules.yaml", folder: "prometheus", when: monitors, edits: []edit{ruleLabels}},
}

// copies are files of config/ that the chart has as they are, by their path in it.
var copies = map[string]string{
	"grafana/rollcall.json": "dashboards/rollcall.json",
}

const (
	selfSigned = `eq .Values.certificates.mode "selfSigned"`
	monitors   = `include "rollcall.monitors" (dict "root" . "wanted" .Values.metrics.prometheusRule.enabled "kind" "PrometheusRule")`
)

// generate returns the templates by their path below templates/.
func generate(config fs.FS) (map[string][]byte, error) {
	templates := map[string][]byte{}
	for _, s := range sources {
		paths, err := fs.Glob(config, s.pattern)
		if err != nil {
			return nil, err
		}
		if len(paths) == 0 {
			return nil, fmt.Errorf("config/%s: no such file", s.pattern)
		}
		for _, from := range paths {
			if path.Base(from) == "kustomization.yaml" {
				continue
			}
			text, err := fs.ReadFile(config, from)
			if err != nil {
				return nil, err
			}
			template, err := s.template(from, string(text))
			if err != nil {
				return nil, fmt.Errorf("config/%s: %w", from, err)
			}
			templates[path.Join(s.folder, path.Base(from))] = []byte(template)
		}
	}
	return templates, nil
}
