package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	// deployment is the manager's, in its namespace.
	deployment = "rollcall-manager"
	// defaultAccount is the manager's ServiceAccount where no Deployment says another.
	defaultAccount = "rollcall-manager"
	// leaseName is the lease of the leader.
	leaseName = "rollcall-manager"
	// webhooks is the name of both webhook configurations.
	webhooks = "rollcall"
)

// Result is what a check came to.
type Result string

const (
	// OK needs nothing.
	OK Result = "OK"
	// Warning works, and should be looked at.
	Warning Result = "Warning"
	// Failed does not work.
	Failed Result = "Failed"
	// Skipped could not be examined.
	Skipped Result = "Skipped"
)

// Finding is what one check found.
type Finding struct {
	// Check names what was examined, such as webhooks or tls.
	Check  string `json:"check"`
	Result Result `json:"result"`
	// Message is what was seen.
	Message string `json:"message"`
	// Cure is what to do; empty for OK.
	Cure string `json:"cure,omitempty"`
}

// Doctor examines an installation.
type Doctor struct {
	// Client of the cluster, with the rights of whoever asks.
	Client client.Client
	// Namespace of the manager.
	Namespace string
	// Providers to examine; all when empty.
	Providers []string
	// URL is where to find the SCIM endpoint: scheme, host, and the path in front of
	// the providers', if there is one. Empty means what the Tenant URLs say.
	URL string
	// Roots are the authorities to trust; nil means those of this machine.
	Roots *x509.CertPool
	// ReadOnly leaves out Test Connection, which makes a token.
	ReadOnly bool

	findings []Finding
	// account is the manager's ServiceAccount, once it is known.
	account string
}

// Examine runs every check, in an order in which the first failure is usually the
// cause of the others.
func (d *Doctor) Examine(ctx context.Context) []Finding {
	d.findings, d.account = nil, ""
	d.server(ctx)
	if !d.kinds(ctx) {
		return d.findings
	}
	d.rights(ctx)
	d.leader(ctx)
	d.webhookConfigurations(ctx)
	d.webhooksAnswer(ctx)
	d.locks(ctx)
	d.rules(ctx)
	providers := d.providers(ctx)
	d.endpoints(ctx, providers)
	return d.findings
}

// Count counts the findings with a result.
func Count(findings []Finding, result Result) int {
	n := 0
	for _, f := range findings {
		if f.Result == result {
			n++
		}
	}
	return n
}

func (d *Doctor) ok(check, format string, args ...any) {
	d.findings = append(d.findings, Finding{Check: check, Result: OK, Message: fmt.Sprintf(format, args...)})
}

func (d *Doctor) fail(check, cure, format string, args ...any) {
	d.findings = append(d.findings, Finding{check, Failed, fmt.Sprintf(format, args...), cure})
}

func (d *Doctor) warn(check, cure, format string, args ...any) {
	d.findings = append(d.findings, Finding{check, Warning, fmt.Sprintf(format, args...), cure})
}

const anotherCure = "run doctor as somebody who may: a cluster-admin sees everything"

// unreadable reports a read that failed: for want of a right the check is skipped.
func (d *Doctor) unreadable(check string, err error) {
	f := Finding{check, Failed, err.Error(), "see whether the API server is well"}
	switch {
	case apierrors.IsForbidden(err):
		f.Result, f.Cure = Skipped, anotherCure
	case apierrors.IsUnauthorized(err):
		f.Cure = "sign in again: the API server does not take what this kubeconfig has to say who you are"
	case Unreachable(err):
		f.Cure = "see whether the cluster is reachable, and the kubeconfig that of the right one: kubectl cluster-info"
	}
	d.findings = append(d.findings, f)
}

// failedSince says whether anything failed since a mark, which is an earlier
// len(d.findings).
func (d *Doctor) failedSince(mark int) bool {
	return slices.ContainsFunc(d.findings[mark:], func(f Finding) bool { return f.Result != OK })
}

// Unreachable says that no API server has answered, or one that may be anybody's.
func Unreachable(err error) bool {
	return errors.As(err, new(*net.OpError)) || errors.As(err, new(*net.DNSError)) || errors.As(err, new(*tls.CertificateVerificationError))
}

func pointers[T any](items []T) []*T {
	p := make([]*T, len(items))
	for i := range items {
		p[i] = &items[i]
	}
	return p
}

// chosen are the providers to examine; names that none of them has are reported.
func (d *Doctor) chosen(ctx context.Context, check string) []*v1alpha1.IdentityProvider {
	var list v1alpha1.IdentityProviderList
	if err := d.Client.List(ctx, &list); err != nil {
		d.unreadable(check, fmt.Errorf("list identityproviders: %w", err))
		return nil
	}
	all := pointers(list.Items)
	if len(d.Providers) == 0 {
		if len(all) == 0 {
			d.fail(check, "kubectl rollcall activate entra", "there is no IdentityProvider")
		}
		return all
	}
	var chosen []*v1alpha1.IdentityProvider
	for _, name := range d.Providers {
		i := slices.IndexFunc(all, func(p *v1alpha1.IdentityProvider) bool { return p.Name == name })
		if i < 0 {
			d.fail(check, "kubectl get identityproviders shows those that there are; kubectl rollcall activate makes one", "there is no IdentityProvider %q", name)
			continue
		}
		chosen = append(chosen, all[i])
	}
	return chosen
}

// since rounds for people.
func since(t time.Time) time.Duration { return time.Since(t).Round(time.Second) }
