package rights_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/hack/rights"
)

const manifests = `
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: reader}
rules:
- {apiGroups: ["", apps], resources: [things, things/status], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: writer, namespace: here}
rules:
- {apiGroups: [""], resources: [things], resourceNames: [a, b], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: others}
rules:
- {apiGroups: [""], resources: [things], verbs: [%[1]s]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: reads}
roleRef: {kind: ClusterRole, name: reader}
subjects: [{kind: ServiceAccount, namespace: here, name: robot}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: writes, namespace: here}
roleRef: {kind: Role, name: writer}
subjects: [{kind: ServiceAccount, namespace: here, name: robot}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: other}
roleRef: {kind: ClusterRole, name: others}
subjects: [{kind: ServiceAccount, namespace: here, name: %[2]s}]
`

func folder(t *testing.T, otherVerb, otherAccount string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "all.yaml"), fmt.Appendf(nil, manifests, otherVerb, otherAccount), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func join(list []rights.Right) string {
	var text []string
	for _, r := range list {
		text = append(text, r.String())
	}
	return strings.Join(text, ", ")
}

func TestGrantedIsWhatBindingsGiveTheAccount(t *testing.T) {
	t.Parallel()
	granted, err := rights.Granted(folder(t, "delete", "somebody-else"), "here", "robot")
	if err != nil {
		t.Fatal(err)
	}
	want := "get things, get things.apps, get things.apps/status, get things/status, update things a in here, update things b in here"
	if got := join(granted); got != want {
		t.Errorf("granted: %s\nwant:    %s", got, want)
	}
}

func TestGrantedRefusesWildcards(t *testing.T) {
	t.Parallel()
	if granted, err := rights.Granted(folder(t, `"*"`, "robot"), "here", "robot"); err == nil {
		t.Errorf("granted %s", join(granted))
	}
}

func TestUnusedAreRightsThatNoRequestNeeded(t *testing.T) {
	t.Parallel()
	granted, err := rights.Granted(folder(t, "delete", "somebody-else"), "here", "robot")
	if err != nil {
		t.Fatal(err)
	}
	log := `{"verb":"get","user":{"username":"robot"},"objectRef":{"resource":"things","name":"x","namespace":"there"}}
{"verb":"get","user":{"username":"robot"},"objectRef":{"apiGroup":"apps","resource":"things","subresource":"status"}}
{"verb":"update","user":{"username":"robot"},"objectRef":{"resource":"things","name":"a","namespace":"here"}}
{"verb":"update","user":{"username":"robot"},"objectRef":{"resource":"things","name":"b","namespace":"there"}}
{"verb":"get","user":{"username":"root"},"objectRef":{"resource":"things","subresource":"status"}}
{"verb":"get","user":{"username":"robot"},"objectRef":{"apiGroup":"apps","resou`
	path := filepath.Join(t.TempDir(), "audit.log")
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	events, err := rights.ReadAudit(path, "robot")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := join(rights.Unused(granted, events)), "get things.apps, get things/status, update things b in here"; got != want {
		t.Errorf("unused: %s, want %s", got, want)
	}
}

func TestForbiddenIsTheAuthorizersWord(t *testing.T) {
	t.Parallel()
	log := `{"annotations":{"authorization.k8s.io/decision":"forbid"},"responseStatus":{"code":403}}
{"annotations":{"authorization.k8s.io/decision":"allow"},"responseStatus":{"code":403}}
`
	events, rest, err := rights.ParseAudit([]byte(log + `{"annotat`))
	if err != nil || len(events) != 2 {
		t.Fatalf("%d events, error %v", len(events), err)
	}
	if !events[0].Forbidden() || events[1].Forbidden() {
		t.Error("a refusal by admission is none by the authorizer")
	}
	if rest != len(log) {
		t.Errorf("the half line begins at %d, want %d", rest, len(log))
	}
}
