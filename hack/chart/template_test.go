package main

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
)

func TestTheTemplatesAreFresh(t *testing.T) {
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	if err := run(root, true); err != nil {
		t.Error(err)
	}
}

func TestWhatIsPutIn(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{
			"the namespace and the account of a binding",
			"metadata:\n  name: x\n  namespace: rollcall-system\nsubjects:\n  - kind: ServiceAccount\n    name: rollcall-manager\n    namespace: rollcall-system\n",
			"metadata:\n  labels:\n" + labels + "\n  name: x\n  namespace: {{ .Release.Namespace }}\nsubjects:\n  - kind: ServiceAccount\n" +
				"    name: {{ .Values.serviceAccount.name }}\n    namespace: {{ .Release.Namespace }}\n",
		},
		{
			"the account in CEL, with labels that are there",
			"metadata:\n  labels:\n    app.kubernetes.io/name: rollcall\nx: a != 'system:serviceaccount:rollcall-system:rollcall-manager'\n",
			"metadata:\n  labels:\n" + labels + "\nx: a != '{{ include \"rollcall.userName\" . }}'\n",
		},
		{
			"what is an action to Prometheus, for Helm to leave alone",
			"metadata:\n  labels:\n    app.kubernetes.io/name: rollcall\nsummary: of {{ $labels.provider }}\n",
			"metadata:\n  labels:\n" + labels + "\nsummary: of {{ `{{` }} $labels.provider {{ `}}` }}\n",
		},
		{
			"labels in each of several documents",
			"---\nmetadata:\n  name: x\n---\nmetadata:\n  name: y\n",
			"metadata:\n  labels:\n" + labels + "\n  name: x\n---\nmetadata:\n  labels:\n" + labels + "\n  name: y\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := source{}.template("x.yaml", tt.text)
			if err != nil {
				t.Fatal(err)
			}
			if _, body, _ := strings.Cut(got, "\n"); body != tt.want {
				t.Errorf("got\n%s\nwant\n%s", body, tt.want)
			}
		})
	}
}

// A change in config/ that the chart can't follow must not pass for one that it did.
func TestWhatCannotBePutInIsAnError(t *testing.T) {
	const object = "metadata:\n  name: x\n"
	if _, err := (source{edits: []edit{breakGlass}}).template("x.yaml", object); err == nil {
		t.Error("a policy without matchConditions has no place for the break-glass group")
	}
	if _, err := (source{}).template("x.yaml", object+"host: x.rollcall-system.svc\n"); err == nil {
		t.Error("the namespace stands in a host name, and nobody noticed")
	}
	if _, err := generate(fstest.MapFS{"crd/bases/x.yaml": {Data: []byte("metadata:\n  annotations:\n    a: b\n")}}); err == nil {
		t.Error("config/ has no roles, and nobody noticed")
	}
}
