package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const (
	banner = "{{- /* Made by hack/chart from config/"

	// What config/ is written for. In the chart they are the release's namespace
	// and a value.
	namespace = "rollcall-system"
	account   = "rollcall-manager"
)

// edit replaces what matches by template actions. One that finds nothing to
// replace is a mistake here, or a change in config/ that nobody has thought
// through to the chart.
type edit struct {
	match *regexp.Regexp
	with  string
}

func (e edit) apply(text string) (string, error) {
	if !e.match.MatchString(text) {
		return "", fmt.Errorf("nothing matches %q", e.match)
	}
	return e.match.ReplaceAllString(text, e.with), nil
}

// always are the edits of every file, where there is something to replace.
var always = []edit{
	{regexp.MustCompile(`system:serviceaccount:` + namespace + `:` + account), `{{ include "rollcall.userName" . }}`},
	{regexp.MustCompile(`(- kind: ServiceAccount\n +name:) ` + account), `$1 {{ .Values.serviceAccount.name }}`},
	{regexp.MustCompile(`namespace: ` + namespace), `namespace: {{ .Release.Namespace }}`},
	{regexp.MustCompile(`(?m)^(  labels:\n)    app\.kubernetes\.io/name: rollcall$`), `$1` + labels},
	{regexp.MustCompile(`(?m)^  selector:\n    app\.kubernetes\.io/name: rollcall$`),
		"  selector:\n    {{- include \"rollcall.selectorLabels\" . | nindent 4 }}"},
}

const labels = `    {{- include "rollcall.labels" . | nindent 4 }}`

var (
	// keepCRDs lets them outlive the release: with them go all objects.
	keepCRDs = edit{regexp.MustCompile(`(?m)^  annotations:$`), "  annotations:\n" +
		"    {{- if .Values.crds.keep }}\n    helm.sh/resource-policy: keep\n    {{- end }}"}
	// breakGlass lets a group through, behind the other conditions.
	breakGlass = edit{regexp.MustCompile(`(?m)^(  matchConditions:\n(?:    .*\n)+)`),
		"$1    {{- include \"rollcall.breakGlass\" . | nindent 4 }}\n"}
	// injectAuthority asks cert-manager for the CA bundle.
	injectAuthority = edit{regexp.MustCompile(`(?m)^metadata:$`), "metadata:\n" +
		"  {{- if eq .Values.certificates.mode \"certManager\" }}\n  annotations:\n" +
		"    cert-manager.io/inject-ca-from: {{ .Release.Namespace }}/rollcall-webhook\n  {{- end }}"}
	// ruleLabels are those that a Prometheus selects its rules by.
	ruleLabels = edit{regexp.MustCompile(regexp.QuoteMeta(labels)), labels +
		"\n    {{- with .Values.metrics.prometheusRule.labels }}\n    {{- toYaml . | nindent 4 }}\n    {{- end }}"}
	// unlabelled is metadata that a generator wrote.
	unlabelled = regexp.MustCompile(`(?m)^metadata:\n`)
)

// template makes one of a file of config/.
func (s source) template(from, text string) (string, error) {
	// The alerts have actions of their own, for Prometheus.
	text = regexp.MustCompile(`\{\{|\}\}`).ReplaceAllString(text, "{{ `$0` }}")
	for _, e := range always {
		if e.match.MatchString(text) {
			text, _ = e.apply(text)
		}
	}
	documents := strings.Split(strings.TrimPrefix(text, "---\n"), "\n---\n")
	for i, document := range documents {
		if !strings.Contains(document, labels) {
			documents[i] = unlabelled.ReplaceAllLiteralString(document, "metadata:\n  labels:\n"+labels+"\n")
		}
	}
	text = strings.Join(documents, "\n---\n")
	for _, e := range s.edits {
		var err error
		if text, err = e.apply(text); err != nil {
			return "", err
		}
	}
	if strings.Contains(text, namespace) {
		return "", errors.New("the namespace " + namespace + " stands where the chart can't replace it")
	}
	if s.when != "" {
		text = "{{- if " + s.when + " }}\n" + strings.TrimSuffix(text, "\n") + "\n{{- end }}\n"
	}
	return banner + from + ". make manifests writes it anew. */ -}}\n" + text, nil
}
