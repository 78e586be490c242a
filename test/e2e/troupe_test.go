//go:build integration

package e2e_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
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
	// friends are local users, teams local roles, each by object name, which is the
	// name it has to itself too.
	friends, teams []string
	// roles are the object names of all roles. The rule for each has the same name.
	roles       []string
	attachments []attachmentAct
	// down and paused say why the next request isn't carried out.
	down, paused bool
	deck         []act
	log          []string
}

type actor struct {
	id, name, externalID string
	// released says that an administrator has asked for it: from some moment on the
	// identity provider knows the actor no longer.
	released bool
}

func newTroupe(ctx context.Context, seed uint64) *troupe {
	GinkgoHelper()
	t := &troupe{world: newWorld(ctx, entra.Options{}), random: rand.New(rand.NewPCG(seed, 1)), chief: chief(ctx)}
	for i := range 5 {
		name, externalID := t.upn(fmt.Sprintf("p%d", i)), fmt.Sprintf("%s-p%d", t.name, i)
		t.people = append(t.people, actor{id: t.create(ctx, name, externalID), name: name, externalID: externalID})
	}
	for i := range 3 {
		name := fmt.Sprintf("Group%d", i)
		t.groups = append(t.groups, actor{id: t.createGroup(ctx, name), name: name})
		t.roles = append(t.roles, t.role(strings.ToLower(name)))
	}
	for i := range 2 {
		t.teams = append(t.teams, fmt.Sprintf("%s-team%d", t.name, i))
		Expect(t.found(ctx, t.teams[i])).To(Succeed())
		t.friends = append(t.friends, fmt.Sprintf("%s-friend%d", t.name, i))
		Expect(t.befriend(ctx, t.friends[i])).To(Succeed())
	}
	t.roles = append(t.roles, t.teams...)
	for _, role := range t.roles {
		t.rule(ctx, role)
	}
	return t
}

func (t *troupe) befriend(ctx context.Context, name string) error {
	return apply(ctx, t.chief, "setup", "kind: ProvisionedUser\nmetadata: {name: %[1]s}\nspec: {userName: %[1]s}", name)
}

func (t *troupe) found(ctx context.Context, name string) error {
	return apply(ctx, t.chief, "setup", "kind: ProvisionedRole\nmetadata: {name: %[1]s}\nspec: {displayName: %[1]s}", name)
}

// bears says whether a userName, or an RBAC subject, is of this troupe.
func (t *troupe) bears(name string) bool {
	return strings.HasSuffix(name, t.upn("")) || slices.Contains(t.friends, name)
}

// oneOf draws from a list.
func oneOf[T any](t *troupe, list []T) *T { return &list[t.random.IntN(len(list))] }

func (t *troupe) person() *actor { return oneOf(t, t.people) }
func (t *troupe) group() *actor  { return oneOf(t, t.groups) }

// newName is a userName, or a subject, that nobody has had.
func (t *troupe) newName(kind string) string {
	return t.upn(fmt.Sprintf("%s%d", kind, t.random.IntN(1_000_000)))
}

// users are all of them: the provider's, those deleted there, released and local.
func (t *troupe) users(ctx context.Context, g Gomega) []*v1alpha1.ProvisionedUser {
	var users []*v1alpha1.ProvisionedUser
	for _, provider := range []string{t.name, ""} { // a release goes in this direction
		var list v1alpha1.ProvisionedUserList
		g.Expect(shared.Client().List(ctx, &list, client.MatchingFields{"spec.provider": provider})).To(Succeed())
		for i := range list.Items {
			if u := &list.Items[i]; t.bears(u.Spec.UserName) && find(users, u.Name) == nil {
				users = append(users, u)
			}
		}
	}
	return users
}

// user is anybody, by object name.
func (t *troupe) user(ctx context.Context) string {
	return (*oneOf(t, t.users(ctx, Default))).Name
}

// ask sends a SCIM request, which has one of the wanted statuses; while the manager
// is away it isn't answered, and while the provider is paused it is refused.
func (t *troupe) ask(ctx context.Context, method, target, body string, want ...int) (entra.Exchange, string) {
	GinkgoHelper()
	x := t.raw.Send(ctx, method, target, []byte(body))
	switch {
	case t.down:
		want = []int{0}
	case t.paused:
		want = []int{http.StatusServiceUnavailable}
	}
	Expect(want).To(ContainElement(x.Status), "%s %s %s: %d %s %v", method, target, body, x.Status, x.Response, x.Err)
	return x, fmt.Sprintf("%s %s %s: %d", method, target, body, x.Status)
}

// or404 is what a request about an actor is answered with.
func (a *actor) or404(status int) []int {
	if a.released {
		return []int{status, http.StatusNotFound}
	}
	return []int{status}
}

// local is an act of the chief. It succeeds, or fails for a reason that is to be
// accepted; whatever may be tried again is. While the manager is away some succeed,
// others lack a webhook.
func (t *troupe) local(ctx context.Context, what string, do func() error, accept ...func(error) bool) string {
	GinkgoHelper()
	var err error
	if t.down {
		err = do()
		return fmt.Sprintf("%s: %v", what, err)
	}
	Eventually(func(g Gomega) {
		err = do()
		g.Expect(transient(err)).To(BeFalse(), "%v", err)
	}).WithContext(ctx).Should(Succeed())
	if err != nil {
		Expect(slices.ContainsFunc(accept, func(accepts func(error) bool) bool { return accepts(err) })).To(BeTrue(), "%s: %v", what, err)
	}
	return fmt.Sprintf("%s: %v", what, err)
}

// transient are the errors of a busy machine.
func transient(err error) bool {
	return apierrors.IsConflict(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) ||
		apierrors.IsTooManyRequests(err) || apierrors.IsInternalError(err)
}

// pause pauses the provider, or no longer, and waits until the manager knows.
func (t *troupe) pause(ctx context.Context, paused bool) {
	GinkgoHelper()
	patch := fmt.Sprintf(`{"spec":{"paused":%v}}`, paused)
	t.log = append(t.log, t.local(ctx, patch, func() error { return merge(ctx, t.chief, provider(t.name), "%s", patch) }))
	want := http.StatusOK
	if paused {
		want = http.StatusServiceUnavailable
	}
	Eventually(func(g Gomega) {
		g.Expect(t.raw.Send(ctx, http.MethodGet, "/Users?count=1", nil).Status).To(Equal(want))
	}).WithContext(ctx).Should(Succeed())
	t.paused = paused
}

// restart kills the manager, and lets some acts happen while nobody looks.
func (t *troupe) restart(ctx context.Context, w *witness) {
	GinkgoHelper()
	w.down()
	Expect(manager.Kill()).To(Succeed())
	t.down = true
	t.act(ctx, 3)
	startManager(ctx)
	t.down = false
	w.up()
	t.log = append(t.log, "the manager was killed and started again")
}

func provider(name string) *v1alpha1.IdentityProvider {
	p := &v1alpha1.IdentityProvider{}
	p.Name = name
	return p
}

func arule(name string) *v1alpha1.AccessRule {
	r := &v1alpha1.AccessRule{}
	r.Name = name
	return r
}
