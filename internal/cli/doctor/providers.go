package doctor

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/cli/health"
)

// providers looks at what identity providers would connect with.
func (d *Doctor) providers(ctx context.Context) []*v1alpha1.IdentityProvider {
	const check = "identity providers"
	mark := len(d.findings)
	all := d.chosen(ctx, check)
	now := time.Now()
	for _, p := range all {
		if p.Status.ObservedGeneration < p.Generation {
			d.fail(check, "see whether the manager runs", "the manager has not seen the last change of %q", p.Name)
		}
		if unseen(p) {
			// Its status says nothing, and not that there is none.
			continue
		}
		switch {
		case p.DeletionTimestamp != nil:
			d.warn(check, "wait, or see its condition Ready", "%q is being deleted: its SCIM requests are answered with 404", p.Name)
		case p.Spec.Paused:
			d.warn(check, "set spec.paused to false when it shall go on", "%q is paused: its SCIM requests are answered with 503", p.Name)
		}
		if len(health.LiveTokens(p, now)) == 0 {
			d.fail(check, "kubectl rollcall activate "+p.Name, "%q has no live token: its SCIM requests can't authenticate", p.Name)
		}
		for _, problem := range health.OfTokens(p) {
			d.warn(check, "kubectl rollcall rotate "+p.Name, "%q: %s", p.Name, problem.Message)
		}
	}
	if !d.failedSince(mark) {
		d.ok(check, "%d can authenticate", len(all))
	}
	return all
}

// unseen says that no manager has ever looked at a provider.
func unseen(p *v1alpha1.IdentityProvider) bool { return p.Status.ObservedGeneration == 0 }

// endpoint is where one or more providers are reached.
type endpoint struct {
	base      *url.URL
	providers []*v1alpha1.IdentityProvider
	// trusted says that the certificate is in order, so that a token may go there.
	trusted bool
}

// endpoints examines each SCIM endpoint once, and then each provider's part of it.
func (d *Doctor) endpoints(ctx context.Context, providers []*v1alpha1.IdentityProvider) {
	const check = "tenant url"
	var all []*endpoint
	for _, p := range providers {
		if p.DeletionTimestamp != nil || (unseen(p) && d.URL == "") {
			continue
		}
		text := p.Status.TenantURL
		if d.URL != "" {
			text = d.URL
		}
		if text == "" {
			d.fail(check, "start the manager with --external-url=https://HOST, HOST being what the identity provider reaches", "%q has no Tenant URL", p.Name)
			continue
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			d.fail(check, "give scheme and host, such as https://scim.example.com", "%q is no URL", text)
			if d.URL != "" {
				return // All have this one.
			}
			continue
		}
		// A host can have a path of its own in front of the provider's.
		base := &url.URL{Scheme: u.Scheme, Host: u.Host, Path: parent(u.Path, p.Name)}
		add(&all, base, p)
	}
	for _, e := range all {
		d.endpoint(ctx, e)
	}
}

// parent is what a path has in front of a provider's own part, if it has that.
func parent(path, provider string) string {
	path = strings.TrimRight(path, "/")
	return strings.TrimRight(strings.TrimSuffix(path, "/"+provider+"/scim/v2"), "/")
}

func add(all *[]*endpoint, base *url.URL, p *v1alpha1.IdentityProvider) {
	for _, e := range *all {
		if *e.base == *base {
			e.providers = append(e.providers, p)
			return
		}
	}
	*all = append(*all, &endpoint{base: base, providers: []*v1alpha1.IdentityProvider{p}})
}

// tenantURL of a provider at the endpoint.
func (e *endpoint) tenantURL(provider string) string {
	return e.base.String() + "/" + provider + "/scim/v2"
}

// endpoint goes from name to answer, and stops where nothing further can work.
func (d *Doctor) endpoint(ctx context.Context, e *endpoint) {
	if !d.resolves(ctx, e.base) {
		return
	}
	var reached bool
	if reached, e.trusted = d.encrypted(ctx, e.base); !reached {
		return
	}
	c := d.visitor(e.trusted)
	if !d.unknownProvider(ctx, c, e) {
		return
	}
	for _, p := range e.providers {
		if d.wrongToken(ctx, c, e, p) && !d.ReadOnly {
			d.testConnection(ctx, c, e, p)
		}
	}
}
