//go:build integration

package ha_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/leader"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/otlp"
)

const provider = "entra"

var (
	control *cluster.Cluster
	service *cluster.Service
	// managers are the two replicas.
	managers [2]*cluster.Manager
	// current is the token that all clients use, and contoso one of them.
	current *secret
	contoso *company
	// logs are their provisioning logs, and collector has their traces.
	logs      [2]string
	collector *otlp.Collector
)

func TestHA(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "High availability")
}

var _ = BeforeSuite(func(ctx SpecContext) {
	var err error
	control, err = cluster.Start(ctx, cluster.Options{Log: GinkgoWriter})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(control.Stop()).To(Succeed()) })
	service, err = control.Service(ctx, 0)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(service.Stop()).To(Succeed()) })
	collector = otlp.Start()
	DeferCleanup(collector.Stop)
	folder, err := os.MkdirTemp("", "rollcall-ha-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() { Expect(os.RemoveAll(folder)).To(Succeed()) })
	for i := range managers {
		logs[i] = filepath.Join(folder, fmt.Sprintf("provisioning-%d.log", i))
		start(ctx, i)
	}
	text, err := control.NewToken(ctx, provider)
	Expect(err).NotTo(HaveOccurred())
	current = newSecret(text)
	contoso = newCompany(service.URL()+"/"+provider+"/scim/v2", current)
}, NodeTimeout(10*time.Minute))

// start starts a replica, as a Deployment does with what has ended.
func start(ctx context.Context, i int) {
	GinkgoHelper()
	m, err := control.StartManager(ctx, cluster.ManagerOptions{
		Replica: true, ExternalURL: service.URL(),
		Args: []string{"--provisioning-log=" + logs[i], "--otlp-endpoint=" + collector.URL()},
		// Soon, instead of every five seconds; in milliseconds.
		Env: []string{"OTEL_BSP_SCHEDULE_DELAY=50"},
	})
	Expect(err).NotTo(HaveOccurred())
	managers[i] = m
	service.Add(m)
}

// leading returns who holds the lease.
func leading(ctx context.Context, g Gomega) int {
	GinkgoHelper()
	lease := &coordinationv1.Lease{}
	g.Expect(control.Client().Get(ctx, client.ObjectKey{Namespace: cluster.Namespace, Name: "rollcall-manager"}, lease)).To(Succeed())
	for i, m := range managers {
		if strings.Contains(ptr.Deref(lease.Spec.HolderIdentity, ""), fmt.Sprintf(":%d_", m.SCIMPort())) {
			return i
		}
	}
	g.Expect(lease.Spec.HolderIdentity).To(BeNil(), "somebody else leads")
	return -1
}

// takenOver waits until another replica leads than the one that did.
func takenOver(ctx context.Context, before int) {
	GinkgoHelper()
	Eventually(func(g Gomega) { g.Expect(leading(ctx, g)).To(Equal(1 - before)) }).
		WithContext(ctx).WithTimeout(2 * leader.Duration).WithPolling(50 * time.Millisecond).Should(Succeed())
}

// busyFor lets the clients work undisturbed: until so many more users are written.
func (l *load) busyFor(ctx context.Context, users int) {
	GinkgoHelper()
	count := func() int {
		l.mu.Lock()
		defer l.mu.Unlock()
		return len(l.written)
	}
	goal := count() + users
	Eventually(count).WithContext(ctx).WithTimeout(time.Minute).WithPolling(20 * time.Millisecond).Should(BeNumerically(">=", goal))
}

