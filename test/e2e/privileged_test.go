//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

// privileged is somebody of an identity provider who was also given everything that
// can be given locally: a local role, temporary access, and the level Administrator.
type privileged struct {
	*world
	name, object string
	// entras is a question that the provider's role answers, locals two that the
	// local grants do.
	entras verdict.Question
	locals []verdict.Question
	// manifests of the local grants, as they lie in Git.
	manifests []string
}

func newPrivileged(ctx context.Context, dialect entra.Dialect) *privileged {
	GinkgoHelper()
	p := &privileged{world: newWorld(ctx, entra.Options{Dialect: dialect})}
	p.addPeople("pat", "bystander")
	p.name = p.upn("pat")
	Expect(p.tenant.Assign(p.name, p.upn("bystander"))).To(Succeed())
	p.addGroup("Engineers", p.name)
	p.addGroup("Incidents", p.upn("bystander"))
	ops := p.role("ops")
	admin := chief(ctx)
	Expect(apply(ctx, admin, "git", "kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s}", ops)).To(Succeed())
	p.entras = p.rule(ctx, p.role("engineers"))(p.name)
	p.locals = []verdict.Question{p.rule(ctx, ops)(p.name), p.rule(ctx, p.role("incidents"))(p.name)}
	p.cycle(ctx)
	p.object = user(ctx, Default, p.name).Name
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	p.manifests = []string{
		fmt.Sprintf("kind: RoleAttachment\nmetadata: {name: %s}\nspec: {user: %s, role: %s}", p.role("for-good"), p.object, ops),
		fmt.Sprintf("kind: RoleAttachment\nmetadata: {name: %s}\nspec: {user: %s, role: %s, expiresAt: %q, reason: an incident}",
			p.role("for-an-hour"), p.object, p.role("incidents"), until),
		fmt.Sprintf("kind: ProvisionedUser\nmetadata: {name: %s}\nspec: {permissionLevel: Administrator}", p.object),
	}
	p.applyAll(ctx, admin, "git")
	return p
}

func (p *privileged) applyAll(ctx context.Context, as client.Client, manager string) {
	GinkgoHelper()
	for _, text := range p.manifests {
		Expect(apply(ctx, as, manager, "%s", text)).To(Succeed())
	}
}

func (p *privileged) expectEverything(ctx context.Context) {
	GinkgoHelper()
	for _, q := range append(p.locals, p.entras, mayAttach(p.name)) {
		expectAllowed(ctx, q)
	}
	expectUser(ctx, p.name, v1alpha1.StateActive, v1alpha1.LevelAdministrator, p.role("engineers"), p.role("incidents"), p.role("ops"))
}

func (p *privileged) expectNothing(ctx context.Context) {
	GinkgoHelper()
	for _, q := range append(p.locals, p.entras, mayAttach(p.name)) {
		expectDenied(ctx, q)
	}
}

// expectStillNothing says that nothing comes of what was done last.
func (p *privileged) expectStillNothing(ctx context.Context) {
	GinkgoHelper()
	Consistently(func(g Gomega) {
		for _, q := range append(p.locals, p.entras, mayAttach(p.name)) {
			g.Expect(judge.May(ctx, q)).To(BeFalse(), "%s", q)
		}
	}).WithContext(ctx).WithTimeout(300 * time.Millisecond).WithPolling(interval).Should(Succeed())
}

// expectOnlyEntras says that exactly the roles of the identity provider are held,
// at the level User, and stay so.
func (p *privileged) expectOnlyEntras(ctx context.Context, roles ...string) {
	GinkgoHelper()
	expectUser(ctx, p.name, v1alpha1.StateActive, v1alpha1.LevelUser, roles...)
	Consistently(func(g Gomega) {
		for _, q := range append(p.locals, mayAttach(p.name)) {
			g.Expect(judge.May(ctx, q)).To(BeFalse(), "%s", q)
		}
	}).WithContext(ctx).WithTimeout(300 * time.Millisecond).WithPolling(interval).Should(Succeed())
	for _, name := range []string{p.role("for-good"), p.role("for-an-hour")} {
		Eventually(func(g Gomega) {
			a := get(ctx, g, name, &v1alpha1.RoleAttachment{})
			g.Expect(a.Status.State).To(Equal(v1alpha1.AttachmentSuperseded), name)
			g.Expect(a.Status.Reason).To(Equal(access.ReasonSuspendedSince))
		}).WithContext(ctx).Should(Succeed())
	}
}

// gitOps is a machine at the level Administrator that applies manifests again and
// again.
func gitOps(ctx context.Context) client.Client {
	GinkgoHelper()
	tool := machine(ctx, "gitops", "applier")
	Expect(client.IgnoreAlreadyExists(chief(ctx).Create(ctx, &v1alpha1.ProvisionedUser{
		ObjectMeta: metav1.ObjectMeta{Name: "gitops"},
		Spec: v1alpha1.ProvisionedUserSpec{
			UserName: "gitops", Type: v1alpha1.ServiceAccount, PermissionLevel: v1alpha1.LevelAdministrator,
			ServiceAccountRef: &v1alpha1.ServiceAccountReference{Namespace: "gitops", Name: "applier"},
		},
	}))).To(Succeed())
	expectAllowed(ctx, mayAttach("system:serviceaccount:gitops:applier"))
	return tool
}
