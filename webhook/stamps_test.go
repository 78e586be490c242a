package webhook

import (
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestAuthorOfAnAttachment(t *testing.T) {
	t.Parallel()
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(d)} }
	old := &v1alpha1.RoleAttachment{Spec: v1alpha1.RoleAttachmentSpec{
		User: "alice", Role: "ops", ExpiresAt: at(time.Hour), Author: &v1alpha1.Author{Username: "first"},
	}}
	for _, tc := range []struct {
		name   string
		old    *v1alpha1.RoleAttachment
		change func(*v1alpha1.RoleAttachmentSpec)
		want   string
	}{
		{"who makes it", nil, func(*v1alpha1.RoleAttachmentSpec) {}, "second"},
		{"who changes the reason: the words are theirs", old, func(s *v1alpha1.RoleAttachmentSpec) { s.Reason = "x" }, "second"},
		{"not the manager, who adds the id of a role that came later", old, func(s *v1alpha1.RoleAttachmentSpec) { s.RoleID = "id" }, "first"},
		{"not the manager, who ends a release", old, func(s *v1alpha1.RoleAttachmentSpec) { s.ReleaseOf = v1alpha1.ReleaseOfUser }, "first"},
		{"not who applies the same moment in another zone", old, func(s *v1alpha1.RoleAttachmentSpec) {
			s.ExpiresAt = &metav1.Time{Time: noon.Add(time.Hour).In(time.FixedZone("", 3600))}
		}, "first"},
		{"who changes the end", old, func(s *v1alpha1.RoleAttachmentSpec) { s.ExpiresAt = at(2 * time.Hour) }, "second"},
		{"who removes the end", old, func(s *v1alpha1.RoleAttachmentSpec) { s.ExpiresAt = nil }, "second"},
		{"who changes the start", old, func(s *v1alpha1.RoleAttachmentSpec) { s.StartsAt = at(time.Minute) }, "second"},
	} {
		a := old.DeepCopy()
		a.Spec.Author = &v1alpha1.Author{Username: "chosen"}
		tc.change(&a.Spec)
		stampAuthor(a, tc.old, "second")
		if a.Spec.Author == nil || a.Spec.Author.Username != tc.want {
			t.Errorf("%s: the author is %v, want %s", tc.name, a.Spec.Author, tc.want)
		}
	}
}

func TestMarkOfARelease(t *testing.T) {
	t.Parallel()
	marked := func(of v1alpha1.ReleaseKind) *v1alpha1.RoleAttachment {
		return &v1alpha1.RoleAttachment{Spec: v1alpha1.RoleAttachmentSpec{ReleaseOf: of}}
	}
	for _, tc := range []struct {
		name      string
		old, sent *v1alpha1.RoleAttachment
		want      v1alpha1.ReleaseKind
	}{
		{"nobody sets it on creation", nil, marked(v1alpha1.ReleaseOfUser), ""},
		{"nor later", marked(""), marked(v1alpha1.ReleaseOfRole), ""},
		{"nor takes it off", marked(v1alpha1.ReleaseOfRole), marked(""), v1alpha1.ReleaseOfRole},
	} {
		if keepReleaseOf(tc.sent, tc.old); tc.sent.Spec.ReleaseOf != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, tc.sent.Spec.ReleaseOf, tc.want)
		}
	}
}

func TestPeriodOfAnAttachment(t *testing.T) {
	t.Parallel()
	for end, refused := range map[time.Duration]bool{-time.Second: true, 0: true, time.Second: false} {
		a := &v1alpha1.RoleAttachment{Spec: v1alpha1.RoleAttachmentSpec{ExpiresAt: &metav1.Time{Time: noon.Add(end)}}}
		if errs := validatePeriod(a, noon); (len(errs) > 0) != refused || (refused && errs[0].Field != "spec.expiresAt") {
			t.Errorf("an end after %s: %v", end, errs)
		}
	}
	if errs := validatePeriod(&v1alpha1.RoleAttachment{}, noon); len(errs) > 0 {
		t.Errorf("no end: %v", errs)
	}
}

func TestAuthorOfARule(t *testing.T) {
	t.Parallel()
	old := &v1alpha1.AccessRule{Spec: v1alpha1.AccessRuleSpec{
		Role: "ops", RoleRef: v1alpha1.RoleReference{Kind: v1alpha1.ClusterRoleKind, Name: "view"}, Namespaces: []string{"a"},
		Author: &v1alpha1.Author{Username: "first"},
	}}
	second := authenticationv1.UserInfo{Username: "second", UID: "u-2", Groups: make([]string, maxGroups+5)}
	for _, tc := range []struct {
		name   string
		old    *v1alpha1.AccessRule
		change func(*v1alpha1.AccessRuleSpec)
		want   string
	}{
		{"who makes it", nil, func(*v1alpha1.AccessRuleSpec) {}, "second"},
		{"not who applies it again", old, func(*v1alpha1.AccessRuleSpec) {}, "first"},
		{"who changes where", old, func(s *v1alpha1.AccessRuleSpec) { s.Namespaces = []string{"b"} }, "second"},
		{"who changes whose role", old, func(s *v1alpha1.AccessRuleSpec) { s.Provider = "entra" }, "second"},
	} {
		r := old.DeepCopy()
		r.Spec.Author = &v1alpha1.Author{Username: "chosen"}
		tc.change(&r.Spec)
		stampRuleAuthor(r, tc.old, second)
		if r.Spec.Author == nil || r.Spec.Author.Username != tc.want || len(r.Spec.Author.Groups) > maxGroups {
			t.Errorf("%s: the author is %v, want %s", tc.name, r.Spec.Author, tc.want)
		}
	}
}

func TestStampRole(t *testing.T) {
	t.Parallel()
	role := func(provider, id string) *v1alpha1.ProvisionedRole {
		return &v1alpha1.ProvisionedRole{Spec: v1alpha1.ProvisionedRoleSpec{Provider: provider, ID: id}}
	}
	fresh := role("", "")
	stampRole(fresh, nil)
	if fresh.Spec.ID == "" {
		t.Fatal("a new local role has no id")
	}
	replaced := role("", "")
	stampRole(replaced, fresh)
	if replaced.Spec.ID != fresh.Spec.ID {
		t.Errorf("a manifest without id changed it from %q to %q", fresh.Spec.ID, replaced.Spec.ID)
	}
	restored := role("", "from-a-backup")
	stampRole(restored, nil)
	if restored.Spec.ID != "from-a-backup" {
		t.Errorf("a restored role got another id: %q", restored.Spec.ID)
	}
	foreign := role("entra", "")
	stampRole(foreign, nil)
	if foreign.Spec.ID != "" {
		t.Errorf("an identity provider's role got the id %q at admission: only the SCIM server gives it", foreign.Spec.ID)
	}
}
