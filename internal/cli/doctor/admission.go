package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// webhook is what the two kinds of webhooks have in common.
type webhook struct {
	configuration, name string
	config              admissionregistrationv1.WebhookClientConfig
	policy              *admissionregistrationv1.FailurePolicyType
}

// webhookNames are what each configuration must have.
var (
	mutating   = []string{"users", "roles", "attachments", "rules"}
	validating = []string{"users", "roles", "attachments", "rules", "providers"}
)

// webhookConfigurations looks at what the API server is told to ask.
func (d *Doctor) webhookConfigurations(ctx context.Context) {
	const check = "webhooks"
	var m admissionregistrationv1.MutatingWebhookConfiguration
	var v admissionregistrationv1.ValidatingWebhookConfiguration
	var hooks []webhook
	mark := len(d.findings)
	if d.read(ctx, check, webhooks, &m) {
		for _, h := range m.Webhooks {
			hooks = append(hooks, webhook{"MutatingWebhookConfiguration", h.Name, h.ClientConfig, h.FailurePolicy})
		}
		d.complete(check, "MutatingWebhookConfiguration", mutating, hooks)
	}
	if d.read(ctx, check, webhooks, &v) {
		for _, h := range v.Webhooks {
			hooks = append(hooks, webhook{"ValidatingWebhookConfiguration", h.Name, h.ClientConfig, h.FailurePolicy})
		}
		d.complete(check, "ValidatingWebhookConfiguration", validating, hooks)
	}
	services := map[client.ObjectKey]bool{}
	for _, h := range hooks {
		if h.policy == nil || *h.policy != admissionregistrationv1.Fail {
			d.fail(check, installCure, "webhook %s of the %s is passed over when it doesn't answer (failurePolicy)", h.name, h.configuration)
		}
		if len(h.config.CABundle) == 0 {
			d.fail(check, "see the manager's log, if it makes the certificate itself; or else that cert-manager runs and its ca-injector fills caBundle",
				"webhook %s of the %s has no caBundle: the API server can't trust whoever answers", h.name, h.configuration)
		}
		if s := h.config.Service; s != nil {
			services[client.ObjectKey{Namespace: s.Namespace, Name: s.Name}] = true
		}
	}
	for key := range services {
		d.service(ctx, check, key)
	}
	if !d.failedSince(mark) {
		d.ok(check, "%d webhooks are configured", len(hooks))
	}
}

// read reads a cluster-scoped object, or reports that it is missing.
func (d *Doctor) read(ctx context.Context, check, name string, into client.Object) bool {
	kind := fmt.Sprintf("%T", into)
	kind = kind[strings.LastIndex(kind, ".")+1:]
	err := d.Client.Get(ctx, client.ObjectKey{Name: name}, into)
	switch {
	case apierrors.IsNotFound(err):
		d.fail(check, installCure, "there is no %s %q", kind, name)
	case err != nil:
		d.unreadable(check, fmt.Errorf("read %s %q: %w", kind, name, err))
	}
	return err == nil
}

func (d *Doctor) complete(check, configuration string, want []string, hooks []webhook) {
	for _, name := range want {
		full := name + "." + v1alpha1.GroupVersion.Group
		if !slices.ContainsFunc(hooks, func(h webhook) bool { return h.configuration == configuration && h.name == full }) {
			d.fail(check, installCure, "the %s lacks the webhook %s", configuration, full)
		}
	}
}

// service looks for somebody behind the Service of a webhook.
func (d *Doctor) service(ctx context.Context, check string, key client.ObjectKey) {
	cure := fmt.Sprintf("see kubectl -n %s get service,endpointslices,pods", key.Namespace)
	if err := d.Client.Get(ctx, key, &corev1.Service{}); apierrors.IsNotFound(err) {
		d.fail(check, installCure, "there is no Service %s, which the webhooks are at", key)
		return
	} else if err != nil {
		d.unreadable(check, fmt.Errorf("read Service %s: %w", key, err))
		return
	}
	var slicesOf discoveryv1.EndpointSliceList
	if err := d.Client.List(ctx, &slicesOf, client.InNamespace(key.Namespace), client.MatchingLabels{discoveryv1.LabelServiceName: key.Name}); err != nil {
		d.unreadable(check, fmt.Errorf("list the endpoints of Service %s: %w", key, err))
		return
	}
	for _, s := range slicesOf.Items {
		for _, e := range s.Endpoints {
			if len(e.Addresses) > 0 && (e.Conditions.Serving == nil || *e.Conditions.Serving) {
				return
			}
		}
	}
	d.fail(check, cure, "Service %s, which the webhooks are at, has no endpoint: no manager runs, or its labels are not the Service's selector", key)
}

// webhooksAnswer tries a write, as a dry run, that a webhook must refuse.
func (d *Doctor) webhooksAnswer(ctx context.Context) {
	const check = "webhooks answer"
	err := client.NewDryRunClient(d.Client).Create(ctx, &v1alpha1.RoleAttachment{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "rollcall-doctor-"},
		Spec:       v1alpha1.RoleAttachmentSpec{User: "rollcall-doctor-nobody", Role: "rollcall-doctor-nothing"},
	})
	switch {
	case err == nil:
		d.fail(check, installCure, "an attachment of somebody who does not exist was accepted (in a dry run): no webhook has a say")
	case strings.Contains(err.Error(), "failed calling webhook"):
		d.fail(check, "see whether the manager runs, and whether its webhook certificate is the one that caBundle trusts; meanwhile the writes that "+
			"webhooks have a say in are refused", "%s", err)
	case strings.Contains(err.Error(), "denied the request"):
		d.ok(check, "a write that has to be refused is")
	case apierrors.IsForbidden(err):
		d.unreadable(check, err)
	default:
		d.warn(check, "see what refused it", "a write that webhooks have to refuse was refused by somebody else: %s", err)
	}
}

// policies are the names of those of config/policy, and of their bindings.
var policies = []string{"rollcall-users", "rollcall-roles", "rollcall-bindings", "rollcall-status", "rollcall-lease"}

// locks looks at the policies that hold while no manager runs.
func (d *Doctor) locks(ctx context.Context) {
	const check = "locks"
	mark := len(d.findings)
	for _, name := range policies {
		d.read(ctx, check, name, &admissionregistrationv1.ValidatingAdmissionPolicy{})
		var b admissionregistrationv1.ValidatingAdmissionPolicyBinding
		if d.read(ctx, check, name, &b) && !slices.Contains(b.Spec.ValidationActions, admissionregistrationv1.Deny) {
			d.fail(check, installCure, "the policy %s denies nothing: its binding lacks the action Deny", name)
		}
	}
	if !d.failedSince(mark) {
		d.ok(check, "what the identity provider owns is locked by policies")
	}
}
