package directory

import (
	"context"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
)

const attrVersion = "version"

// setVersion gives a resource its meta.version. members are those that a group
// has, whether the client sees them or not.
func setVersion(r scim.Resource, members *scim.MemberSum) {
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

// memberSum stands for a group's members, and costs less than they do.
func (d *Directory) memberSum(ctx context.Context, role *v1alpha1.ProvisionedRole) (*scim.MemberSum, error) {
	users, err := d.tally.of(ctx, d.provider, role.Spec.ID)
	if err != nil {
		return nil, err
	}
	sum := users.sum
	for i, id := range role.Spec.UnresolvedMembers {
		if err := alive(ctx, i); err != nil {
			return nil, err
		}
		u, err := d.findUser(ctx, id)
		if err != nil {
			return nil, err
		}
		if u == nil {
			sum.Add(id)
		}
	}
	return &sum, nil
}
