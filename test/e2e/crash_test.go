//go:build integration

package e2e_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("A crash", Serial, func() {
	for _, at := range []struct {
		name string
		// after is how many writes are answered before the manager is killed.
		after int64
	}{
		{"while users are created", 60},
		{"while members are added", 450},
	} {
		It("of the manager "+at.name+" loses nothing that was answered 2xx, members included, and the cycle goes on (fact 31)", func(ctx SpecContext) {
			var answered atomic.Int64
			var mu sync.Mutex
			var promised []entra.Exchange
			reached := make(chan struct{})
			record := func(x entra.Exchange) {
				if x.Method == http.MethodGet || x.Status/100 != 2 {
					return
				}
				mu.Lock()
				promised = append(promised, x)
				mu.Unlock()
				if answered.Add(1) == at.after {
					close(reached)
				}
			}
			w := newGeneratedWorld(ctx, entra.Size{People: 300, Groups: 10, GroupsPerPerson: 2, Seed: 5}, entra.Options{Record: record})

			ended := make(chan error, 1)
			go func() {
				report, err := w.job.Cycle(ctx)
				if err == nil && len(report.Failures) == 0 {
					err = errors.New("the cycle came to its end before the manager was killed")
				} else {
					err = nil
				}
				ended <- err
			}()
			select { // without a pause: the cycle is not to end before the kill
			case <-reached:
			case <-ctx.Done():
				Fail("the cycle never got that far")
			}
			Expect(manager.Kill()).To(Succeed())
			Eventually(ended).WithContext(ctx).Should(Receive(BeNil()))
			startManager(ctx)

			By("finding everything that was answered")
			shown := w.shown(ctx)
			users, members := promises(w, promised)
			for _, name := range users {
				Expect(shown.Users).To(HaveKey(name))
			}
			for group, names := range members {
				for name := range names {
					Expect(shown.Groups).To(HaveKeyWithValue(group, HaveKey(name)))
				}
			}

			By("going on with the cycle")
			w.job.Restart() // so many refused connections look like a broken application
			w.cycle(ctx)
			Expect(w.shown(ctx)).To(Equal(w.meant()))
			Expect(w.stored(ctx)).To(Equal(w.meant()))
			Expect(w.cycle(ctx)).To(Equal(entra.Report{}))
		})
	}
})

// promises are the users and members in requests that were answered 2xx.
func promises(w *world, sent []entra.Exchange) (users []string, members map[string]map[string]bool) {
	GinkgoHelper()
	userNames, groupNames := map[string]string{}, map[string]string{}
	members = map[string]map[string]bool{}
	for _, x := range sent {
		var answer struct{ ID, UserName, DisplayName string }
		if x.Method == http.MethodPost {
			Expect(json.Unmarshal(x.Response, &answer)).To(Succeed())
		}
		switch {
		case x.Method == http.MethodPost && x.Target == "/Users":
			users = append(users, answer.UserName)
			userNames[answer.ID] = answer.UserName
		case x.Method == http.MethodPost:
			groupNames[answer.ID] = answer.DisplayName
			members[answer.DisplayName] = map[string]bool{}
		case strings.HasPrefix(x.Target, "/Groups/"):
			var body struct {
				Operations []struct {
					Value []struct{ Value string }
				}
			}
			Expect(json.Unmarshal(x.Request, &body)).To(Succeed())
			for _, m := range body.Operations[0].Value {
				members[groupNames[strings.TrimPrefix(x.Target, "/Groups/")]][userNames[m.Value]] = true
			}
		}
	}
	return users, members
}
