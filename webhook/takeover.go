package webhook

import (
	"context"
	"fmt"
	"slices"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

var annotationsPath = field.NewPath("metadata", "annotations")

// takeover says why the author may not give the subject of a local user to somebody
// else: the user's attachments would go along. A new user is asked about too, since
// it may bear the id of a deleted one, whose attachments then count again.
func (g *gate) takeover(ctx context.Context, author authenticationv1.UserInfo, c change) (field.ErrorList, error) {
	if c.old != nil && !c.renames() {
		return nil, nil
	}
	return g.handsOver(ctx, author, c.new, subjectPath(c.old, c.new))
}

// handsOver says, at path, of which roles of a user the author may not dispose.
func (g *gate) handsOver(ctx context.Context, author authenticationv1.UserInfo, u *v1alpha1.ProvisionedUser, path *field.Path) (field.ErrorList, error) {
	roles, err := g.attached(ctx, u)
	if err != nil {
		return nil, err
	}
	var errs field.ErrorList
	for _, role := range roles {
		refused, err := g.attach(ctx, author, role, path)
		if err != nil {
			return nil, err
		}
		if refused != nil {
			refused.Detail = fmt.Sprintf("the role %q, to which the user is attached, would go to whoever has the new name: %s", role, refused.Detail)
			errs = append(errs, refused)
		}
	}
	return errs, nil
}

// attached are the roles that attachments give a local user, or would give if
// nothing but time and suspension were in the way. The API server is asked, because
// somebody could be waiting for the moment at which the cache does not know yet.
func (g *gate) attached(ctx context.Context, u *v1alpha1.ProvisionedUser) ([]string, error) {
	list, err := g.live.Attachments(ctx, "spec.user", u.Name)
	if err != nil {
		return nil, err
	}
	return attachedRoles(list, u, g.clock.Now()), nil
}

// attachedRoles are the roles, sorted, of those attachments to a local user that are
// not void for good. One that was made at a higher count of suspensions, when the user
// was deleted and made again since, counts as soon as that is reached.
func attachedRoles(list []*v1alpha1.RoleAttachment, u *v1alpha1.ProvisionedUser, now time.Time) []string {
	var roles []string
	for _, a := range list {
		then := u
		if a.Spec.Epoch != nil && *a.Spec.Epoch > u.Spec.Suspensions {
			then = u.DeepCopy()
			then.Spec.Suspensions = *a.Spec.Epoch
		}
		switch access.Attachment(a, then, nil, nil, now).State {
		case v1alpha1.AttachmentSuperseded, v1alpha1.AttachmentExpired:
		default:
			roles = append(roles, a.Spec.Role)
		}
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// subjectPath is the field whose change gives a user another subject.
func subjectPath(old, u *v1alpha1.ProvisionedUser) *field.Path {
	spec := field.NewPath("spec")
	switch {
	case old == nil:
		return spec.Child("id")
	case old.Spec.Type != u.Spec.Type:
		return spec.Child("type")
	case u.Spec.Type == v1alpha1.ServiceAccount:
		return spec.Child("serviceAccountRef")
	case old.Spec.RemoteIdentity != u.Spec.RemoteIdentity:
		return identityPath
	default:
		return userNamePath
	}
}

// marks is what the annotations of an object say about who is to manage it.
type marks struct{ adoptableBy, keeps, release string }

func marksOf(annotations map[string]string) marks {
	m := marks{adoptableBy: annotations[v1alpha1.AdoptableByAnnotation]}
	if annotations[v1alpha1.ReleaseAnnotation] == v1alpha1.ReleaseValue {
		m.release = v1alpha1.ReleaseValue
	}
	if annotations[v1alpha1.AdoptionKeepsAnnotation] == v1alpha1.AdoptionKeepsValue {
		m.keeps = v1alpha1.AdoptionKeepsValue
	}
	return m
}

// newlyAdoptable says that a write marks an object for adoption, or for another
// adoption than before.
func newlyAdoptable(before, after marks) bool {
	return after.adoptableBy != "" && (before.adoptableBy != after.adoptableBy || before.keeps != after.keeps)
}

// newlyReleased says that a write asks for a release.
func newlyReleased(before, after marks) bool {
	return after.release != "" && before.release == ""
}
