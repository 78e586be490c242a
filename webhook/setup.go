package webhook

import (
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// SetupWithManager registers every webhook with the manager's webhook server.
func SetupWithManager(mgr ctrl.Manager) error {
	decoder := admission.NewDecoder(mgr.GetScheme())
	users := &userWebhook{client: mgr.GetClient(), decoder: decoder}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.ProvisionedUser{}).
		WithDefaulter(users).WithValidator(users).Complete(); err != nil {
		return fmt.Errorf("ProvisionedUser webhook: %w", err)
	}
	attachments := &attachmentWebhook{cached: mgr.GetClient(), live: mgr.GetAPIReader(), decoder: decoder}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.RoleAttachment{}).
		WithDefaulter(attachments).Complete(); err != nil {
		return fmt.Errorf("RoleAttachment webhook: %w", err)
	}
	rules := &ruleWebhook{client: mgr.GetClient()}
	if err := ctrl.NewWebhookManagedBy(mgr, &v1alpha1.AccessRule{}).
		WithValidator(rules).Complete(); err != nil {
		return fmt.Errorf("AccessRule webhook: %w", err)
	}
	return nil
}
