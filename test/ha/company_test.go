//go:build integration

package ha_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/utils/ptr"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
)

const staff = "Staff"

// company is a tenant of Entra in which people come, change and go, and the job that
// provisions it, cycle after cycle, whatever becomes of the replicas.
type company struct {
	tenant *entra.Tenant
	job    *entra.Job

	mu sync.Mutex
	// cycles, and the people hired, so far.
	cycles, hired int
	statuses      map[int]int
	problems      []string
}

// newCompany provisions through a Tenant URL, with the token that is good then.
func newCompany(tenantURL string, secret *secret) *company {
	GinkgoHelper()
	c := &company{tenant: entra.NewTenant(time.Now), statuses: map[int]int{}}
	Expect(c.tenant.AddGroup(staff)).To(Succeed())
	Expect(c.tenant.Assign(staff)).To(Succeed())
	var err error
	c.job, err = entra.NewJob(c.tenant, tenantURL, "", entra.Options{
		Record: c.record,
		HTTP:   &http.Client{Timeout: answerWithin, Transport: secret},
		Wait: func(ctx context.Context, _ time.Duration) error {
			wait(ctx)
			return ctx.Err()
		},
	})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// record minds each answer. Entra looks before it creates, so a conflict would be with
// a request of its own that it has given up.
func (c *company) record(x entra.Exchange) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.statuses[x.Status]++
	switch {
	case x.Status/100 == 2, x.Status == 0, x.Status == http.StatusServiceUnavailable:
	default:
		c.problems = append(c.problems, fmt.Sprintf("%s %s %s: %d %s", x.Method, x.Target, x.Request, x.Status, x.Response))
	}
}

// person is what is kept of somebody.
type person struct {
	id, name       string
	active, member bool
}

func upn(n int) string { return fmt.Sprintf("person-%d@contoso.com", n) }

// work runs cycles until ctx ends. When one has done all it had to do, somebody is
// hired, another one is given another name, and of two others one is disabled and one
// leaves the group.
func (c *company) work(ctx, cycles context.Context) {
	for settled := true; ctx.Err() == nil; {
		if settled {
			c.live()
		}
		report, err := c.job.Cycle(cycles)
		Expect(err).NotTo(HaveOccurred())
		settled = len(report.Failures) == 0
		c.mu.Lock()
		c.cycles++
		c.mu.Unlock()
	}
}

func (c *company) live() {
	n := c.hired
	_, err := c.tenant.AddPerson(entra.Person{UserPrincipalName: upn(n), GivenName: "A", Surname: "B"})
	Expect(err).NotTo(HaveOccurred())
	Expect(c.tenant.Assign(upn(n))).To(Succeed())
	Expect(c.tenant.AddMembers(staff, upn(n))).To(Succeed())
	if n >= 3 {
		Expect(c.tenant.EditPerson(upn(n-1), func(p *entra.Person) { p.GivenName = "C" })).To(Succeed())
		Expect(c.tenant.Disable(upn(n - 2))).To(Succeed())
		Expect(c.tenant.RemoveMembers(staff, upn(n-3))).To(Succeed())
	}
	c.hired++
}

// done is how many cycles have ended.
func (c *company) done() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cycles
}

// missed are the requests without an answer, or that were told to come back.
func (c *company) missed() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.statuses[0] + c.statuses[http.StatusServiceUnavailable]
}

// expectKept brings the job to its end, and holds the cluster against the tenant. The
// job sends nothing twice that was acknowledged, so nothing else would mend a loss.
func (c *company) expectKept(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		report, err := c.job.Cycle(ctx)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(report.Empty()).To(BeTrue(), "%+v", report)
	}).WithContext(ctx).WithTimeout(30 * time.Second).WithPolling(pause).Should(Succeed())
	Expect(c.problems).To(BeEmpty())

	var roles v1alpha1.ProvisionedRoleList
	Expect(control.Client().List(ctx, &roles)).To(Succeed())
	groups := []string{}
	for _, r := range roles.Items {
		if r.Spec.DisplayName == staff {
			groups = append(groups, r.Spec.ID)
		}
	}
	Expect(groups).To(Equal([]string{c.job.GroupID(staff)}))

	var users v1alpha1.ProvisionedUserList
	Expect(control.Client().List(ctx, &users)).To(Succeed())
	found := map[string][]person{}
	for _, u := range users.Items {
		p := person{id: u.Spec.ID, active: ptr.Deref(u.Spec.Active, true)}
		if u.Spec.Name != nil {
			p.name = u.Spec.Name.GivenName
		}
		_, p.member = u.Spec.Memberships[groups[0]]
		found[u.Spec.UserName] = append(found[u.Spec.UserName], p)
	}
	snapshot := c.tenant.Snapshot(entra.AssignedOnly)
	members := map[string]bool{}
	for _, g := range snapshot.Groups {
		members = g.Members
	}
	for _, p := range snapshot.People {
		Expect(found[p.UserPrincipalName]).To(Equal([]person{{
			id: c.job.UserID(p.UserPrincipalName), name: p.GivenName, active: !p.Disabled, member: members[p.ObjectID],
		}}), p.UserPrincipalName)
	}
	AddReportEntry("Entra", fmt.Sprintf("%d cycles, %d people, answers by status: %v", c.cycles, c.hired, c.statuses))
}
