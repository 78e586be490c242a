//go:build integration

package install_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"sigs.k8s.io/yaml"
)

var _ = Describe("The chart's values", func() {
	It("pass the linter", func(ctx SpecContext) {
		out, err := helm(ctx, nil, "lint", "--strict", chart())
		Expect(err).NotTo(HaveOccurred(), out)
		Expect(out).NotTo(ContainSubstring("[WARNING]"))
	})

	DescribeTable("are refused with a message that says what is wrong", func(ctx SpecContext, values string, says ...string) {
		_, err := rendering{namespace: usual, values: values}.text(ctx)
		Expect(err).To(HaveOccurred())
		for _, part := range says {
			Expect(err.Error()).To(ContainSubstring(part))
		}
	},
		Entry("a value that nobody knows", "replica: 3", "additional properties 'replica' not allowed"),
		Entry("a misspelt value further down", "scim: {tls: {secret: x}}", "at '/scim/tls'", "'secret' not allowed"),
		Entry("no replica", "replicas: 0", "at '/replicas'", "want 1"),
		Entry("a number as text", `replicas: "2"`, "at '/replicas'", "want integer"),
		Entry("an address without a scheme", "externalURL: scim.example.com", "at '/externalURL'"),
		Entry("all ClusterRoles", `bindableRoles: {clusterRoles: ["*"]}`, "at '/bindableRoles/clusterRoles/0'"),
		Entry("admin by the way", "bindableRoles: {clusterRoles: [admin]}", "bindableRoles.admin: true"),
		Entry("a group with a quote, which would end the expression", `breakGlass: {group: "x' || true || '"}`, "at '/breakGlass/group'"),
		Entry("a group that everybody is in", "breakGlass: {group: system:authenticated}", "breakGlass.group", "everybody"),
		Entry("a way to get certificates that there is not", "certificates: {mode: manual}", "at '/certificates/mode'", "'selfSigned', 'certManager'"),
		Entry("half an issuer", "certificates: {mode: certManager, certManager: {issuerRef: {name: x}}}", "issuerRef", "kind"),
		Entry("an Ingress without a host", "ingress: {enabled: true}", "at '/ingress/host'"),
		Entry("a route without a Gateway", "httpRoute: {enabled: true, hostname: scim.example.com}", "at '/httpRoute/parentRefs'"),
		Entry("a monitor of the third kind", "metrics: {serviceMonitor: {enabled: perhaps}}", "at '/metrics/serviceMonitor/enabled'", "'auto'"),
		Entry("a collector without a port", "tracing: {endpoint: http://collector}", "at '/tracing/endpoint'"),
		Entry("more than all traces", "tracing: {samplingRatio: 2}", "at '/tracing/samplingRatio'"),
		Entry("a short digest", "image: {digest: sha256:abc}", "at '/image/digest'"),
		Entry("a selector of its own, which would spread over foreign pods",
			"topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, labelSelector: {}}]",
			"at '/topologySpreadConstraints/0'"),
		Entry("an argument that is no flag", "extraArgs: [debug]", "at '/extraArgs/0'"),
		Entry("replicas that all lead", "extraArgs: [--leader-elect=false]", "at '/extraArgs/0'"),
		Entry("an identity that other pods have", "serviceAccount: {create: false, name: default}", "at '/serviceAccount/name'"),
		Entry("a label by which no Service would find the pods", "podLabels: {app.kubernetes.io/name: mine}", "podLabels"),
		Entry("an address with a password, which everybody would be shown", "externalURL: https://me:secret@scim.example.com", "at '/externalURL'"),
	)

	It("let another chart have it as a part, and leave it out", func(ctx SpecContext) {
		dir := GinkgoT().TempDir()
		Expect(os.CopyFS(filepath.Join(dir, "charts", "rollcall"), os.DirFS(chart()))).To(Succeed())
		Expect(os.WriteFile(filepath.Join(dir, "Chart.yaml"), []byte(`
apiVersion: v2
name: platform
version: 0.1.0
dependencies: [{name: rollcall, version: 0.1.0, condition: rollcall.enabled}]
`), 0o600)).To(Succeed())
		for enabled, rendered := range map[string]types.GomegaMatcher{"true": ContainSubstring("name: rollcall-manager"), "false": BeEmpty()} {
			out, err := helm(ctx, nil, "template", "platform", dir, "--set", "rollcall.enabled="+enabled, "--set", "rollcall.replicas=3")
			Expect(err).NotTo(HaveOccurred())
			Expect(strings.TrimSpace(out)).To(rendered)
		}
	})

	It("are all in values.yaml, where each is explained", func() {
		schema := object(read("values.schema.json"))
		var values map[string]any
		Expect(yaml.Unmarshal(read("values.yaml"), &values)).To(Succeed())
		Expect(missing("", schema, values)).To(BeEmpty())
	})

})

func read(name string) []byte {
	GinkgoHelper()
	text, err := os.ReadFile(filepath.Join(chart(), name))
	Expect(err).NotTo(HaveOccurred())
	return text
}

func object(text []byte) map[string]any {
	GinkgoHelper()
	var o map[string]any
	Expect(json.Unmarshal(text, &o)).To(Succeed())
	return o
}

// missing are the values that the schema knows and values.yaml does not. What is
// empty there is Kubernetes' own, and explained by Kubernetes.
func missing(path string, schema, values map[string]any) []string {
	properties, _ := schema["properties"].(map[string]any)
	var all []string
	for name, property := range properties {
		if path == "" && (name == "global" || name == "enabled") {
			continue // of a chart that this one is part of
		}
		value, ok := values[name]
		if !ok {
			all = append(all, path+"/"+name)
			continue
		}
		if inner, ok := value.(map[string]any); ok && len(inner) > 0 {
			all = append(all, missing(path+"/"+name, property.(map[string]any), inner)...)
		}
	}
	slices.Sort(all)
	return all
}
