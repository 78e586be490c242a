//go:build integration

package guides_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

const (
	shop        = "shop"
	ann         = "ann@shop.example.com"
	bea         = "bea@shop.example.com"
	cid         = "cid@shop.example.com"
	dana        = "dana@vendor.example.com"
	backupsPage = "docs/guides/operate.md"
)

// shopkeepers is what administrators of the shop have made: Ann and Bea are attached
// to a local role, so is Dana, who is local herself.
const shopkeepers = `
apiVersion: v1
kind: Namespace
metadata: {name: shop-sales}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop-ops}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedUser
metadata: {name: dana--vendor.example.com}
spec: {userName: dana@vendor.example.com}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: ProvisionedRole
metadata: {name: shop-ops}
spec: {displayName: Shop Ops}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: shop-sales}
spec: {role: shop-sales, provider: shop, roleRef: {name: guides-reader}, namespaces: [shop-sales]}
---
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: shop-ops}
spec: {role: shop-ops, provider: local, roleRef: {name: guides-reader}, namespaces: [shop-ops]}
`

const attachment = `
apiVersion: identity.rollcall.dev/v1alpha1
kind: RoleAttachment
metadata: {name: %[1]s-ops}
spec: {user: %[2]s, role: shop-ops}
`

func sales(who string) verdict.Question { return pods(who, "shop-sales") }
func ops(who string) verdict.Question   { return pods(who, "shop-ops") }

func pods(who, namespace string) verdict.Question {
	return verdict.Question{User: who, Verb: "list", Resource: "pods", Namespace: namespace}
}

