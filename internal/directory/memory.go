package directory

import (
	"context"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
)

// mayShowUser is asked before a user is decoded for an answer, and nothing is written
// yet.
func mayShowUser(ctx context.Context, u *v1alpha1.ProvisionedUser) error {
	return mayShow(ctx, u.Spec.Attributes, len(u.Spec.Memberships))
}

// mayShowRole is the same for a role.
func (d *Directory) mayShowRole(ctx context.Context, role *v1alpha1.ProvisionedRole, withMembers bool) error {
	if !withMembers {
		return mayShow(ctx, role.Spec.Attributes, 0)
	}
	users, err := d.tally.of(ctx, d.provider, role.Spec.ID)
	if err != nil {
		return err
	}
	return mayShow(ctx, role.Spec.Attributes, users.members+len(role.Spec.UnresolvedMembers))
}

func mayShow(ctx context.Context, attributes *apiextensionsv1.JSON, listed int) error {
	stored := scim.Stored{Listed: listed}
	if attributes != nil {
		stored.JSON = attributes.Raw
	}
	return scim.MayShow(ctx, stored)
}
