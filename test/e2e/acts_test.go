//go:build integration

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
	"github.com/rollcall-dev/rollcall/internal/projection"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// troupe is a small company, managed there and here, on which acts are performed at
// random.
type troupe struct {
	*world
	random *rand.Rand
	chief  client.Client
	// people are the users of the identity provider, by number; groups likewise.
	people, groups []actor
	locals         []string // object names of local users
	roles          []string // object names of roles, the provider's and local ones
	attachments    []attachmentAct
	log            []string
}

type actor struct{ id, name, externalID string }

type attachmentAct struct{ name, text string }

func newTroupe(ctx context.Context, seed uint64) *troupe {
	GinkgoHelper()
	t := &troupe{world: newWorld(ctx, entra.Options{}), random: rand.New(rand.NewPCG(seed, 1)), chief: chief(ctx)}
	for i := range 5 {
		name, externalID := t.upn(fmt.Sprintf("p%d", i)), fmt.Sprintf("%s-p%d", t.name, i)
		t.people = append(t.people, actor{t.create(ctx, name, externalID), name, externalID})
	}
	for i := range 3 {
		name := fmt.Sprintf("Group%d", i)
		t.groups = append(t.groups, actor{id: t.createGroup(ctx, name), name: name})
		t.roles = append(t.roles, t.role(strings.ToLower(name)))
	}
	for i := range 2 {
		role := fmt.Sprintf("%s-local%d", t.name, i)
		Expect(apply(ctx, t.chief, "setup", "kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s}", role)).To(Succeed())
		t.roles = append(t.roles, role)
		user := fmt.Sprintf("%s-friend%d", t.name, i)
		Expect(apply(ctx, t.chief, "setup", "kind: ProvisionedUser\nmetadata: {name: %[1]s}\nspec: {userName: %[1]s}", user)).To(Succeed())
		t.locals = append(t.locals, user)
	}
	for _, role := range t.roles {
		t.rule(ctx, role)
	}
	return t
}

func (t *troupe) person() *actor { return &t.people[t.random.IntN(len(t.people))] }
func (t *troupe) group() *actor  { return &t.groups[t.random.IntN(len(t.groups))] }

// userObject is the object name of anybody: of the provider's, or local.
func (t *troupe) userObject(ctx context.Context) string {
	if t.random.IntN(4) == 0 {
		return t.locals[t.random.IntN(len(t.locals))]
	}
	var list v1alpha1.ProvisionedUserList
	Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.provider": t.name})).To(Succeed())
	return list.Items[t.random.IntN(len(list.Items))].Name
}

// ask sends a SCIM request. While the manager is away it isn't answered, which is
// an act of its own; what must not be is an answer that it is somebody's fault.
func (t *troupe) ask(ctx context.Context, method, target, body string) (entra.Exchange, string) {
	x := t.raw.Send(ctx, method, target, []byte(body))
	Expect(x.Status).NotTo(Equal(http.StatusInternalServerError), "%s %s %s: %s", method, target, body, x.Response)
	return x, fmt.Sprintf("%s %s %s: %d", method, target, body, x.Status)
}

func (t *troupe) patchUser(ctx context.Context, operation string, args ...any) string {
	_, said := t.ask(ctx, http.MethodPatch, "/Users/"+t.person().id, patchBody(operation, args...))
	return said
}

func (t *troupe) patchGroup(ctx context.Context, operation string, args ...any) string {
	_, said := t.ask(ctx, http.MethodPatch, "/Groups/"+t.group().id, patchBody(operation, args...))
	return said
}

// local is an act of the chief, who may be too late or too early: a webhook is away
// while the manager is.
func (t *troupe) local(what string, err error) string {
	return fmt.Sprintf("%s: %v", what, err)
}

