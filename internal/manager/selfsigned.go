package manager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/open-policy-agent/cert-controller/pkg/rotator"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/manager"

	"github.com/rollcall-dev/rollcall/webhook"
)

const (
	// The names of what an installation makes for the webhooks: both configurations,
	// the Service, and the Secret that is mounted as their certificate.
	webhookConfiguration = "rollcall"
	webhookService       = "rollcall-webhook"
	webhookSecret        = "rollcall-webhook"
	// authority is who signs the certificate.
	authority = "rollcall-webhook-ca"
)

// addWebhooks serves the admission webhooks: at once where somebody else sees to the
// certificate, otherwise as soon as there is one.
func addWebhooks(ctx context.Context, mgr ctrl.Manager, o Options) error {
	switch {
	case !o.Webhooks:
		return nil
	case !o.SelfSigned:
		if err := webhook.SetupWithManager(ctx, mgr); err != nil {
			return err
		}
		return mgr.AddReadyzCheck("webhooks", mgr.GetWebhookServer().StartedChecker())
	}
	w := &selfSigned{manager: mgr, mounted: make(chan struct{})}
	err := rotator.AddRotator(mgr, &rotator.CertRotator{
		SecretKey:      types.NamespacedName{Namespace: o.Namespace, Name: webhookSecret},
		CertDir:        o.WebhookCertDir,
		CAName:         authority,
		CAOrganization: "rollcall",
		DNSName:        webhookService + "." + o.Namespace + ".svc",
		IsReady:        w.mounted,
		Webhooks: []rotator.WebhookInfo{
			{Name: webhookConfiguration, Type: rotator.Mutating},
			{Name: webhookConfiguration, Type: rotator.Validating},
		},
		// A replica that doesn't lead serves webhooks too, and may be the first.
		RequireLeaderElection: false,
		FieldOwner:            "rollcall",
	})
	if err != nil {
		return fmt.Errorf("set up the certificate of the webhooks: %w", err)
	}
	return errors.Join(mgr.Add(w), mgr.AddReadyzCheck("webhooks", w.ready))
}

// selfSigned starts the webhooks when their certificate is there: the first start
// writes the Secret, and the kubelet takes up to a minute to bring it into the
// volume.
type selfSigned struct {
	manager ctrl.Manager
	// mounted is closed when it is, and the API server trusts it.
	mounted chan struct{}
	started atomic.Bool
}

var _ manager.LeaderElectionRunnable = (*selfSigned)(nil)

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (w *selfSigned) NeedLeaderElection() bool { return false }

// Start implements manager.Runnable.
func (w *selfSigned) Start(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-w.mounted:
	}
	log.FromContext(ctx).Info("The certificate of the webhooks is there")
	if err := webhook.SetupWithManager(ctx, w.manager); err != nil {
		return err
	}
	w.started.Store(true)
	return nil
}

func (w *selfSigned) ready(r *http.Request) error {
	if !w.started.Load() {
		return errors.New("the certificate of the webhooks is not there yet")
	}
	return w.manager.GetWebhookServer().StartedChecker()(r)
}
