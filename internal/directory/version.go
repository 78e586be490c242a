package directory

import (
	"context"
	"iter"
	"slices"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
)

const attrVersion = "version"

// setVersion gives a resource its meta.version. members are the ids that a group
// has, whether the client sees them or not.
func setVersion(r scim.Resource, members iter.Seq[string]) {
	if meta, ok := r[attrMeta].(map[string]any); ok {
		meta[attrVersion] = scim.Version(r, members)
	}
}

// check asks a client's precondition. shown is what the client would see now; it
// isn't made where nobody asks.
func check(match scim.Match, resourceType, id string, shown func() (scim.Resource, error)) error {
	if match == nil {
		return nil
	}
	now, err := shown()
	if err != nil {
		return err
	}
	meta, _ := now[attrMeta].(map[string]any)
	if version, _ := meta[attrVersion].(string); !match(version) {
		return scim.VersionMismatch(resourceType, id)
	}
	return nil
}

// memberIDs are the ids of a group's members, which cost less than the members.
func (d *Directory) memberIDs(ctx context.Context, role *v1alpha1.ProvisionedRole) (iter.Seq[string], error) {
	users, err := d.holders(ctx, role.Spec.ID)
	if err != nil {
		return nil, err
	}
	unresolved := make([]string, 0, len(role.Spec.UnresolvedMembers))
	for i, id := range role.Spec.UnresolvedMembers {
		if err := alive(ctx, i); err != nil {
			return nil, err
		}
		u, err := d.findUser(ctx, id)
		if err != nil {
			return nil, err
		}
		if u == nil {
			unresolved = append(unresolved, id)
		}
	}
	return func(yield func(string) bool) {
		for _, u := range users {
			if !yield(u.Spec.ID) {
				return
			}
		}
		slices.Values(unresolved)(yield)
	}, nil
}