// acts are what can happen, each as often as it stands here.
func (t *troupe) acts() []func(context.Context) string {
	deactivated := func(ctx context.Context) string { return t.patchUser(ctx, deactivate) }
	activated := func(ctx context.Context) string {
		return t.patchUser(ctx, `{"op":"Replace","path":"active","value":"True"}`)
	}
	added := func(ctx context.Context) string { return t.patchGroup(ctx, addMember, t.person().id) }
	return []func(context.Context) string{
		deactivated, deactivated, activated, activated, activated, added, added, added,
		func(ctx context.Context) string { return t.patchGroup(ctx, removeMember, t.person().id) },
		t.replaceMembers, t.rename, t.rehire, t.regroup,
		t.attach, t.attach, t.attach, t.detach, t.reapply, t.reapply,
		t.suspend, t.suspend, t.level, t.level, t.pause,
	}
}

func (t *troupe) replaceMembers(ctx context.Context) string {
	return t.patchGroup(ctx, `{"op":"replace","path":"members","value":[{"value":%q},{"value":%q}]}`, t.person().id, t.person().id)
}

func (t *troupe) rename(ctx context.Context) string {
	p := t.person()
	name := t.upn(fmt.Sprintf("renamed%d", t.random.IntN(1_000_000)))
	x, said := t.ask(ctx, http.MethodPatch, "/Users/"+p.id, patchBody(`{"op":"Replace","path":"userName","value":%q}`, name))
	if x.Status == http.StatusOK {
		p.name = name
	}
	return said
}

// rehire deletes somebody and posts them again, under the same externalId or not.
func (t *troupe) rehire(ctx context.Context) string {
	p := t.person()
	_, said := t.ask(ctx, http.MethodDelete, "/Users/"+p.id, "")
	if t.random.IntN(2) == 0 {
		p.externalID += "x"
	}
	x, posted := t.ask(ctx, http.MethodPost, "/Users", fmt.Sprintf(`{"userName":%q,"externalId":%q,"active":true}`, p.name, p.externalID))
	t.learn(x, p)
	return said + ", " + posted
}

func (t *troupe) regroup(ctx context.Context) string {
	g := t.group()
	_, said := t.ask(ctx, http.MethodDelete, "/Groups/"+g.id, "")
	x, posted := t.ask(ctx, http.MethodPost, "/Groups", fmt.Sprintf(`{"displayName":%q,"members":[{"value":%q}]}`, t.world.group(g.name), t.person().id))
	t.learn(x, g)
	return said + ", " + posted
}

func (t *troupe) learn(x entra.Exchange, a *actor) {
	var answer struct{ ID string }
	if x.Status == http.StatusCreated {
		Expect(json.Unmarshal(x.Response, &answer)).To(Succeed())
		a.id = answer.ID
	}
}

func (t *troupe) attach(ctx context.Context) string {
	a := attachmentAct{name: fmt.Sprintf("%s-a%d", t.name, len(t.attachments))}
	times := ""
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	switch t.random.IntN(4) {
	case 0:
		times = fmt.Sprintf(", expiresAt: %q", at(time.Duration(2+t.random.IntN(5))*time.Second))
	case 1:
		times = fmt.Sprintf(", startsAt: %q, expiresAt: %q", at(2*time.Second), at(time.Hour))
	}
	a.text = fmt.Sprintf("kind: RoleAttachment\nmetadata: {name: %s}\nspec: {user: %s, role: %s%s}",
		a.name, t.userObject(ctx), t.roles[t.random.IntN(len(t.roles))], times)
	t.attachments = append(t.attachments, a)
	return t.local(a.text, apply(ctx, t.chief, "attacher", "%s", a.text))
}

// reapply applies an old manifest again under another field manager, as a GitOps
// tool does.
func (t *troupe) reapply(ctx context.Context) string {
	if len(t.attachments) == 0 {
		return t.attach(ctx)
	}
	a := t.attachments[t.random.IntN(len(t.attachments))]
	return t.local("again: "+a.text, apply(ctx, t.chief, "gitops", "%s", a.text))
}

func (t *troupe) detach(ctx context.Context) string {
	if len(t.attachments) == 0 {
		return t.attach(ctx)
	}
	a := t.attachments[t.random.IntN(len(t.attachments))]
	return t.local("delete "+a.name, t.chief.Delete(ctx, rattach(a.name)))
}

