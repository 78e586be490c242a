package controllers

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

// The replica that leads has these; a name of a user or a role is in none of them.
var (
	projectionLag = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "rollcall_projection_lag_seconds",
		Help: "Time from the first change that concerns an AccessRule or a permission level until its bindings were in step, by reconcile.",
		// From a write on an idle cluster to a full sync on a busy one.
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
	})
	usersByState = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "rollcall_users",
		Help: "ProvisionedUsers by identity provider (local for none) and effective state.",
	}, []string{"provider", "state"})
	usersRefused = newObjectGauge("rollcall_users_refused",
		"Active users whose roles are not bound because their subject is reserved, malformed, missing or somebody else's, by identity provider (local for none).",
		"provider")
	roles = newObjectGauge("rollcall_roles",
		"ProvisionedRoles by identity provider (local for none).",
		"provider")
	rolesIncomplete = newObjectGauge("rollcall_roles_incomplete",
		"ProvisionedRoles with members that are no users, such as nested groups, by identity provider.",
		"provider")
	attachments = newObjectGauge("rollcall_attachments",
		"RoleAttachments by state: Active, Pending, Expired, Superseded or Ineffective.",
		"state").knowing("Active", "Pending", "Expired", "Superseded", "Ineffective")
	rules = newObjectGauge("rollcall_access_rules",
		"AccessRules by the reason of their condition Ready, such as Reconciled, RoleNotFound or BindingsRefused.",
		"reason").knowing(v1alpha1.ReasonReconciled, v1alpha1.ReasonRoleNotFound, v1alpha1.ReasonRoleOfAnotherProvider,
		v1alpha1.ReasonBindingsRefused, v1alpha1.ReasonProjecting)
	rulesUnbacked = newObjectGauge("rollcall_access_rules_unbacked",
		"AccessRules whose author may not bind any more what the rule gives, by the reason of their condition AuthorMayBind.",
		"reason").knowing(access.ReasonAuthorLostRight)
	bindings = newObjectGauge("rollcall_bindings",
		"Bindings that access rules and permission levels are projected to, by kind: RoleBinding or ClusterRoleBinding.",
		"kind").knowing(roleBindingKind, clusterRoleBindingKind)
	bindingsRefused = newObjectGauge("rollcall_bindings_refused",
		"Bindings that could not be written, by what they are for (rule or level): the manager may not bind the role, or a foreign binding has the name.",
		"source").knowing(forRule, forLevel)
	lastContact = newObjectGauge("rollcall_identity_provider_last_contact_timestamp_seconds",
		"Unix time, to the minute, of the last SCIM request with a token of the identity provider, those of doctor left out, by identity provider and its type.",
		"provider", "type")
	tokenExpiry = newObjectGauge("rollcall_token_expiry_timestamp_seconds",
		"When the token ends that the identity provider uses, as Unix time: of those in use the one that ends first or, as long as none was presented, the one that lives longest.",
		"provider", "token")
	eventsDropped = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "rollcall_events_dropped_total",
		Help: "Kubernetes Events that were not recorded because there were too many at once, by type: Normal or Warning.",
	}, []string{"type"})
)

// Collectors are the metrics of the reconcilers, which are in the registry of
// controller-runtime.
func Collectors() []prometheus.Collector {
	return []prometheus.Collector{
		projectionLag, usersByState, usersRefused, roles, rolesIncomplete, attachments, rules, rulesUnbacked,
		bindings, bindingsRefused, lastContact, tokenExpiry, eventsDropped,
	}
}

func init() { metrics.Registry.MustRegister(Collectors()...) }

// Values of labels: what a binding is for, and its kind.
const (
	forRule  = "rule"
	forLevel = "level"

	roleBindingKind        = "RoleBinding"
	clusterRoleBindingKind = "ClusterRoleBinding"
)