var _ = Describe("Two replicas behind a Service", Ordered, func() {
	tenant := func() string { return service.URL() + "/" + provider + "/scim/v2" }

	It("serve SCIM both, whoever leads", func(ctx SpecContext) {
		for _, m := range managers {
			l := newLoad(m.TenantURL(provider), current, fmt.Sprintf("each-%d", m.SCIMPort()))
			l.during(ctx, func() { l.busyFor(ctx, 2*clients) })
			l.expectKept(ctx)
		}
	}, SpecTimeout(2*time.Minute))

	It("are ready no sooner than they know the tokens", func(ctx SpecContext) {
		startsWithTheTokens(ctx)
	}, SpecTimeout(2*time.Minute))

	It("take another token, and refuse the old one, without a failed request", func(ctx SpecContext) {
		l := newLoad(tenant(), current, "rotated")
		missed := contoso.missed()
		l.during(ctx, func() {
			l.busyFor(ctx, 2*clients)
			text := addToken(ctx)
			accepted := awaited(ctx, text, http.StatusOK)
			old := current.change(text)
			l.busyFor(ctx, 2*clients)
			revoke(ctx, old)
			refused := awaited(ctx, old, http.StatusUnauthorized)
			l.busyFor(ctx, 2*clients)
			for i := range managers {
				Expect(accepted[i]).To(BeNumerically("<", time.Second+l.stalled.Total()))
				Expect(refused[i]).To(BeNumerically("<", time.Second+l.stalled.Total()))
			}
			AddReportEntry("token", fmt.Sprintf("accepted after %v, refused after %v", accepted, refused))
		})
		Expect(l.missed).To(BeZero())
		Expect(contoso.missed()).To(Equal(missed))
		l.expectKept(ctx)
	}, SpecTimeout(2*time.Minute))

	It("hand over in less than two seconds when the leader is stopped", func(ctx SpecContext) {
		l := newLoad(tenant(), current, "stopped")
		first := leading(ctx, Default)
		l.during(ctx, func() {
			l.busyFor(ctx, 2*clients)
			// Whoever is slow to ask must not keep the others from an answer.
			for _, sent := range []string{"", "POST /entra/scim/v2/Users HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf"} {
				slow, err := net.Dial("tcp", strings.TrimPrefix(managers[first].SCIMURL, "http://"))
				Expect(err).NotTo(HaveOccurred())
				defer func() { _ = slow.Close() }()
				_, err = io.WriteString(slow, sent)
				Expect(err).NotTo(HaveOccurred())
			}
			Expect(managers[first].Stop()).To(Succeed())
			takenOver(ctx, first)
			l.busyFor(ctx, 2*clients)
		})
		l.expectKept(ctx)
		Expect(l.refused).To(BeNumerically("<", 2*time.Second+l.stalled.Total()))
		start(ctx, first)
	}, SpecTimeout(2*time.Minute))

	It("lose nothing when the leader is killed, and refuse writes no longer than its lease lasts", func(ctx SpecContext) {
		l := newLoad(tenant(), current, "killed")
		first := leading(ctx, Default)
		l.during(ctx, func() {
			l.busyFor(ctx, 2*clients)
			Expect(managers[first].Kill()).To(Succeed())
			By("the other one, which doesn't lead yet, answering for admission")
			Eventually(func(g Gomega) {
				p := &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "asked"}}
				g.Expect(control.Client().Create(ctx, p, client.DryRunAll)).To(Succeed())
			}).WithContext(ctx).WithTimeout(leader.Duration / 3).WithPolling(50 * time.Millisecond).Should(Succeed())
			Expect(leading(ctx, Default)).To(Equal(first), "nobody has taken the lease yet")
			takenOver(ctx, first)
			l.busyFor(ctx, 2*clients)
		})
		l.expectKept(ctx)
		Expect(l.refused).To(BeNumerically("<", leader.Duration+l.stalled.Total()))
		start(ctx, first)
	}, SpecTimeout(2*time.Minute))

	It("hear nothing of yesterday from a leader that was frozen", func(ctx SpecContext) {
		l := newLoad(tenant(), current, "frozen")
		first := leading(ctx, Default)
		frozen := managers[first]
		var status int
		var found string
		l.during(ctx, func() {
			l.busyFor(ctx, 2*clients)
			Expect(frozen.Pause()).To(Succeed())
			takenOver(ctx, first)
			l.busyFor(ctx, 2*clients)

			By("asking the frozen one for somebody who was created since")
			created := newLoad(tenant(), current, "since")
			id := created.create(ctx, "since@example.com")
			asked := newLoad(frozen.TenantURL(provider), current, "")
			asked.http.Timeout = time.Minute
			answered := make(chan struct{})
			go func() {
				defer close(answered)
				status, found = asked.find(ctx, "since@example.com")
			}()
			Expect(frozen.Resume()).To(Succeed())
			Eventually(answered).WithContext(ctx).WithTimeout(time.Minute).Should(BeClosed())
			Expect(status).To(BeElementOf(0, http.StatusServiceUnavailable, http.StatusOK))
			if status == http.StatusOK {
				Expect(found).To(Equal(id))
			}
			By("the process ending, since it has lost the lease")
			Eventually(frozen.Done()).WithContext(ctx).WithTimeout(time.Minute).Should(BeClosed())
			l.busyFor(ctx, 2*clients)
		})
		l.expectKept(ctx)
		Expect(l.refused).To(BeNumerically("<", leader.Duration+l.stalled.Total()))
		start(ctx, first)
	}, SpecTimeout(3*time.Minute))
})
