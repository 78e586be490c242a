package directory

import (
	"context"
	"slices"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// told tells the trail of a request what the API server has stored: before is nil for
// a new object, after for one that is gone. That a resource can't be shown is no
// reason to fail: it was written, so the trail tells that without its attributes.
func (d *Directory) told(ctx context.Context, before, after client.Object) {
	trail := scim.TrailOf(ctx)
	if trail == nil {
		return
	}
	c := scim.Change{Action: actionOf(before, after), Before: attributesOf(before), After: attributesOf(after)}
	if c.Action == scim.Deleted {
		c.After = nil
	}
	o := after
	if o == nil {
		o = before
	}
	c.Object = scim.Object{Name: o.GetName(), UID: string(o.GetUID())}
	switch o := o.(type) {
	case *v1alpha1.ProvisionedUser:
		c.Object.Kind, c.ID = "ProvisionedUser", o.Spec.ID
	case *v1alpha1.ProvisionedRole:
		c.Object.Kind, c.ID = "ProvisionedRole", o.Spec.ID
		if after != nil {
			tellUnresolved(trail, unresolvedOf(before), o.Spec.UnresolvedMembers)
		}
	}
	trail.Wrote(c)
}

// actionOf says what a write did, as the client sees it.
func actionOf(before, after client.Object) scim.Action {
	switch {
	case before == nil:
		return scim.Created
	case after == nil:
		return scim.Deleted
	case isLocal(before) && !isLocal(after):
		return scim.Adopted
	}
	was, isUser := before.(*v1alpha1.ProvisionedUser)
	is, _ := after.(*v1alpha1.ProvisionedUser)
	switch {
	case !isUser:
	case was.Spec.DeprovisionedAt == nil && is.Spec.DeprovisionedAt != nil:
		return scim.Deleted
	case was.Spec.DeprovisionedAt != nil && is.Spec.DeprovisionedAt == nil:
		return scim.Restored
	}
	return scim.Updated
}

// attributesOf is an object as a resource; nil if there is none.
func attributesOf(o client.Object) scim.Resource {
	var resource scim.Resource
	var err error
	switch o := o.(type) {
	case *v1alpha1.ProvisionedUser:
		resource, err = userResource(o)
	case *v1alpha1.ProvisionedRole:
		resource, err = roleResource(o)
	}
	if err != nil {
		return nil
	}
	return resource
}

func unresolvedOf(o client.Object) []string {
	if r, ok := o.(*v1alpha1.ProvisionedRole); ok {
		return r.Spec.UnresolvedMembers
	}
	return nil
}

// tellUnresolved tells of the members that are no users.
func tellUnresolved(trail *scim.Trail, before, after []string) {
	if slices.Equal(before, after) {
		return
	}
	for id := range difference(after, before) {
		trail.Joined(scim.Member{ID: id})
	}
	for id := range difference(before, after) {
		trail.Left(scim.Member{ID: id})
	}
}

// difference is what is in a and not in b.
func difference(a, b []string) map[string]bool {
	set := make(map[string]bool, len(a))
	for _, id := range a {
		set[id] = true
	}
	for _, id := range b {
		delete(set, id)
	}
	return set
}

// tellMembership returns what to call once a user's membership in a role is written.
// It is asked before that, under the membership's lock, since a user who is a member
// already doesn't join.
func (d *Directory) tellMembership(ctx context.Context, u *v1alpha1.ProvisionedUser, roleID string, member bool) func() {
	trail := scim.TrailOf(ctx)
	if trail == nil {
		return func() {}
	}
	now := &v1alpha1.ProvisionedUser{}
	if err := d.cached(ctx, u.Name, now); err == nil && now.UID == u.UID && holds(now, roleID) == member && !d.unsettled.has(u) {
		return func() {}
	}
	m := scim.Member{ID: u.Spec.ID, Type: schema.User.Name}
	if member {
		return func() { trail.Joined(m) }
	}
	return func() { trail.Left(m) }
}
