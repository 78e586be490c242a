package server_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func TestConcurrency(t *testing.T) {
	t.Run("fact 62: 16 clients change one group and no member is lost", func(t *testing.T) {
		const clients, each, steps = 16, 4, 25
		s := start(t, server.Options{Limits: server.Limits{ProviderRate: 1e6, ProviderBurst: 1e6}})
		group := s.createGroup("Hot")
		var want []string
		var mu sync.Mutex
		var wg sync.WaitGroup
		for client := range clients {
			var ids []string
			for i := range each {
				ids = append(ids, s.createUser(fmt.Sprintf("user-%d-%d", client, i)))
			}
			wg.Go(func() {
				random := rand.New(rand.NewPCG(uint64(client), 1))
				model := map[string]bool{}
				for range steps {
					id := ids[random.IntN(each)]
					op := `{"op":"Remove","path":"members","value":` + value(id) + `}`
					if model[id] = random.IntN(3) > 0; model[id] {
						op = `{"op":"Add","path":"members","value":` + value(id) + `}`
					}
					if r := s.patch("/Groups/"+group, op); r.status != 204 {
						t.Errorf("status %d: %s", r.status, r.raw)
					}
					if got := s.do("GET", "/Users/"+id, "").get("groups") != nil; got != model[id] {
						t.Errorf("an acknowledged change isn't seen: member %v, want %v", got, model[id])
					}
				}
				mu.Lock()
				defer mu.Unlock()
				for id, member := range model {
					if member {
						want = append(want, id)
					}
				}
			})
		}
		wg.Wait()
		slices.Sort(want)
		s.wantMembers(group, want...)
	})

	t.Run("one of many creates of a userName succeeds", func(t *testing.T) {
		s := start(t, server.Options{})
		statuses := make([]int, 16)
		var wg sync.WaitGroup
		for i := range statuses {
			wg.Go(func() { statuses[i] = s.do("POST", "/Users", `{"userName":"alice"}`).status })
		}
		wg.Wait()
		slices.Sort(statuses)
		if statuses[0] != 201 || statuses[1] != 409 || statuses[15] != 409 {
			t.Errorf("statuses %v: want one 201 and 409 else", statuses)
		}
	})
}
