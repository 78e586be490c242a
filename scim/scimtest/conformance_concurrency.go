package scimtest

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/order"
)

const clients = 16

// parallel runs f as several clients at once.
func parallel(f func(client int)) {
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

func concurrentCreates(t *testing.T, d scim.Directory) {
	var made atomic.Int32
	parallel(func(i int) {
		name := "alice@example.com"
		if i%2 == 1 {
			name = "ALICE@example.com"
		}
		_, err := d.CreateUser(t.Context(), newUser(name))
		switch e := scim.AsError(err); {
		case err == nil:
			made.Add(1)
		case e == nil || e.Status != http.StatusConflict:
			t.Errorf("create: %v: want a conflict", err)
		}
	})
	page, err := d.Users(t.Context(), scim.Query{Window: order.Window{StartIndex: 1, Count: 100}})
	must(t, err)
	if made.Load() != 1 || page.Total != 1 {
		t.Fatalf("%d creates succeeded and there are %d users: want 1", made.Load(), page.Total)
	}
}

func concurrentUpdates(t *testing.T, d scim.Directory) {
	alice := createUser(t, d, "alice@example.com")
	parallel(func(i int) {
		value := fmt.Sprintf("alice-%d@example.com", i)
		_, err := d.UpdateUser(t.Context(), alice.ID(), nil, func(u scim.Resource) (scim.Resource, error) {
			u = u.Clone()
			list, _ := u["emails"].([]any)
			u["emails"] = append(list, map[string]any{"value": value})
			return u, nil
		})
		if err != nil {
			t.Errorf("update: %v", err)
		}
	})
	var want []string
	for i := range clients {
		want = append(want, fmt.Sprintf("alice-%d@example.com", i))
	}
	wantIDs(t, valuesOf(t, readUser(t, d, alice.ID()), "emails"), sorted(want...))
}

// concurrentMembers has clients add and remove members of one group, each its
// own users, and see each change at once.
func concurrentMembers(t *testing.T, d scim.Directory) {
	const usersEach, steps = 3, 12
	team := createGroup(t, d, "Team")
	ids := make([][]string, clients)
	for i := range ids {
		for j := range usersEach {
			ids[i] = append(ids[i], createUser(t, d, fmt.Sprintf("user-%d-%d@example.com", i, j)).ID())
		}
	}
	model := make([]map[string]bool, clients)
	parallel(func(i int) {
		model[i] = map[string]bool{}
		random := rand.New(rand.NewPCG(1, uint64(i)))
		for range steps {
			id := ids[i][random.IntN(usersEach)]
			change := scim.MemberChange{Remove: []string{id}}
			if model[i][id] = random.IntN(3) > 0; model[i][id] {
				change = scim.MemberChange{Add: memberList([]string{id})}
			}
			_, err := d.UpdateGroup(t.Context(), team.ID(), nil, false,
				func(group scim.Resource, _ scim.CurrentMembers) (scim.Resource, scim.MemberChange, error) {
					return group, change, nil
				})
			if err != nil {
				t.Errorf("change: %v", err)
				return
			}
			user, err := d.User(t.Context(), id)
			if err != nil {
				t.Errorf("read: %v", err)
				return
			}
			if got := user["groups"] != nil; got != model[i][id] {
				t.Errorf("a member change that was answered isn't seen: member %v, want %v", got, model[i][id])
			}
		}
	})
	var want []string
	for _, m := range model {
		for id, member := range m {
			if member {
				want = append(want, id)
			}
		}
	}
	slices.Sort(want)
	wantIDs(t, memberIDs(t, d, team.ID()), want)
}