func (t *troupe) suspend(ctx context.Context) string {
	patch := fmt.Sprintf(`{"spec":{"suspend":%v}}`, t.random.IntN(2) == 0)
	u := t.userObject(ctx)
	return t.local(u+" "+patch, merge(ctx, t.chief, puser(u), "%s", patch))
}

func (t *troupe) level(ctx context.Context) string {
	levels := []v1alpha1.PermissionLevel{v1alpha1.LevelUser, v1alpha1.LevelTeamLeader, v1alpha1.LevelAuditor, v1alpha1.LevelAdministrator}
	patch := fmt.Sprintf(`{"spec":{"permissionLevel":%q}}`, levels[t.random.IntN(len(levels))])
	u := t.userObject(ctx)
	return t.local(u+" "+patch, merge(ctx, t.chief, puser(u), "%s", patch))
}

func (t *troupe) pause(ctx context.Context) string {
	patch := fmt.Sprintf(`{"spec":{"paused":%v}}`, t.random.IntN(3) == 0)
	p := &v1alpha1.IdentityProvider{}
	p.Name = t.name
	return t.local(patch, merge(ctx, t.chief, p, "%s", patch))
}

// perform performs acts, two of which kill the manager in the middle of others.
func (t *troupe) perform(ctx context.Context, n int, w *witness) {
	GinkgoHelper()
	acts := t.acts()
	for i := range n {
		if i == n/3 || i == 2*n/3 {
			w.down()
			Expect(manager.Kill()).To(Succeed())
			for range 3 { // what happens while nobody looks
				t.log = append(t.log, "(down) "+acts[t.random.IntN(len(acts))](ctx))
			}
			startManager(ctx)
			w.up()
			t.log = append(t.log, "the manager was killed and started again")
		}
		t.log = append(t.log, acts[t.random.IntN(len(acts))](ctx))
	}
	Expect(merge(ctx, t.chief, &v1alpha1.IdentityProvider{ObjectMeta: puser(t.name).ObjectMeta}, `{"spec":{"paused":false}}`)).To(Succeed())
}

// inputs are IdP truth and local truth, as the API server has them.
type inputs struct {
	providers map[string]*v1alpha1.IdentityProvider
	users     []*v1alpha1.ProvisionedUser
	roles     []*v1alpha1.ProvisionedRole
	all       []*v1alpha1.RoleAttachment
}

func (t *troupe) read(ctx context.Context, g Gomega) inputs {
	in := inputs{providers: map[string]*v1alpha1.IdentityProvider{}}
	var providers v1alpha1.IdentityProviderList
	var users v1alpha1.ProvisionedUserList
	var roles v1alpha1.ProvisionedRoleList
	var attachments v1alpha1.RoleAttachmentList
	for _, list := range []client.ObjectList{&attachments, &providers, &roles, &users} {
		g.Expect(shared.Client().List(ctx, list)).To(Succeed())
	}
	for i := range providers.Items {
		in.providers[providers.Items[i].Name] = &providers.Items[i]
	}
	for i := range users.Items {
		if u := &users.Items[i]; u.Spec.Provider == t.name || slices.Contains(t.locals, u.Name) {
			in.users = append(in.users, u)
		}
	}
	for i := range roles.Items {
		in.roles = append(in.roles, &roles.Items[i])
	}
	for i := range attachments.Items {
		in.all = append(in.all, &attachments.Items[i])
	}
	return in
}

