//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/hack/rights"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// auditTail reads what the API server has logged of the manager's writes since it
// was asked last. What is about other worlds is left out: the manager may not be done
// with what other specs began, such as a release, which ends half a minute later.
type auditTail struct {
	world  string
	offset int64
}

// auditWrite is one write of the manager.
type auditWrite struct{ verb, resource, subresource, name string }

var worldName = regexp.MustCompile(`\bw[0-9]+\b`)

// isAnothers says whether a name has another world's in it.
func (t *auditTail) isAnothers(name string) bool {
	worlds := worldName.FindAllString(name, -1)
	return len(worlds) > 0 && !slices.Contains(worlds, t.world)
}

// tailAudit begins now.
func tailAudit(w *world) *auditTail {
	GinkgoHelper()
	info, err := os.Stat(shared.AuditLogPath())
	Expect(err).NotTo(HaveOccurred())
	return &auditTail{world: w.name, offset: info.Size()}
}

// writes are those that change something: no lease, and no question that is
// asked by creating a review.
func (t *auditTail) writes(g Gomega) []auditWrite {
	file, err := os.Open(shared.AuditLogPath())
	g.Expect(err).NotTo(HaveOccurred())
	defer file.Close()
	_, err = file.Seek(t.offset, io.SeekStart)
	g.Expect(err).NotTo(HaveOccurred())
	text, err := io.ReadAll(file)
	g.Expect(err).NotTo(HaveOccurred())
	events, whole, err := rights.ParseAudit(text)
	g.Expect(err).NotTo(HaveOccurred())
	t.offset += int64(whole)

	account := fmt.Sprintf("system:serviceaccount:%s:%s", cluster.Namespace, cluster.ServiceAccount)
	var writes []auditWrite
	for _, event := range events {
		changes := slices.Contains([]string{"create", "update", "patch", "delete", "deletecollection"}, event.Verb)
		aside := slices.Contains([]string{"leases", "subjectaccessreviews", "tokenreviews"}, event.ObjectRef.Resource)
		if event.User.Username == account && changes && !aside && !t.isAnothers(event.ObjectRef.Name) {
			writes = append(writes, auditWrite{event.Verb, event.ObjectRef.Resource, event.ObjectRef.Subresource, event.ObjectRef.Name})
		}
	}
	return writes
}

// untilQuiet waits until the manager hasn't written for a while, and returns all
// that it wrote before.
func (t *auditTail) untilQuiet(ctx context.Context, silence time.Duration) []auditWrite {
	GinkgoHelper()
	var all []auditWrite
	last := time.Now()
	Eventually(func(g Gomega) {
		if writes := t.writes(g); len(writes) > 0 {
			all, last = append(all, writes...), time.Now()
		}
		g.Expect(time.Since(last)).To(BeNumerically(">", silence))
	}).WithContext(ctx).WithTimeout(3 * time.Minute).WithPolling(100 * time.Millisecond).Should(Succeed())
	return all
}
