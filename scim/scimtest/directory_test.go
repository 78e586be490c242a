package scimtest

import (
	"testing"
	"time"

	"github.com/rollcall-dev/rollcall/scim"
)

func TestInMemory(t *testing.T) {
	TestDirectory(t, func() scim.Directory { return New() })
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	d := NewWithClock(func() time.Time { return now })
	alice := createUser(t, d, "alice@example.com")
	created := now
	wantTimes := func(r scim.Resource, modified time.Time) {
		t.Helper()
		if got := metaTime(t, r, "created"); !got.Equal(created) {
			t.Errorf("created %v: want %v", got, created)
		}
		if got := metaTime(t, r, "lastModified"); !got.Equal(modified) {
			t.Errorf("lastModified %v: want %v", got, modified)
		}
	}
	wantTimes(alice, created)

	now = now.Add(time.Hour)
	createGroup(t, d, "Team", alice.ID())
	same, err := d.UpdateUser(t.Context(), alice.ID(), nil, func(u scim.Resource) (scim.Resource, error) { return u, nil })
	must(t, err)
	wantTimes(same, created)

	changed, err := d.UpdateUser(t.Context(), alice.ID(), nil, set("title", "T"))
	must(t, err)
	wantTimes(changed, now)
}
