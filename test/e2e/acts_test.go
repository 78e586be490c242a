//go:build integration

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// act is something that happens to a troupe. It returns what and how it went.
type act func(context.Context) string

type attachmentAct struct {
	name, user, text string
	// expires is zero for an attachment for good.
	expires time.Time
}

// acts are what can happen, each as often as it stands here.
func (t *troupe) acts() []act {
	deactivated := func(ctx context.Context) string { return t.patchUser(ctx, deactivate) }
	activated := func(ctx context.Context) string {
		return t.patchUser(ctx, `{"op":"Replace","path":"active","value":"True"}`)
	}
	added := func(ctx context.Context) string { return t.patchGroup(ctx, addMember, t.person().id) }
	suspended := func(ctx context.Context) string { return t.patch(ctx, `{"spec":{"suspend":true}}`) }
	resumed := func(ctx context.Context) string { return t.patch(ctx, `{"spec":{"suspend":false}}`) }
	return []act{
		deactivated, deactivated, activated, activated, activated, added, added, added,
		func(ctx context.Context) string { return t.patchGroup(ctx, removeMember, t.person().id) },
		t.replaceMembers, t.rename, t.replaceUser, t.replaceUser, t.replaceGroup, t.rehire, t.regroup,
		t.setRemote, t.setRemote, t.removeRemote, t.releaseUser, t.releaseRole,
		t.attach, t.attach, t.attach, t.detach, t.reapply, t.reapply,
		suspended, suspended, resumed, resumed, t.level, t.level,
		t.changeRule, t.changeRule, t.dropRule, t.dismiss, t.welcome, t.disband, t.refound,
	}
}

// act performs some acts. Each comes up before any comes again, so that no
// sequence is without those that matter.
func (t *troupe) act(ctx context.Context, times int) {
	GinkgoHelper()
	for range times {
		if len(t.deck) == 0 {
			t.deck = t.acts()
			t.random.Shuffle(len(t.deck), func(i, j int) { t.deck[i], t.deck[j] = t.deck[j], t.deck[i] })
		}
		next := t.deck[0]
		t.deck = t.deck[1:]
		said := next(ctx)
		if t.down {
			said = "(down) " + said
		}
		t.log = append(t.log, said)
	}
}

func (t *troupe) patchUser(ctx context.Context, operation string, args ...any) string {
	p := t.person()
	_, said := t.ask(ctx, http.MethodPatch, "/Users/"+p.id, patchBody(operation, args...), p.or404(http.StatusOK)...)
	return said
}

func (t *troupe) patchGroup(ctx context.Context, operation string, args ...any) string {
	g := t.group()
	_, said := t.ask(ctx, http.MethodPatch, "/Groups/"+g.id, patchBody(operation, args...), g.or404(http.StatusNoContent)...)
	return said
}

func (t *troupe) replaceMembers(ctx context.Context) string {
	return t.patchGroup(ctx, `{"op":"replace","path":"members","value":[{"value":%q},{"value":%q}]}`, t.person().id, t.person().id)
}

func (t *troupe) rename(ctx context.Context) string {
	p, name := t.person(), t.newName("renamed")
	x, said := t.ask(ctx, http.MethodPatch, "/Users/"+p.id, patchBody(`{"op":"Replace","path":"userName","value":%q}`, name), p.or404(http.StatusOK)...)
	if x.Status == http.StatusOK {
		p.name = name
	}
	return said
}

// replaceUser leaves out what a client may, a remote identity too.
func (t *troupe) replaceUser(ctx context.Context) string {
	p := t.person()
	more := ""
	if t.random.IntN(2) == 0 {
		more = fmt.Sprintf(`,"displayName":"Somebody","defaultRemoteIdentity":%q`, t.newName("remote"))
	}
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":%q,"externalId":%q,"active":%v%s}`,
		p.name, p.externalID, t.random.IntN(3) > 0, more)
	_, said := t.ask(ctx, http.MethodPut, "/Users/"+p.id, body, p.or404(http.StatusOK)...)
	return said
}

