//go:build integration

package e2e_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/entra"
)

// act is something that happens to a troupe. It returns what and how it went.
type act func(context.Context) string

// acts are what can happen, each as often as it stands here.
func (t *troupe) acts() []act {
	deactivated := func(ctx context.Context) string { return t.patchUser(ctx, deactivate) }
	activated := func(ctx context.Context) string {
		return t.patchUser(ctx, `{"op":"Replace","path":"active","value":"True"}`)
	}
	added := func(ctx context.Context) string { return t.patchGroup(ctx, addMember, t.person().id) }
	suspended := func(ctx context.Context) string { return t.patch(ctx, t.user(ctx), `{"spec":{"suspend":true}}`) }
	resumed := func(ctx context.Context) string { return t.patch(ctx, t.user(ctx), `{"spec":{"suspend":false}}`) }
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