// Everything of the shop is saved, lost and made again, as a tool such as Velero does.
var _ = Describe("A backup", Ordered, func() {
	var (
		judge  *verdict.Judge
		tenant *entra.Tenant
		job    *entra.Job
		// root is a cluster-admin; glass is one too, in the break-glass group.
		root, glass client.Client
		saved       []*unstructured.Unstructured
	)
	become := func(ctx context.Context, q verdict.Question, want bool) {
		GinkgoHelper()
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		_, err := judge.Await(ctx, q, want)
		Expect(err).NotTo(HaveOccurred())
	}
	cycle := func(ctx context.Context) entra.Report {
		GinkgoHelper()
		report, err := job.Cycle(ctx)
		Expect(err).NotTo(HaveOccurred())
		Expect(report.Failures).To(BeEmpty())
		return report
	}
	connect := func(ctx context.Context) {
		GinkgoHelper()
		token, err := shared.NewToken(ctx, shop)
		Expect(err).NotTo(HaveOccurred())
		job, err = entra.NewJob(tenant, manager.TenantURL(shop), token, entra.Options{})
		Expect(err).NotTo(HaveOccurred())
	}
	isState := func(ctx context.Context, who string, state v1alpha1.UserState) {
		GinkgoHelper()
		Eventually(func(g Gomega) { g.Expect(user(ctx, g, who).Status.State).To(Equal(state)) }).WithContext(ctx).Should(Succeed())
	}

	BeforeAll(func(ctx SpecContext) {
		var err error
		judge, err = verdict.New(shared.Admin())
		Expect(err).NotTo(HaveOccurred())
		root, glass = person("root", "administrators"), person("restorer", "administrators", "rollcall-break-glass")
		tenant = entra.NewTenant(time.Now)
		for _, upn := range []string{ann, bea, cid} {
			_, err := tenant.AddPerson(entra.Person{UserPrincipalName: upn, GivenName: "A", Surname: "B"})
			Expect(err).NotTo(HaveOccurred())
		}
		Expect(tenant.AddGroup("Shop Sales", ann, bea, cid)).To(Succeed())
		Expect(tenant.Assign("Shop Sales")).To(Succeed())
		connect(ctx)
		Expect(shared.Apply(ctx, shopkeepers)).To(Succeed())
		cycle(ctx)
		for _, who := range []string{ann, bea, dana} {
			name, _, _ := strings.Cut(who, "@")
			Expect(shared.Apply(ctx, fmt.Sprintf(attachment, name, user(ctx, Default, who).Name))).To(Succeed())
			become(ctx, ops(who), true)
		}
		Expect(merge(ctx, root, user(ctx, Default, bea), `{"spec":{"permissionLevel":"Auditor"}}`)).To(Succeed())
		for _, who := range []string{ann, bea, cid} {
			become(ctx, sales(who), true)
		}

		By("Entra suspending Bea before the backup, and Cid after it")
		Expect(tenant.Disable(bea)).To(Succeed())
		cycle(ctx)
		become(ctx, sales(bea), false)
		saved = backup(ctx)
		Expect(tenant.Disable(cid)).To(Succeed())
		cycle(ctx)
		become(ctx, sales(cid), false)
		breakGlass(ctx)
	}, NodeTimeout(2*time.Minute))

	It("made over what is there brings nobody back, whoever restores it and however", func(ctx SpecContext) {
		old := find(saved, "ProvisionedUser", user(ctx, Default, cid).Name)
		Expect(old.Object["spec"]).To(HaveKeyWithValue("active", true))
		Expect(root.Create(ctx, old.DeepCopy())).To(refusedWith(`managed by identity provider "shop": change it there`))
		Expect(apierrors.IsAlreadyExists(glass.Create(ctx, old.DeepCopy()))).To(BeTrue())
		for _, as := range []client.Client{root, glass} {
			Expect(overwrite(ctx, as, old)).To(refusedWith("spec.suspensions only grows"))
		}
		isState(ctx, cid, v1alpha1.StateSuspended)
	})

	It("is of no use to a tool that is not in the break-glass group", func(ctx SpecContext) {
		lose(ctx, glass, saved)
		for _, kind := range []string{"ProvisionedUser", "ProvisionedRole"} {
			Expect(root.Create(ctx, find(saved, kind, "").DeepCopy())).To(refusedWith(`managed by identity provider "shop": change it there`))
		}
	})

	It("restored as it is makes people what they were that day, which is why the page switches them off", func(ctx SpecContext) {
		for _, object := range saved {
			if object.GetKind() != "RoleAttachment" {
				Expect(glass.Create(ctx, object.DeepCopy())).To(Succeed(), object.GetName())
			}
		}
		become(ctx, sales(cid), true)
		become(ctx, sales(bea), false)
		lose(ctx, glass, saved)
		become(ctx, sales(cid), false)
	})

	It("restored as the page says gives nobody of the identity provider anything", func(ctx SpecContext) {
		for _, object := range saved {
			Expect(glass.Create(ctx, modify(ctx, object))).To(Succeed(), object.GetName())
		}
		become(ctx, ops(dana), true)
		for _, who := range []string{ann, bea, cid} {
			isState(ctx, who, v1alpha1.StateSuspended)
			for _, q := range []verdict.Question{sales(who), ops(who)} {
				Expect(judge.May(ctx, q)).To(BeFalse(), "%s", q)
			}
		}
	})

	It("gives back what the identity provider has now, once it says so, and what stood beside it", func(ctx SpecContext) {
		connect(ctx)
		report := cycle(ctx)
		Expect(report.UsersCreated+report.GroupsCreated).To(BeZero(), "they are the same users and groups")
		become(ctx, sales(ann), true)
		become(ctx, ops(ann), true)
		for _, who := range []string{bea, cid} {
			isState(ctx, who, v1alpha1.StateSuspended)
			for _, q := range []verdict.Question{sales(who), ops(who)} {
				Expect(judge.May(ctx, q)).To(BeFalse(), "%s", q)
			}
		}
	})

	It("keeps void what had become void before it", func(ctx SpecContext) {
		Expect(tenant.Enable(bea)).To(Succeed())
		cycle(ctx)
		become(ctx, sales(bea), true)
		Eventually(func(g Gomega) {
			u := user(ctx, g, bea)
			g.Expect(u.Spec.PermissionLevel).To(Equal(v1alpha1.LevelAuditor))
			g.Expect(u.Status.PermissionLevel).To(Equal(v1alpha1.LevelUser))
			g.Expect(u.Status.Withheld).To(HaveLen(1))
			g.Expect(u.Status.Withheld[0].Sources[0].Reason).To(Equal(access.ReasonSuspendedSince))
		}).WithContext(ctx).Should(Succeed())
		Expect(judge.May(ctx, ops(bea))).To(BeFalse())
	})
})
