package controllers

import (
	"errors"
	"fmt"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func at(version string) *v1alpha1.ProvisionedUser {
	return person(func(u *v1alpha1.ProvisionedUser) { u.ResourceVersion = version })
}

func TestRecentBridgesTheCache(t *testing.T) {
	t.Parallel()
	r := newRecent()
	written := at("12")
	r.remember(written)
	if latest(r, at("9")) != written {
		t.Error("the cache is older than our write, and is believed")
	}
	newer := at("100")
	if latest(r, newer) != newer {
		t.Error("the cache is newer than our write (as numbers), and is not believed")
	}
	other := at("9")
	other.UID = "somebody who has the name now"
	if latest(r, other) != other {
		t.Error("what was written to another object of that name is not this one's")
	}
}

func TestRecentKnowsItsEcho(t *testing.T) {
	t.Parallel()
	r := newRecent()
	r.remember(at("12"))
	for _, step := range []struct {
		version string
		own     bool
	}{{"11", false}, {"12", true}, {"12", false}} {
		if own := r.seen(at(step.version)); own != step.own {
			t.Errorf("seen(%s) = %v", step.version, own)
		}
	}
	r.remember(at("20"))
	if r.seen(at("21")) {
		t.Error("a later write is another's")
	}
	if len(r.objects) > 0 {
		t.Error("the cache has caught up, and something is still remembered")
	}
	r.remember(at("30"))
	r.forget(at("30"))
	if len(r.objects) > 0 {
		t.Error("a deleted object is still remembered")
	}
}

func TestRecentExpectsWhatIsBeingWritten(t *testing.T) {
	t.Parallel()
	binding := func(version string, subjects ...string) *rbacv1.RoleBinding {
		b := &rbacv1.RoleBinding{ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", ResourceVersion: version, Labels: map[string]string{"x": "y"}}}
		for _, s := range subjects {
			b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, Name: s})
		}
		return b
	}
	r := newRecent()
	if r.expects(binding("5", "alice")) {
		t.Error("nothing is being written")
	}
	r.expect(binding("5", "alice"))
	if r.expects(binding("6", "alice", "mallory")) {
		t.Error("that is not what is being written")
	}
	if !r.expects(binding("6", "alice")) {
		t.Error("the event came before the answer")
	}
	r.remember(binding("6", "alice"))
	if len(r.objects)+len(r.expected) > 0 {
		t.Error("the event was there before the answer, and something is still remembered")
	}
	r.expect(binding("6", "bob"))
	r.remember(binding("7", "bob"))
	if got := r.all(func(client.Object) bool { return true }); len(got) != 1 || len(r.expected) > 0 {
		t.Errorf("%d objects are remembered", len(got))
	}
}

func shard(uid types.UID, version string, subjects ...string) *rbacv1.RoleBinding {
	b := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: "a", Name: "b", UID: uid, ResourceVersion: version},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "edit"},
	}
	for _, s := range subjects {
		b.Subjects = append(b.Subjects, rbacv1.Subject{Kind: rbacv1.UserKind, Name: s})
	}
	return b
}

func TestRecentDoesNotGrow(t *testing.T) {
	t.Parallel()
	r := newRecent()
	r.seen(at("12")) // the event comes before the answer
	r.remember(at("12"))
	latest(r, at("12"))
	if len(r.objects) > 0 {
		t.Error("the cache has it, and it is still remembered")
	}
	r.remember(at("20"))
	other := at("19")
	other.UID = "somebody who has the name now"
	latest(r, other)
	if len(r.objects) > 0 {
		t.Error("an object of the past is still remembered")
	}
	big := at("30")
	big.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "rollcall"}}
	r.remember(big)
	if len(latest(r, at("29")).ManagedFields) > 0 {
		t.Error("managedFields are remembered, which nobody reads")
	}
}

func TestRecentHasNoPhantoms(t *testing.T) {
	t.Parallel()
	remembered := func(r *recent) int { return len(r.objects) + len(r.expected) }
	created := func() *recent {
		r := newRecent()
		r.expect(shard("", "", "alice"))
		return r
	}
	t.Run("deleted before the answer to the creation", func(t *testing.T) {
		t.Parallel()
		r := created()
		r.expects(shard("new", "5", "alice"))
		r.forget(shard("new", "6", "alice"))
		r.remember(shard("new", "5", "alice"))
		if remembered(r) > 0 {
			t.Error("a deleted binding is remembered")
		}
	})
	t.Run("the deletion of its predecessor comes late", func(t *testing.T) {
		t.Parallel()
		r := created()
		r.forget(shard("old", "4", "alice"))
		r.remember(shard("new", "5", "alice"))
		r.forget(shard("old", "4", "alice"))
		if len(r.objects) != 1 {
			t.Error("the new binding is not remembered")
		}
	})
	for _, err := range []error{
		apierrors.NewNotFound(rbacv1.Resource("rolebindings"), "b"),
		apierrors.NewConflict(rbacv1.Resource("rolebindings"), "b", errors.New("UID in precondition")),
	} {
		r := created()
		r.remember(shard("new", "5", "alice"))
		r.failed(shard("new", "5"), fmt.Errorf("update: %w", err))
		if remembered(r) > 0 {
			t.Errorf("after %v it is still remembered", err)
		}
	}
}

func TestRecentAfterAFailedWrite(t *testing.T) {
	t.Parallel()
	r := newRecent()
	r.expect(shard("x", "5", "alice"))
	if r.failed(shard("x", "5"), errors.New("timeout")) {
		t.Error("no event has come")
	}
	if r.expects(shard("x", "6", "alice")) {
		t.Error("what somebody does after a failed write is taken for ours")
	}
	r.expect(shard("x", "5", "alice"))
	other := shard("x", "6", "alice")
	other.RoleRef.Name = "admin"
	if r.expects(other) {
		t.Error("another roleRef is taken for ours")
	}
	r.expects(shard("x", "6", "alice"))
	if !r.failed(shard("x", "5"), errors.New("timeout")) {
		t.Error("the event that was passed over is lost")
	}
}

func TestDangling(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var d dangling
	if due := d.due("unseen", noon, time.Hour); !due.Equal(noon.Add(time.Hour)) {
		t.Errorf("due = %s", due)
	}
	if due := d.due("unseen", noon.Add(time.Minute), time.Hour); !due.Equal(noon.Add(time.Hour)) {
		t.Errorf("the wait starts over: %s", due)
	}
	d.deleted("unseen", noon.Add(2*time.Minute))
	if due := d.due("unseen", noon.Add(time.Hour), time.Hour); !due.Equal(noon.Add(2 * time.Minute)) {
		t.Errorf("it was seen being deleted, and is due at %s", due)
	}
	if d.confirmed("unseen") {
		t.Error("nobody asked the API server")
	}
	d.confirm("unseen")
	if !d.confirmed("unseen") {
		t.Error("the answer of the API server is lost")
	}
	d.created("unseen")
	if d.confirmed("unseen") {
		t.Error("the role is back")
	}
}
