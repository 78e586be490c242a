package controllers

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	// silenceAfter is two provisioning cycles of Entra, of 40 minutes each, and a little
	// for the one that is late.
	silenceAfter = 90 * time.Minute

	reasonSilent    = "NoContact"
	reasonContacted = "ContactResumed"
)

// contactReconciler tells when an identity provider that comes in cycles has stayed
// away: one that sends changes alone, as most do, can be silent for days. It is apart
// from the reconciler of identity providers, whose status it reads.
type contactReconciler struct {
	base
	// silent are the providers of which that was said: name to the last contact.
	silent sync.Map
}

func (r *contactReconciler) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("identityprovider-contact").
		For(&v1alpha1.IdentityProvider{}).
		WithOptions(workers(1, maxRetry)).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *contactReconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	p := &v1alpha1.IdentityProvider{}
	found, err := r.Get(ctx, req.Name, p)
	if err != nil {
		return ctrl.Result{}, err
	}
	if !found || p.DeletionTimestamp != nil || p.Status.LastContactAt == nil {
		lastContact.drop(req.Name)
		r.silent.Delete(req.Name)
		return ctrl.Result{}, nil
	}
	last := p.Status.LastContactAt.Time
	lastContact.put(p.Name, float64(last.Unix()), p.Name, string(p.Spec.Type))
	if p.Spec.Type != v1alpha1.ProviderEntra || p.Spec.Paused {
		r.silent.Delete(p.Name)
		return ctrl.Result{}, nil
	}
	due := last.Add(silenceAfter)
	if r.clock.Now().Before(due) {
		if _, was := r.silent.LoadAndDelete(p.Name); was {
			r.record(p, corev1.EventTypeNormal, reasonContacted, "the identity provider is heard of again")
		}
		return r.after(due), nil
	}
	if said, was := r.silent.Swap(p.Name, last); !was || !last.Equal(said.(time.Time)) {
		r.record(p, corev1.EventTypeWarning, reasonSilent, fmt.Sprintf(
			"the identity provider was last heard of at %s: see whether provisioning is on there, and out of quarantine", last.UTC().Format(time.RFC3339)))
	}
	return ctrl.Result{}, nil
}
