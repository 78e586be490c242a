package webhook

import (
	"slices"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestAttachedRoles(t *testing.T) {
	t.Parallel()
	attach := func(role string, change ...func(*v1alpha1.RoleAttachmentSpec)) *v1alpha1.RoleAttachment {
		a := &v1alpha1.RoleAttachment{Spec: v1alpha1.RoleAttachmentSpec{User: "alice", Role: role, Epoch: ptr.To[int64](2), UserID: "id-of-alice"}}
		for _, f := range change {
			f(&a.Spec)
		}
		return a
	}
	at := func(d time.Duration) *metav1.Time { return &metav1.Time{Time: noon.Add(d)} }
	all := []*v1alpha1.RoleAttachment{
		attach("twice"), attach("for-good"), attach("twice"),
		attach("later", func(s *v1alpha1.RoleAttachmentSpec) { s.StartsAt = at(time.Hour) }),
		attach("over", func(s *v1alpha1.RoleAttachmentSpec) { s.ExpiresAt = at(-time.Hour) }),
		attach("anothers", func(s *v1alpha1.RoleAttachmentSpec) { s.UserID = "id-of-another-alice" }),
		attach("superseded", func(s *v1alpha1.RoleAttachmentSpec) { s.Epoch = ptr.To[int64](1) }),
		attach("once-suspended-again", func(s *v1alpha1.RoleAttachmentSpec) { s.Epoch = ptr.To[int64](3) }),
		attach("anothers-then", func(s *v1alpha1.RoleAttachmentSpec) { s.Epoch, s.UserID = ptr.To[int64](3), "id-of-another-alice" }),
		attach("unstamped", func(s *v1alpha1.RoleAttachmentSpec) { s.UserID = "" }),
		attach("never-admitted", func(s *v1alpha1.RoleAttachmentSpec) { s.UserID, s.Epoch = "", nil }),
	}
	for name, u := range map[string]*v1alpha1.ProvisionedUser{"active": local(suspensions(2)), "suspended": local(suspensions(2), suspended)} {
		want := []string{"for-good", "later", "once-suspended-again", "twice", "unstamped"}
		if got := attachedRoles(all, u, noon); !slices.Equal(got, want) {
			t.Errorf("roles of the %s user %q, want %q", name, got, want)
		}
	}
}

func TestNewlyAdoptable(t *testing.T) {
	t.Parallel()
	mark := func(provider, keeps string) marks {
		return marksOf(map[string]string{v1alpha1.AdoptableByAnnotation: provider, v1alpha1.AdoptionKeepsAnnotation: keeps})
	}
	for _, tc := range []struct {
		name          string
		before, after marks
		want          bool
	}{
		{"unmarked", marksOf(nil), marksOf(nil), false},
		{"marked", marksOf(nil), mark("entra", ""), true},
		{"for another provider", mark("entra", ""), mark("okta", ""), true},
		{"with more", mark("entra", ""), mark("entra", v1alpha1.AdoptionKeepsValue), true},
		{"as before", mark("entra", ""), mark("entra", ""), false},
		{"a value that means nothing", mark("entra", ""), mark("entra", "everything"), false},
		{"what would be kept, without a provider to keep it", marksOf(nil), mark("", v1alpha1.AdoptionKeepsValue), false},
		{"no longer", mark("entra", ""), marksOf(nil), false},
	} {
		if got := newlyAdoptable(tc.before, tc.after); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