// expectPure compares statuses and bindings with what the decisions say of the
// inputs.
func (t *troupe) expectPure(ctx context.Context, g Gomega) {
	in, now := t.read(ctx, g), time.Now()
	bound := map[string]map[string]bool{}
	bind := func(source, subject string) {
		if bound[source] == nil {
			bound[source] = map[string]bool{}
		}
		bound[source][subject] = true
	}
	for _, u := range in.users {
		p := in.providers[u.Spec.Provider]
		f := access.Facts{User: u, Provider: p, Roles: in.roles, Attachments: in.all, Now: now}
		g.Expect(u.Status.State).To(Equal(access.State(u, p).State), "state of %s", u.Name)
		g.Expect(u.Status.PermissionLevel).To(Equal(access.Level(u, p).Level), "level of %s", u.Name)
		g.Expect(asJSON(g, u.Status.Roles)).To(MatchJSON(asJSON(g, access.Roles(f))), "roles of %s", u.Name)
		g.Expect(asJSON(g, u.Status.Withheld)).To(MatchJSON(asJSON(g, access.Withheld(f))), "roles withheld from %s", u.Name)
		subject := access.SubjectOf(u, p)
		g.Expect(subject.Refused).To(BeFalse())
		for _, r := range access.Roles(f) {
			if slices.Contains(t.roles, r.Name) {
				bind(r.Name, subject.Name)
			}
		}
		if source, above := projection.OfLevel(access.Level(u, p).Level); above {
			bind(source.Name, subject.Name)
		}
	}
	g.Expect(t.bound(ctx, g)).To(Equal(bound))
	for _, a := range in.all {
		if strings.HasPrefix(a.Name, t.name+"-") {
			u, r := find(in.users, a.Spec.User), find(in.roles, a.Spec.Role)
			var p *v1alpha1.IdentityProvider
			if u != nil {
				p = in.providers[u.Spec.Provider]
			}
			g.Expect(a.Status.State).To(Equal(access.Attachment(a, u, p, r, now).State), "state of %s", a.Name)
		}
	}
}

// asJSON is a list as JSON, without a difference between none and an empty one.
func asJSON[T any](g Gomega, list []T) string {
	if len(list) == 0 {
		return "[]"
	}
	text, err := json.Marshal(list)
	g.Expect(err).NotTo(HaveOccurred())
	return string(text)
}

func find[T client.Object](list []T, name string) T {
	var none T
	for _, o := range list {
		if o.GetName() == name {
			return o
		}
	}
	return none
}

// bound are this world's subjects in the bindings of its rules and of all levels.
func (t *troupe) bound(ctx context.Context, g Gomega) map[string]map[string]bool {
	bound := map[string]map[string]bool{}
	note := func(source string, b client.Object) {
		for _, name := range subjectNames(projection.BindingOf(b).Subjects) {
			if !strings.Contains(name, t.name+".") && !slices.Contains(t.locals, name) {
				continue
			}
			if bound[source] == nil {
				bound[source] = map[string]bool{}
			}
			bound[source][name] = true
		}
	}
	var roleBindings rbacv1.RoleBindingList
	g.Expect(shared.Client().List(ctx, &roleBindings, client.MatchingLabels{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue})).To(Succeed())
	for i := range roleBindings.Items {
		if rule, ours := projection.RuleOf(&roleBindings.Items[i]); ours && slices.Contains(t.roles, rule) {
			note(rule, &roleBindings.Items[i])
		}
	}
	var clusterRoleBindings rbacv1.ClusterRoleBindingList
	g.Expect(shared.Client().List(ctx, &clusterRoleBindings, client.MatchingLabels{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue})).To(Succeed())
	for i := range clusterRoleBindings.Items {
		if level, ours := projection.LevelRoleOf(&clusterRoleBindings.Items[i]); ours {
			note(level, &clusterRoleBindings.Items[i])
		}
	}
	return bound
}

var _ = Describe("Whatever happens, in whatever order", Serial, func() {
	const runs, length = 3, 60
	for run := range runs {
		It(fmt.Sprintf("statuses and bindings become what the decisions say of the inputs, and nobody suspended stays bound (%d)", run+1), func(ctx SpecContext) {
			seed := uint64(GinkgoRandomSeed()) + uint64(run)
			t := newTroupe(ctx, seed)
			w := observe(ctx, t.name)
			t.perform(ctx, length, w)
			AddReportEntry(fmt.Sprintf("acts of seed %d", seed), strings.Join(t.log, "\n"), ReportEntryVisibilityFailureOrVerbose)
			Eventually(func(g Gomega) { t.expectPure(ctx, g) }).WithContext(ctx).Should(Succeed())
			breaches, users, bindings := w.report()
			Expect(breaches).To(BeEmpty())
			Expect(users).To(BeNumerically(">=", len(t.people)), "users seen by the witness")
			Expect(bindings).To(BeNumerically(">", 0), "bindings seen by the witness")
		})
	}
})
