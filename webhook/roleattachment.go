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
		a.Spec.Epoch, a.Spec.UserID = old.Spec.Epoch, old.Spec.UserID
		return nil
	}
	user, err := w.user(ctx, a.Spec.User)
	if apierrors.IsNotFound(err) {
		return invalid("RoleAttachment", a.Name, field.NotFound(field.NewPath("spec", "user"), a.Spec.User))
	}
	if err != nil {
		return err
	}
	// A cache that lags shows fewer suspensions than there are, which makes the
	// grant void: the safe side.
	epoch := user.Spec.Suspensions
	a.Spec.Epoch, a.Spec.UserID = &epoch, user.Spec.ID
	return nil
}

// user reads from the cache, and from the API server what the cache doesn't
// have yet: a user and the attachment may come in one manifest.
func (w *attachmentWebhook) user(ctx context.Context, name string) (*v1alpha1.ProvisionedUser, error) {
	user := &v1alpha1.ProvisionedUser{}
	key := client.ObjectKey{Name: name}
	err := w.cached.Get(ctx, key, user)
	if apierrors.IsNotFound(err) {
		err = w.live.Get(ctx, key, user)
	}
	if err != nil {
		return nil, fmt.Errorf("read ProvisionedUser %q: %w", name, err)
	}
	return user, nil
}
