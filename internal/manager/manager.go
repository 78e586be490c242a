package manager

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	ctrlconfig "sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	ctrlwebhook "sigs.k8s.io/controller-runtime/pkg/webhook"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/controllers"
	"github.com/rollcall-dev/rollcall/internal/audit"
	"github.com/rollcall-dev/rollcall/internal/backend"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/internal/index"
	"github.com/rollcall-dev/rollcall/internal/leader"
	"github.com/rollcall-dev/rollcall/internal/token"
	"github.com/rollcall-dev/rollcall/internal/tracing"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const (
	leaseName = "rollcall-manager"
	// reconcileTimeout ends a reconcile whose API server doesn't answer.
	reconcileTimeout = time.Minute
)

// New wires the operator together. Start the manager to run it.
func New(ctx context.Context, config *rest.Config, o Options) (ctrl.Manager, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	lease, err := newLease(config, o)
	if err != nil {
		return nil, err
	}
	tracer, err := tracing.Start(ctx, o.Tracing, slog.New(logr.ToSlogHandler(ctrl.Log.WithName("tracing"))))
	if err != nil {
		return nil, err
	}
	config = rest.CopyConfig(config)
	if tracer != nil {
		config.Wrap(tracer.Cluster)
	}
	if lease != nil {
		config.Wrap(func(next http.RoundTripper) http.RoundTripper { return leader.Fence(lease, next) })
	}
	mgr, err := ctrl.NewManager(config, ctrl.Options{
		Scheme:                 Scheme(),
		Cache:                  CacheOptions(o.Namespace),
		Metrics:                metricsserver.Options{BindAddress: o.MetricsAddress},
		HealthProbeBindAddress: o.HealthAddress,
		PprofBindAddress:       o.PprofAddress,
		LeaderElection:         o.LeaderElection,
		LeaderElectionID:       leaseName, // by which metrics name it
		// The process ends with the manager, so the lease can be given back.
		LeaderElectionReleaseOnCancel:       true,
		LeaderElectionResourceLockInterface: lockOf(lease),
		LeaseDuration:                       ptr.To(leader.Duration),
		RenewDeadline:                       ptr.To(leader.RenewDeadline),
		RetryPeriod:                         ptr.To(leader.RetryPeriod),
		WebhookServer: ctrlwebhook.NewServer(ctrlwebhook.Options{
			Port: o.WebhookPort, CertDir: o.WebhookCertDir,
			// A stop waits a second for each connection of HTTP/2, and keeps the lease.
			TLSOpts: []func(*tls.Config){func(c *tls.Config) { c.NextProtos = []string{"http/1.1"} }},
		}),
		Controller: ctrlconfig.Controller{ReconciliationTimeout: reconcileTimeout},
	})
	if err != nil {
		return nil, fmt.Errorf("make the manager: %w", err)
	}
	if err := index.Register(ctx, mgr.GetFieldIndexer()); err != nil {
		return nil, err
	}

	for _, c := range Collectors(o) {
		if err := metrics.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("register a metric: %w", err)
		}
	}
	contacts := token.NewContacts()
	if err := controllers.SetupWithManager(mgr, controllers.Options{
		ExternalURL:   o.ExternalURL,
		Namespace:     o.Namespace,
		Contacts:      contacts,
		ContactEvents: contacts.Events(),

		AttachmentRetention: o.AttachmentRetention,
		AuthorRecheck:       o.AuthorRecheck,
		RequestTimeout:      server.RequestTimeout,
	}); err != nil {
		return nil, err
	}
	return mgr, errors.Join(
		addSCIM(ctx, mgr, o, lease, contacts, tracer),
		mgr.AddHealthzCheck("ping", healthz.Ping),
		addWebhooks(ctx, mgr, o),
	)
}

// newLease returns the lease of the leader election; nil without one.
func newLease(config *rest.Config, o Options) (*leader.Lease, error) {
	if !o.LeaderElection {
		return nil, nil //nolint:nilnil // see above
	}
	return leader.NewLease(config, o.Namespace, leaseName, o.AdvertiseAddress)
}

