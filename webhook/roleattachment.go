package webhook

import (
	"context"
	"fmt"

	admissionv1 "k8s.io/api/admission/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// attachmentWebhook stamps on each new attachment whom it is for and how often
// the identity provider had suspended that user by then.
type attachmentWebhook struct {
	cached  client.Reader
	live    client.Reader
	decoder admission.Decoder
}

var _ admission.Defaulter[*v1alpha1.RoleAttachment] = (*attachmentWebhook)(nil)

// Default implements admission.Defaulter.
func (w *attachmentWebhook) Default(ctx context.Context, a *v1alpha1.RoleAttachment) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	if req.Operation == admissionv1.Update {
		old := &v1alpha1.RoleAttachment{}
		if err := w.decoder.DecodeRaw(req.OldObject, old); err != nil {
			return err
		}
		// A manifest applied again is not a new grant.
		a.Spec.Epoch, a.Spec.UserID, a.Spec.RoleID = old.Spec.Epoch, old.Spec.UserID, old.Spec.RoleID
		return nil
	}
	user := &v1alpha1.ProvisionedUser{}
	err = w.read(ctx, a.Spec.User, user)
	if apierrors.IsNotFound(err) {
		return invalid("RoleAttachment", a.Name, field.NotFound(field.NewPath("spec", "user"), a.Spec.User))
	}
	if err != nil {
		return err
	}
	// A cache that lags shows fewer suspensions than there are, which makes the
	// grant void: the safe side.
	epoch := user.Spec.Suspensions
	a.Spec.Epoch, a.Spec.UserID, a.Spec.RoleID = &epoch, user.Spec.ID, ""
	role := &v1alpha1.ProvisionedRole{}
	if err := w.read(ctx, a.Spec.Role, role); client.IgnoreNotFound(err) != nil {
		return err
	}
	// A role may come later, like that of an AccessRule.
	a.Spec.RoleID = role.Spec.ID
	return nil
}

// read asks the cache, and the API server for what the cache doesn't have yet:
// a user and the attachment may come in one manifest.
func (w *attachmentWebhook) read(ctx context.Context, name string, into client.Object) error {
	key := client.ObjectKey{Name: name}
	err := w.cached.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		err = w.live.Get(ctx, key, into)
	}
	if err != nil {
		return fmt.Errorf("read %T %q: %w", into, name, err)
	}
	return nil
}