func (t *troupe) replaceGroup(ctx context.Context) string {
	g := t.group()
	body := fmt.Sprintf(`{"schemas":["urn:ietf:params:scim:schemas:core:2.0:Group"],"displayName":%q,"members":[{"value":%q},{"value":%q}]}`,
		t.world.group(g.name), t.person().id, t.person().id)
	_, said := t.ask(ctx, http.MethodPut, "/Groups/"+g.id, body, g.or404(http.StatusOK)...)
	return said
}

func (t *troupe) setRemote(ctx context.Context) string {
	return t.patchUser(ctx, `{"op":"Add","path":"defaultRemoteIdentity","value":%q}`, t.newName("remote"))
}

func (t *troupe) removeRemote(ctx context.Context) string {
	return t.patchUser(ctx, `{"op":"Remove","path":"defaultRemoteIdentity"}`)
}

// rehire deletes somebody and posts them again, under the same externalId or not.
// The name of somebody released stays with the local user.
func (t *troupe) rehire(ctx context.Context) string {
	p := t.person()
	_, said := t.ask(ctx, http.MethodDelete, "/Users/"+p.id, "", p.or404(http.StatusNoContent)...)
	if p.released {
		p.name = t.newName("again")
	}
	if t.random.IntN(2) == 0 {
		p.externalID += "x"
	}
	x, posted := t.ask(ctx, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":%q,"active":true}`, p.name, p.externalID), http.StatusCreated)
	t.learn(x, p)
	return said + ", " + posted
}

// regroup deletes a group and posts it again. The name of one that was released
// stays with the local role.
func (t *troupe) regroup(ctx context.Context) string {
	g := t.group()
	_, said := t.ask(ctx, http.MethodDelete, "/Groups/"+g.id, "", g.or404(http.StatusNoContent)...)
	if g.released {
		g.name += "b"
	}
	x, posted := t.ask(ctx, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, t.world.group(g.name), t.person().id), http.StatusCreated)
	if x.Status == http.StatusCreated && g.released {
		role := t.role(strings.ToLower(g.name))
		t.roles = append(t.roles, role)
		t.rule(ctx, role)
	}
	t.learn(x, g)
	return said + ", " + posted
}

func (t *troupe) learn(x entra.Exchange, a *actor) {
	var answer struct{ ID string }
	if x.Status == http.StatusCreated {
		Expect(json.Unmarshal(x.Response, &answer)).To(Succeed())
		a.id, a.released = answer.ID, false
	}
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

func (t *troupe) patch(ctx context.Context, format string, args ...any) string {
	u, patch := t.user(ctx), fmt.Sprintf(format, args...)
	return t.local(ctx, u+" "+patch, func() error { return merge(ctx, t.chief, puser(u), "%s", patch) })
}

func (t *troupe) level(ctx context.Context) string {
	return t.patch(ctx, `{"spec":{"permissionLevel":%q}}`, *oneOf(t, []v1alpha1.PermissionLevel{
		v1alpha1.LevelUser, v1alpha1.LevelTeamLeader, v1alpha1.LevelAuditor, v1alpha1.LevelAdministrator,
	}))
}

// changeRule says anew what a role may do and where, and perhaps whose role it has
// to be; it brings back a rule that was dropped.
func (t *troupe) changeRule(ctx context.Context) string {
	role, whose := *oneOf(t, t.roles), ""
	if t.random.IntN(4) == 0 {
		whose = ", provider: " + t.name
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
	said := ""
	if t.random.IntN(2) == 0 {
		said = t.remove(ctx, puser(name)) + ", "
	}
	return said + t.local(ctx, "apply user "+name, func() error { return t.befriend(ctx, name) })
}

func (t *troupe) disband(ctx context.Context) string { return t.remove(ctx, prole(*oneOf(t, t.teams))) }

func (t *troupe) refound(ctx context.Context) string {
	name := *oneOf(t, t.teams)
	said := ""
	if t.random.IntN(2) == 0 {
		said = t.remove(ctx, prole(name)) + ", "
	}
	return said + t.local(ctx, "apply role "+name, func() error { return t.found(ctx, name) })
}
