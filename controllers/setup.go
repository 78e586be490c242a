package controllers

import (
	"fmt"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/rollcall-dev/rollcall/internal/roster"
)

// Options for the reconcilers. The zero value of each field but ExternalURL has
// a sensible default.
type Options struct {
	// ExternalURL is the scheme and host of Tenant URLs, such as
	// https://scim.example.com. Without it no Tenant URL is shown.
	ExternalURL string
	// Namespace holds the token Secrets; rollcall-system by default.
	Namespace string
	// Clock decides about beginnings, ends and retention.
	Clock clock.PassiveClock
	// Contacts knows when SCIM clients were last heard of; may be nil.
	Contacts Contacts
	// ContactEvents tells of IdentityProviders with a new contact; may be nil.
	ContactEvents <-chan event.GenericEvent

	// GrantDelay is how long grants of one rule are gathered. It grows with the
	// cost of reconciling the rule, up to a second.
	GrantDelay time.Duration
	// RoleInterval is the least time between two status writes of one role.
	RoleInterval time.Duration
	// ProviderInterval is the least time between two counts of one provider.
	ProviderInterval time.Duration
	// RefusedRetry is when bindings that the API server refused are tried again:
	// nothing tells us when an administrator has given us the right.
	RefusedRetry time.Duration
	// AuthorRecheck is how often the authors of AccessRules are asked about: nothing
	// tells us when they have lost the right to bind.
	AuthorRecheck time.Duration
	// SweepAfter is how long a membership in a role that nobody saw being
	// deleted is kept. Between restoring users and roles from a backup, all
	// memberships look like that.
	SweepAfter time.Duration
	// RequestTimeout is how long a SCIM request is worked on at most.
	RequestTimeout time.Duration
	// AttachmentRetention is how long an attachment is kept after its end.
	AttachmentRetention time.Duration
	// EventsPerSecond is how many Kubernetes Events of each type are recorded on the
	// average. Others are counted, and dropped.
	EventsPerSecond int
}

// Contacts knows when SCIM clients were last heard of, since this process
// started. Zero is never.
type Contacts interface {
	// LastContact is the last authenticated request of a provider.
	LastContact(provider string) time.Time
	// LastUsed is the last request with one token of a provider.
	LastUsed(provider, tokenID string) time.Time
}

func (o *Options) setDefaults() {
	setDefault(&o.Namespace, "rollcall-system")
	setDefault(&o.GrantDelay, 50*time.Millisecond)
	setDefault(&o.RoleInterval, time.Second)
	setDefault(&o.ProviderInterval, 5*time.Second)
	setDefault(&o.RefusedRetry, time.Minute)
	setDefault(&o.AuthorRecheck, time.Minute)
	setDefault(&o.SweepAfter, time.Hour)
	setDefault(&o.RequestTimeout, 20*time.Second)
	setDefault(&o.AttachmentRetention, 30*24*time.Hour)
	setDefault(&o.EventsPerSecond, 10)
	if o.Clock == nil {
		o.Clock = clock.RealClock{}
	}
}

func setDefault[T comparable](field *T, value T) {
	if *field == *new(T) {
		*field = value
	}
}

// SetupWithManager adds the reconcilers to the manager. The indexes of
// package index must be registered with its cache.
func SetupWithManager(mgr ctrl.Manager, o Options) error {
	o.setDefaults()
	base := base{
		look:   look{roster.Roster{Reader: mgr.GetCache()}},
		client: mgr.GetClient(),
		live:   mgr.GetAPIReader(),
		clock:  o.Clock,

		dangling: &dangling{},
		events:   newRecorder(mgr, o.EventsPerSecond),
	}
	releaser := &releaser{base: base.fork()}
	authors := newAuthors()
	for _, c := range []struct {
		kind  string
		setup func(ctrl.Manager) error
	}{
		{"AccessRule", newRuleReconciler(base.fork(), &o, authors).setup},
		{"AccessRule author", (&authorReconciler{base: base, interval: o.AuthorRecheck, authors: authors}).setup},
		{"PermissionLevel", newLevelReconciler(base.fork(), &o).setup},
		{"ProvisionedUser", (&userReconciler{base: base.fork(), sweepAfter: o.SweepAfter}).setup},
		{"ProvisionedRole", (&roleReconciler{base: base.fork(), interval: o.RoleInterval}).setup},
		{"RoleAttachment", (&attachmentReconciler{base: base.fork(), retention: o.AttachmentRetention}).setup},
		{"IdentityProvider", (&providerReconciler{
			base: base.fork(), externalURL: o.ExternalURL, namespace: o.Namespace,
			interval: o.ProviderInterval, contacts: o.Contacts, contactEvents: o.ContactEvents,
		}).setup},
		{"contact", (&contactReconciler{base: base}).setup},
		{"user release", (&userReleaser{releaser}).setup},
		{"role release", (&roleReleaser{releaser: releaser, requestTimeout: o.RequestTimeout}).setup},
		{"deletion policy", (&deletionPolicyReconciler{
			base: base.fork(), releaser: releaser, contacts: o.Contacts, requestTimeout: o.RequestTimeout,
		}).setup},
	} {
		if err := c.setup(mgr); err != nil {
			return fmt.Errorf("%s controller: %w", c.kind, err)
		}
	}
	return nil
}
