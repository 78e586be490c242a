package directory

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Whatever happens to users, the sums are those of the users there are.
func TestTally(t *testing.T) {
	done := make(chan struct{})
	close(done)
	names, roles, providers := []string{"ann", "bob", "eve"}, []string{"dev", "ops"}, []string{"", "entra", "okta"}
	rapid.Check(t, func(t *rapid.T) {
		tally := &Tally{synced: done, roles: map[string]*tallied{}, seen: map[string]string{}}
		cached := map[string]*v1alpha1.ProvisionedUser{}
		version := 0
		for range rapid.IntRange(1, 30).Draw(t, "events") {
			version++
			name := rapid.SampledFrom(names).Draw(t, "name")
			old := cached[name]
			if old != nil && rapid.Bool().Draw(t, "delete") {
				delete(cached, name)
				if rapid.Bool().Draw(t, "unseen") {
					tally.OnDelete(toolscache.DeletedFinalStateUnknown{Key: name, Obj: old})
				} else {
					last := old.DeepCopy()
					last.ResourceVersion = strconv.Itoa(version)
					tally.OnDelete(last)
				}
				continue
			}
			u := old.DeepCopy()
			if u == nil || rapid.Bool().Draw(t, "another object") { // its deletion may go unseen
				u = &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(fmt.Sprint("uid-", version)), Generation: 1}}
				u.Spec.ID = fmt.Sprint("id-", version)
				u.Spec.Provider = rapid.SampledFrom(providers).Draw(t, "provider")
			}
			u.ResourceVersion = strconv.Itoa(version)
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				if rapid.Bool().Draw(t, "not restored from a backup") {
					u.Generation++
				}
				u.Spec.Memberships = map[string]v1alpha1.Membership{}
				for _, id := range rapid.SliceOfDistinct(rapid.SampledFrom(roles), rapid.ID).Draw(t, "roles") {
					u.Spec.Memberships[id] = v1alpha1.Membership{}
				}
			case 1:
				u.Generation++
				u.Spec.DeprovisionedAt = &metav1.Time{Time: time.Unix(int64(version), 0)}
			case 2:
				u.DeletionTimestamp = &metav1.Time{Time: time.Unix(int64(version), 0)}
			case 3: // the status alone
			}
			cached[name] = u
			if old == nil {
				tally.OnAdd(u, false)
			} else {
				tally.OnUpdate(old, u)
			}
			if counted, _, err := tally.counted(u); err != nil || !counted {
				t.Fatalf("%s is not counted: %v", name, err)
			}
		}
		for _, provider := range providers {
			for _, id := range roles {
				got, err := tally.of(t.Context(), provider, id)
				if err != nil {
					t.Fatal(err)
				}
				var want tallied
				for _, u := range cached {
					if _, member := u.Spec.Memberships[id]; member && u.Spec.Provider == provider && isLive(u) {
						want.members++
						want.sum.Add(u.Spec.ID)
					}
				}
				if got != want {
					t.Fatalf("the members of %q of %q are others than those of %v", id, provider, slices.Collect(maps.Values(cached)))
				}
			}
		}
	})
}

// A group's version is told from what is counted: an answer waits until its own
// write is.
func TestTallyAwait(t *testing.T) {
	tally := &Tally{roles: map[string]*tallied{}, seen: map[string]string{}}
	u := &v1alpha1.ProvisionedUser{ObjectMeta: metav1.ObjectMeta{Name: "ann", ResourceVersion: "7"}}
	waiting := make(chan error)
	go func() { waiting <- tally.await(t.Context(), u) }()
	for _, version := range []string{"5", "6"} {
		before := u.DeepCopy()
		before.ResourceVersion = version
		tally.OnAdd(before, false)
		select {
		case err := <-waiting:
			t.Fatalf("it is at %s and not at %s: %v", version, u.ResourceVersion, err)
		default:
		}
	}
	tally.OnUpdate(u, u)
	if err := <-waiting; err != nil {
		t.Fatal(err)
	}
	last := u.DeepCopy()
	last.ResourceVersion = "8"
	tally.OnDelete(last)
	if err := tally.await(t.Context(), u); err != nil {
		t.Errorf("nobody waits for who is gone: %v", err)
	}
}