// lockOf avoids an interface that holds a nil.
func lockOf(lease *leader.Lease) resourcelock.Interface {
	if lease == nil {
		return nil
	}
	return lease
}

// addSCIM adds the directories of all identity providers to the manager, and what
// lets every replica take requests to them.
func addSCIM(ctx context.Context, mgr ctrl.Manager, o Options, lease *leader.Lease, contacts *token.Contacts, tracer *tracing.Tracer) error {
	handler, err := newDirectories(ctx, mgr, o, contacts, tracer)
	if err != nil {
		return err
	}
	certificates, err := newCertificates(mgr, o)
	if err != nil {
		return err
	}
	peers := leader.NewPeers(certificates).Wrap(tracer.Peers)
	front := leader.NewFront(lease, handler, peers, scimLog(mgr))
	scim := newSCIMServer(front, lease, peers, certificates, o.SCIMAddress, tracer)
	return errors.Join(
		mgr.Add(scim),
		mgr.Add(&takeover{front: front, lease: lease, client: mgr.GetClient(), live: mgr.GetAPIReader(), cache: mgr.GetCache()}),
		mgr.AddReadyzCheck("scim", scim.ready),
	)
}

// newDirectories is the SCIM protocol over what the cluster knows.
func newDirectories(ctx context.Context, mgr ctrl.Manager, o Options, contacts *token.Contacts, tracer *tracing.Tracer) (http.Handler, error) {
	// The directories' own client: a lookup waits for what they wrote, and not
	// for what the reconcilers write.
	consistent, err := client.New(mgr.GetConfig(), client.Options{
		HTTPClient: mgr.GetHTTPClient(),
		Scheme:     mgr.GetScheme(),
		Mapper:     mgr.GetRESTMapper(),
		Cache: &client.CacheOptions{
			Reader:                          mgr.GetCache(),
			EnableReadYourWritesConsistency: ptr.To(true),
		},
	})
	if err != nil {
		return nil, fmt.Errorf("make the client of the directories: %w", err)
	}
	tally, err := directory.NewTally(ctx, mgr.GetCache())
	if err != nil {
		return nil, err
	}
	// No request is taken, and this replica isn't ready, before it is known who may ask:
	// the caches that exist when the manager starts have synced by then.
	for _, object := range []client.Object{&corev1.Secret{}, &v1alpha1.IdentityProvider{}} {
		if _, err := mgr.GetCache().GetInformer(ctx, object, cache.BlockUntilSynced(false)); err != nil {
			return nil, fmt.Errorf("watch tokens and identity providers: %w", err)
		}
	}
	log := scimLog(mgr)
	auditor, err := newAuditor(o, log)
	if err != nil {
		return nil, err
	}
	tokens := token.NewStore(mgr.GetCache(), o.Namespace, clock.RealClock{})
	directories := tracer.Backend(backend.New(consistent, mgr.GetAPIReader(), tally, tokens))
	return server.New(directories, server.Options{
		ExternalURL:    o.ExternalURL,
		TrustForwarded: o.TrustForwarded,
		Registerer:     metrics.Registry,
		Logger:         log,
		Auditor:        auditor,
		OnContact:      contacts.Record,
	}), nil
}

func scimLog(mgr ctrl.Manager) *slog.Logger {
	return slog.New(logr.ToSlogHandler(mgr.GetLogger().WithName("scim")))
}

// newAuditor is the provisioning log; nil for none.
func newAuditor(o Options, log *slog.Logger) (server.Auditor, error) {
	if o.ProvisioningLog == "" {
		return nil, nil //nolint:nilnil // see above
	}
	to, err := audit.Open(o.ProvisioningLog)
	if err != nil {
		return nil, err
	}
	return audit.New(to, audit.Options{Values: o.ProvisioningLogValues, Registerer: metrics.Registry, Logger: log}), nil
}
