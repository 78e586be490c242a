package webhook

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/roster"
)

// gate is what the webhooks have in common: whom they ask.
type gate struct {
	// client asks SubjectAccessReviews.
	client client.Client
	// cache answers by index, and may lag.
	cache roster.Roster
	// live asks the API server, which knows no index but selectable fields.
	live roster.Roster
	// self is the user name of the manager.
	self    string
	decoder admission.Decoder
	clock   clock.PassiveClock
}

// SetupWithManager registers every webhook with the manager's webhook server.
func SetupWithManager(ctx context.Context, mgr ctrl.Manager) error {
	self, err := ownName(ctx, mgr.GetClient())
	if err != nil {
		return err
	}
	g := &gate{
		client:  mgr.GetClient(),
		cache:   roster.Roster{Reader: mgr.GetClient()},
		live:    roster.Roster{Reader: mgr.GetAPIReader()},
		self:    self,
		decoder: admission.NewDecoder(mgr.GetScheme()),
		clock:   clock.RealClock{},
	}
	last := newAdministrators(g)

	users := &userWebhook{gate: g, administrators: last}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.ProvisionedUser{}).
		WithDefaulter(users).WithValidator(users).Complete(); err != nil {
		return fmt.Errorf("ProvisionedUser webhook: %w", err)
	}
	roles := &roleWebhook{gate: g}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.ProvisionedRole{}).
		WithDefaulter(roles).WithValidator(roles).Complete(); err != nil {
		return fmt.Errorf("ProvisionedRole webhook: %w", err)
	}
	attachments := &attachmentWebhook{gate: g}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.RoleAttachment{}).
		WithDefaulter(attachments).WithValidator(attachments).Complete(); err != nil {
		return fmt.Errorf("RoleAttachment webhook: %w", err)
	}
	rules := &ruleWebhook{gate: g}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.AccessRule{}).
		WithDefaulter(rules).WithValidator(rules).Complete(); err != nil {
		return fmt.Errorf("AccessRule webhook: %w", err)
	}
	providers := &providerWebhook{gate: g, administrators: last}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.IdentityProvider{}).
		WithValidator(providers).Complete(); err != nil {
		return fmt.Errorf("IdentityProvider webhook: %w", err)
	}
	return nil
}

// ownName asks the API server what the manager is called there: an installation may
// choose namespace and ServiceAccount.
func ownName(ctx context.Context, c client.Client) (string, error) {
	review := &authenticationv1.SelfSubjectReview{}
	if err := c.Create(ctx, review); err != nil {
		return "", fmt.Errorf("ask the API server for the manager's own name: %w", err)
	}
	return review.Status.UserInfo.Username, nil
}

// former decodes the object as it was before an update; nil on creation.
func former[T client.Object](g *gate, req admission.Request, into T) (T, error) {
	var none T
	if len(req.OldObject.Raw) == 0 {
		return none, nil
	}
	if err := g.decoder.DecodeRaw(req.OldObject, into); err != nil {
		return none, fmt.Errorf("read the object as it was: %w", err)
	}
	return into, nil
}
