package locks_test

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/hack/controlplane/checkout"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// policy reads the policy of a file of config/policy, which is its first document.
func policy(t *testing.T, file string) *admissionregistrationv1.ValidatingAdmissionPolicy {
	t.Helper()
	root, err := checkout.Root()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "config", "policy", file))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n---\n")
	p := &admissionregistrationv1.ValidatingAdmissionPolicy{}
	if err := utilyaml.UnmarshalStrict([]byte(first), p); err != nil {
		t.Fatalf("reading %s: %v", file, err)
	}
	return p
}

var quoted = regexp.MustCompile(`'([^']+)'`)

// listed are the fields that a variable of a policy names.
func listed(t *testing.T, p *admissionregistrationv1.ValidatingAdmissionPolicy, variable string) []string {
	t.Helper()
	for _, v := range p.Spec.Variables {
		if v.Name == variable {
			var fields []string
			for _, match := range quoted.FindAllStringSubmatch(v.Expression, -1) {
				fields = append(fields, match[1])
			}
			return fields
		}
	}
	t.Fatalf("%s has no variable %s", p.Name, variable)
	return nil
}

// fieldsOf are the JSON names of a struct's fields.
func fieldsOf(of reflect.Type) []string {
	var fields []string
	for i := range of.NumField() {
		name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
		if name != "" {
			fields = append(fields, name)
		}
	}
	return fields
}

func TestPoliciesSayOfEachFieldWhoOwnsIt(t *testing.T) {
	t.Parallel()
	for file, spec := range map[string]reflect.Type{
		"users.yaml": reflect.TypeFor[v1alpha1.ProvisionedUserSpec](),
		"roles.yaml": reflect.TypeFor[v1alpha1.ProvisionedRoleSpec](),
	} {
		p := policy(t, file)
		idp, admin := listed(t, p, "idpOwned"), listed(t, p, "adminOwned")
		for _, field := range fieldsOf(spec) {
			if slices.Contains(idp, field) == slices.Contains(admin, field) {
				t.Errorf("%s: spec.%s is to be named once, in idpOwned or in adminOwned", file, field)
			}
		}
		if named, have := len(idp)+len(admin), len(fieldsOf(spec)); named != have {
			t.Errorf("%s names %d fields, and the type has %d", file, named, have)
		}
	}
}

func TestThePolicyOfBindingsKnowsAllThatABindingHas(t *testing.T) {
	t.Parallel()
	for _, of := range []reflect.Type{reflect.TypeFor[rbacv1.RoleBinding](), reflect.TypeFor[rbacv1.ClusterRoleBinding]()} {
		if fields := fieldsOf(of); !slices.Equal(fields, []string{"metadata", "subjects", "roleRef"}) {
			t.Errorf("a %s has the fields %v: does keepsWhatItGives compare them?", of.Name(), fields)
		}
	}
}

func TestPoliciesExemptTheManagerAloneAndFailClosed(t *testing.T) {
	t.Parallel()
	manager := "request.userInfo.username != 'system:serviceaccount:" + cluster.Namespace + ":" + cluster.ServiceAccount + "'"
	for _, file := range []string{"bindings.yaml", "roles.yaml", "status.yaml", "users.yaml"} {
		p := policy(t, file)
		if first := p.Spec.MatchConditions[0].Expression; first != manager {
			t.Errorf("%s: the first condition is %s, want %s", file, first, manager)
		}
		if p.Spec.FailurePolicy == nil || *p.Spec.FailurePolicy != admissionregistrationv1.Fail {
			t.Errorf("%s: an error in an expression lets the write through", file)
		}
		for _, c := range p.Spec.MatchConditions[1:] {
			if strings.Contains(c.Expression, "userInfo") {
				t.Errorf("%s exempts somebody else: %s", file, c.Expression)
			}
		}
	}
}
