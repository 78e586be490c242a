package webhook

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// attachmentWebhook stamps on each attachment whom and what it is for, how often the
// identity provider had suspended that user by then, and who made it; it lets nobody
// attach or detach but those who may and those who lead the role.
type attachmentWebhook struct{ *gate }

var (
	_ admission.Defaulter[*v1alpha1.RoleAttachment] = (*attachmentWebhook)(nil)
	_ admission.Validator[*v1alpha1.RoleAttachment] = (*attachmentWebhook)(nil)
)

var (
	attachmentUserPath = field.NewPath("spec", "user")
	attachmentRolePath = field.NewPath("spec", "role")
	expiresPath        = field.NewPath("spec", "expiresAt")
)

// Default implements admission.Defaulter.
func (w *attachmentWebhook) Default(ctx context.Context, a *v1alpha1.RoleAttachment) error {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return err
	}
	old, err := former(w.gate, req, &v1alpha1.RoleAttachment{})
	if err != nil {
		return err
	}
	sent := a.Spec.DeepCopy()
	stampAuthor(a, old, req.UserInfo.Username)
	if !w.isSelf(req.UserInfo) {
		keepReleaseOf(a, old)
	}
	if old != nil {
		// A manifest applied again is not a new grant.
		a.Spec.Epoch, a.Spec.UserID, a.Spec.RoleID = old.Spec.Epoch, old.Spec.UserID, old.Spec.RoleID
	} else if err := w.stampUser(ctx, a); err != nil {
		return err
	}
	if a.Spec.RoleID == "" {
		if err := w.stampRole(ctx, a); err != nil {
			return err
		}
	}
	switch {
	case old != nil:
	case w.isSelf(req.UserInfo) && sent.Epoch != nil:
		// At a release the manager knows what it has just read from the API server,
		// and a lower count from this cache would take the role from the user.
		a.Spec.Epoch, a.Spec.UserID, a.Spec.RoleID = sent.Epoch, sent.UserID, sent.RoleID
	default:
		keepVoid(&a.Spec, sent)
	}
	return nil
}

// keepVoid keeps the stamps of an attachment that is made again, from a backup or
// from what somebody has read, where they make it void: what a suspension has ended
// is not to come back to life by the way. spec has the stamps of today.
func keepVoid(spec, sent *v1alpha1.RoleAttachmentSpec) {
	if sent.Epoch != nil && *sent.Epoch < *spec.Epoch {
		spec.Epoch = sent.Epoch
	}
	if sent.UserID != "" {
		spec.UserID = sent.UserID
	}
	if sent.RoleID != "" {
		spec.RoleID = sent.RoleID
	}
}

// keepReleaseOf undoes what anybody but the manager says about a release: the
// manager removes an attachment that bears the mark. old is nil on creation.
func keepReleaseOf(a, old *v1alpha1.RoleAttachment) {
	a.Spec.ReleaseOf = ""
	if old != nil {
		a.Spec.ReleaseOf = old.Spec.ReleaseOf
	}
}

// stampAuthor names who made the attachment, or last changed what it says. old is
// nil on creation.
func stampAuthor(a, old *v1alpha1.RoleAttachment, author string) {
	if old != nil && equality.Semantic.DeepEqual(unstamped(old), unstamped(a)) {
		a.Spec.Author = old.Spec.Author
		return
	}
	a.Spec.Author = &v1alpha1.Author{Username: author}
}

func (w *attachmentWebhook) stampUser(ctx context.Context, a *v1alpha1.RoleAttachment) error {
	user := &v1alpha1.ProvisionedUser{}
	err := w.read(ctx, a.Spec.User, user)
	if apierrors.IsNotFound(err) {
		return invalid("RoleAttachment", a.Name, field.NotFound(attachmentUserPath, a.Spec.User))
	}
	if err != nil {
		return err
	}
	// A cache that lags shows fewer suspensions than there are, which makes the
	// grant void: the safe side.
	epoch := user.Spec.Suspensions
	a.Spec.Epoch, a.Spec.UserID, a.Spec.RoleID = &epoch, user.Spec.ID, ""
	return nil
}

// stampRole: a role may come later than its attachments, like that of an
// AccessRule, and is stamped by whatever writes the attachment next.
func (w *attachmentWebhook) stampRole(ctx context.Context, a *v1alpha1.RoleAttachment) error {
	role := &v1alpha1.ProvisionedRole{}
	if err := w.read(ctx, a.Spec.Role, role); client.IgnoreNotFound(err) != nil {
		return err
	}
	a.Spec.RoleID = role.Spec.ID
	return nil
}

// read asks the cache, and the API server for what the cache doesn't have yet:
// a user and the attachment may come in one manifest.
func (w *attachmentWebhook) read(ctx context.Context, name string, into client.Object) error {
	key := client.ObjectKey{Name: name}
	err := w.cache.Reader.Get(ctx, key, into)
	if apierrors.IsNotFound(err) {
		err = w.live.Reader.Get(ctx, key, into)
	}
	if err != nil {
		return fmt.Errorf("read %T %q: %w", into, name, err)
	}
	return nil
}

