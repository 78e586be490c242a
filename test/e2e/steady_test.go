//go:build integration

package e2e_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
)

var _ = Describe("A steady state", Serial, func() {
	It("makes no writes but the lease's for a minute", func(ctx SpecContext) {
		w := newGeneratedWorld(ctx, entra.Size{People: 50, Groups: 5, GroupsPerPerson: 2, Seed: 6}, entra.Options{})
		w.rule(ctx, w.role("platform-0000"))
		w.cycle(ctx)

		const quiet = 10 * time.Second
		var since time.Time
		Eventually(func(g Gomega) {
			writes := managerWrites(g, time.Now().Add(-quiet))
			g.Expect(writes).To(BeEmpty())
			since = time.Now()
		}).WithContext(ctx).WithTimeout(2 * time.Minute).WithPolling(time.Second).Should(Succeed())
		Consistently(func(g Gomega) {
			g.Expect(managerWrites(g, since)).To(BeEmpty())
		}).WithContext(ctx).WithTimeout(time.Minute).WithPolling(5 * time.Second).Should(Succeed())
	})
})

// managerWrites are the writes of the manager since a moment, as the API server
// has logged them.
func managerWrites(g Gomega, since time.Time) []string {
	file, err := os.Open(shared.AuditLogPath())
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	account := fmt.Sprintf("system:serviceaccount:%s:%s", cluster.Namespace, cluster.ServiceAccount)
	var writes []string
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event struct {
			Verb, RequestURI         string
			RequestReceivedTimestamp time.Time
			User                     struct{ Username string }
			ObjectRef                struct{ Resource string }
		}
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			// The last line may be half written.
			continue
		}
		changes := slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, event.Verb)
		asks := slices.Contains([]string{"subjectaccessreviews", "tokenreviews"}, event.ObjectRef.Resource)
		if event.User.Username == account && changes && !asks && event.ObjectRef.Resource != "leases" &&
			event.RequestReceivedTimestamp.After(since) {
			writes = append(writes, event.Verb+" "+event.RequestURI)
		}
	}
	g.Expect(lines.Err()).NotTo(HaveOccurred())
	return writes
}
