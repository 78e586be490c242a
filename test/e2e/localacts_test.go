//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

type attachmentAct struct {
	name, user, text string
	// expires is zero for an attachment for good.
	expires time.Time
}

func (t *troupe) releaseUser(ctx context.Context) string {
	p := t.person()
	var list v1alpha1.ProvisionedUserList
	Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.id": p.id})).To(Succeed())
	Expect(list.Items).To(HaveLen(1))
	return t.release(ctx, puser(list.Items[0].Name), p)
}

func (t *troupe) releaseRole(ctx context.Context) string {
	g := t.group()
	var list v1alpha1.ProvisionedRoleList
	Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.id": g.id})).To(Succeed())
	Expect(list.Items).To(HaveLen(1))
	return t.release(ctx, prole(list.Items[0].Name), g)
}

// release asks for it and doesn't wait: whatever comes next meets it on its way.
func (t *troupe) release(ctx context.Context, o client.Object, a *actor) string {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, v1alpha1.ReleaseAnnotation, v1alpha1.ReleaseValue)
	return t.local(ctx, o.GetName()+" "+patch, func() error {
		err := merge(ctx, t.chief, o, "%s", patch)
		a.released = a.released || err == nil
		return err
	})
}

func (t *troupe) attach(ctx context.Context) string {
	a := attachmentAct{name: fmt.Sprintf("%s-a%d", t.name, len(t.attachments)), user: t.user(ctx)}
	times, now := "", time.Now()
	stamp := func(at time.Time) string { return at.UTC().Format(time.RFC3339) }
	switch t.random.IntN(4) {
	case 0:
		a.expires = now.Add(time.Duration(2+t.random.IntN(5)) * time.Second).Truncate(time.Second)
		times = fmt.Sprintf(", expiresAt: %q", stamp(a.expires))
	case 1:
		a.expires = now.Add(time.Hour).Truncate(time.Second)
		times = fmt.Sprintf(", startsAt: %q, expiresAt: %q", stamp(now.Add(2*time.Second)), stamp(a.expires))
	}
	a.text = fmt.Sprintf("{kind: RoleAttachment, metadata: {name: %s}, spec: {user: %s, role: %s%s}}", a.name, a.user, *oneOf(t, t.roles), times)
	t.attachments = append(t.attachments, a)
	return t.apply(ctx, "attacher", a)
}

// apply is refused to an attachment that would be new and has ended, or is to
// nobody.
func (t *troupe) apply(ctx context.Context, manager string, a attachmentAct) string {
	return t.local(ctx, a.text+" by "+manager, func() error { return apply(ctx, t.chief, manager, "%s", a.text) },
		func(err error) bool {
			return apierrors.IsInvalid(err) && !a.expires.IsZero() && !time.Now().Before(a.expires)
		},
		func(err error) bool {
			return apierrors.IsInvalid(err) && apierrors.IsNotFound(shared.Client().Get(ctx, client.ObjectKey{Name: a.user}, &v1alpha1.ProvisionedUser{}))
		})
}

// reapply applies an old manifest again under another field manager, as a GitOps
// tool does.
func (t *troupe) reapply(ctx context.Context) string {
	if len(t.attachments) == 0 {
		return t.attach(ctx)
	}
	return t.apply(ctx, "gitops", *oneOf(t, t.attachments))
}

func (t *troupe) detach(ctx context.Context) string {
	if len(t.attachments) == 0 {
		return t.attach(ctx)
	}
	return t.remove(ctx, rattach(oneOf(t, t.attachments).name))
}

// remove deletes what may be gone already.
func (t *troupe) remove(ctx context.Context, o client.Object) string {
	return t.local(ctx, fmt.Sprintf("delete %T %s", o, o.GetName()), func() error { return t.chief.Delete(ctx, o) }, apierrors.IsNotFound)
}

// patch changes a user, given by object name.
func (t *troupe) patch(ctx context.Context, user, format string, args ...any) string {
	patch := fmt.Sprintf(format, args...)
	return t.local(ctx, user+" "+patch, func() error { return merge(ctx, t.chief, puser(user), "%s", patch) })
}

func (t *troupe) level(ctx context.Context) string {
	return t.patch(ctx, t.user(ctx), `{"spec":{"permissionLevel":%q}}`, *oneOf(t, []v1alpha1.PermissionLevel{
		v1alpha1.LevelUser, v1alpha1.LevelTeamLeader, v1alpha1.LevelAuditor, v1alpha1.LevelAdministrator,
	}))
}

// changeRule says anew what a role may do and where, and perhaps whose role it has
// to be; it brings back a rule that was dropped.
func (t *troupe) changeRule(ctx context.Context) string {
	role, whose := *oneOf(t, t.roles), ""
	if t.random.IntN(2) == 0 {
		whose = ", provider: " + *oneOf(t, []string{t.name, v1alpha1.LocalManager})
	}
	text := fmt.Sprintf("{kind: AccessRule, metadata: {name: %[1]s}, spec: {role: %[1]s, roleRef: {kind: ClusterRole, name: %[2]s}, namespaces: [ns-%[3]s]%[4]s}}",
		role, *oneOf(t, []string{"e2e-deployer", "e2e-reader"}), *oneOf(t, t.roles), whose)
	return t.local(ctx, text, func() error { return apply(ctx, t.chief, "rules", "%s", text) })
}

func (t *troupe) dropRule(ctx context.Context) string {
	return t.remove(ctx, arule(*oneOf(t, t.roles)))
}

// dismiss deletes a local user, whom the next welcome may bring back as another.
func (t *troupe) dismiss(ctx context.Context) string {
	return t.remove(ctx, puser(*oneOf(t, t.friends)))
}

func (t *troupe) welcome(ctx context.Context) string {
	name := *oneOf(t, t.friends)
	return t.makeAgain(ctx, puser(name), func() error { return t.befriend(ctx, name) })
}

// makeAgain applies an object, half the time after deleting the one that is there.
func (t *troupe) makeAgain(ctx context.Context, o client.Object, apply func() error) string {
	said := ""
	if t.random.IntN(2) == 0 {
		said = t.remove(ctx, o) + ", "
	}
	return said + t.local(ctx, fmt.Sprintf("apply %T %s", o, o.GetName()), apply)
}

func (t *troupe) disband(ctx context.Context) string { return t.remove(ctx, prole(*oneOf(t, t.teams))) }

func (t *troupe) refound(ctx context.Context) string {
	name := *oneOf(t, t.teams)
	return t.makeAgain(ctx, prole(name), func() error { return t.found(ctx, name) })
}