// ValidateCreate implements admission.Validator.
func (w *attachmentWebhook) ValidateCreate(ctx context.Context, a *v1alpha1.RoleAttachment) (admission.Warnings, error) {
	if errs := validatePeriod(a, w.clock.Now()); len(errs) > 0 {
		return nil, invalid("RoleAttachment", a.Name, errs...)
	}
	if err := w.authorize(ctx, a); err != nil {
		return nil, err
	}
	return w.warnings(ctx, a)
}

// ValidateUpdate implements admission.Validator.
func (w *attachmentWebhook) ValidateUpdate(ctx context.Context, old, a *v1alpha1.RoleAttachment) (admission.Warnings, error) {
	if equality.Semantic.DeepEqual(unstamped(old), unstamped(a)) && sameMetadata(old, a) {
		// A manifest that is applied again, or a stamp.
		return nil, nil
	}
	return nil, w.authorize(ctx, a)
}

// sameMetadata says that nothing was written by which others act on an attachment:
// by a label a GitOps tool can be made to remove it, by an owner the garbage
// collector, and a finalizer holds it.
func sameMetadata(old, a *v1alpha1.RoleAttachment) bool {
	return maps.Equal(old.Labels, a.Labels) && maps.Equal(old.Annotations, a.Annotations) &&
		slices.Equal(old.Finalizers, a.Finalizers) &&
		equality.Semantic.DeepEqual(old.OwnerReferences, a.OwnerReferences)
}

// ValidateDelete implements admission.Validator.
func (w *attachmentWebhook) ValidateDelete(ctx context.Context, a *v1alpha1.RoleAttachment) (admission.Warnings, error) {
	refused, err := w.refused(ctx, a)
	if err == nil && refused != nil {
		err = forbidden("roleattachments", a.Name, "%s", refused.Detail)
	}
	return nil, err
}

// validatePeriod refuses an attachment that was over before it was made.
func validatePeriod(a *v1alpha1.RoleAttachment, now time.Time) field.ErrorList {
	if end := a.Spec.ExpiresAt; end != nil && !now.Before(end.Time) {
		return field.ErrorList{field.Invalid(expiresPath, end.UTC().Format(time.RFC3339),
			"lies in the past: choose a later end, or leave it out for an attachment for good")}
	}
	return nil
}

// unstamped is what an author says.
func unstamped(a *v1alpha1.RoleAttachment) v1alpha1.RoleAttachmentSpec {
	spec := a.Spec
	spec.Epoch, spec.UserID, spec.RoleID, spec.Author, spec.ReleaseOf = nil, "", "", nil, ""
	return spec
}

func (w *attachmentWebhook) authorize(ctx context.Context, a *v1alpha1.RoleAttachment) error {
	refused, err := w.refused(ctx, a)
	if err == nil && refused != nil {
		err = invalid("RoleAttachment", a.Name, refused)
	}
	return err
}

// garbageCollectors delete what has lost its owner. kube-controller-manager may or
// may not use an account for each of its controllers.
var garbageCollectors = []string{"system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager"}

// refused says why the author of a request may not write an attachment. The manager
// needs no right to: at a release it writes what an identity provider had given, and
// it removes what is over. The garbage collector doesn't either: whoever has given
// the attachment an owner could have removed it.
func (w *attachmentWebhook) refused(ctx context.Context, a *v1alpha1.RoleAttachment) (*field.Error, error) {
	req, err := admission.RequestFromContext(ctx)
	if err != nil {
		return nil, err
	}
	if w.isSelf(req.UserInfo) || slices.Contains(garbageCollectors, req.UserInfo.Username) {
		return nil, nil
	}
	return w.attach(ctx, req.UserInfo, a.Spec.Role, attachmentRolePath)
}

// warnings tell the author of a new attachment that it gives nothing now, and why.
func (w *attachmentWebhook) warnings(ctx context.Context, a *v1alpha1.RoleAttachment) (admission.Warnings, error) {
	u, err := w.cache.User(ctx, a.Spec.User)
	if u == nil || err != nil {
		// It is there, or the attachment would not have been stamped.
		return nil, err
	}
	p, err := w.cache.Provider(ctx, u.Spec.Provider)
	if err != nil {
		return nil, err
	}
	r, err := w.cache.Role(ctx, a.Spec.Role)
	if err != nil {
		return nil, err
	}
	if r == nil && a.Spec.RoleID != "" {
		// It came a moment ago, as above.
		return nil, nil
	}
	switch e := access.Attachment(a, u, p, r, w.clock.Now()); e.State {
	case v1alpha1.AttachmentActive, v1alpha1.AttachmentPending:
		return nil, nil
	default:
		return admission.Warnings{"the attachment gives nothing now: " + e.Message}, nil
	}
}
