package doctor

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/token"
)

const (
	// maxSkew is by how much two clocks may differ: expiresAt is counted in seconds.
	maxSkew = 30 * time.Second
	// The manager learns of a token by its watch. Failed attempts are limited, so it
	// is asked no more often than this.
	probeInterval = time.Second
	probeAttempts = 10
)

// answer is what an endpoint answered.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// scim says whether Rollcall answered: an error of SCIM, or a list.
func (a answer) scim() bool {
	var message struct {
		Schemas []string `json:"schemas"`
	}
	return json.Unmarshal(a.body, &message) == nil && len(message.Schemas) > 0
}

// visit asks for a user who can't exist, as Entra's Test Connection does.
func visit(ctx context.Context, c *http.Client, tenantURL, bearer string) (answer, error) {
	filter := url.QueryEscape(fmt.Sprintf("userName eq %q", rand.Text()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, tenantURL+"/Users?filter="+filter, nil)
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Accept", "application/scim+json")
	request.Header.Set("Authorization", "Bearer "+bearer)
	response, err := c.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, err
	}
	return answer{response.StatusCode, response.Header, body}, nil
}

// stranger is a token that nobody made.
func stranger() string { return "rollcall_0000000000_" + rand.Text() }

// unknownProvider tells whether it is Rollcall that answers: it alone says 404, as
// a SCIM error, where there is no provider.
func (d *Doctor) unknownProvider(ctx context.Context, c *http.Client, e *endpoint) (isRollcall bool) {
	const check = "unknown provider"
	a, err := visit(ctx, c, e.tenantURL("rollcall-doctor-nobody"), stranger())
	if err != nil {
		d.fail(check, "see whether the Ingress or load balancer is there, and lets this machine in", "%s: %s", e.base, unreachable(err))
		return false
	}
	d.clock(a)
	route := "have the Ingress or Gateway pass every path of the host to the Service rollcall-scim, unchanged"
	switch {
	case a.scim() && a.status == http.StatusNotFound:
		d.ok(check, "404, so that a wrong URL can be told from a wrong token")
		return true
	case a.scim():
		d.fail(check, "see the manager's log", "Rollcall answers %d, and 404 is wanted", a.status)
		return true
	case a.status/100 == 3:
		d.fail(check, "take the redirect or login page off this host: a SCIM client follows none", "the endpoint redirects to %q", a.header.Get("Location"))
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		d.fail(check, "take authentication and address filters off what stands in front: Rollcall checks the token itself",
			"something in front of Rollcall answers %d", a.status)
	case a.status >= http.StatusInternalServerError:
		d.fail(check, "see whether the manager runs and is Ready, and kubectl get endpointslices of the Service rollcall-scim",
			"something in front of Rollcall answers %d: it reaches no manager", a.status)
	default:
		d.fail(check, route, "something other than Rollcall answers %d", a.status)
	}
	return false
}

// clock compares the server's clock with this machine's. Both have no more than
// seconds.
func (d *Doctor) clock(a answer) {
	const check = "clock"
	at, err := http.ParseTime(a.header.Get("Date"))
	if err != nil {
		d.warn(check, "have the proxy in front pass the Date header on", "the answer has no Date")
		return
	}
	skew := time.Since(at).Round(time.Second)
	if skew.Abs() > maxSkew {
		d.fail(check, "run NTP on both: tokens and temporary access end by the manager's clock, grants are reckoned by this machine's",
			"the endpoint's clock and this machine's differ by %s", skew.Abs())
		return
	}
	d.ok(check, "it differs from this machine's by no more than %s", maxSkew)
}

// wrongToken tries a token that nobody made.
func (d *Doctor) wrongToken(ctx context.Context, c *http.Client, e *endpoint, p *v1alpha1.IdentityProvider) (goOn bool) {
	check := "wrong token: " + p.Name
	a, err := visit(ctx, c, e.tenantURL(p.Name), stranger())
	switch {
	case err != nil:
		d.fail(check, "see whether the manager runs", "%s: %s", e.tenantURL(p.Name), unreachable(err))
		return false
	case a.status == http.StatusTooManyRequests:
		d.warn(check, "wait a minute; if it stays, look for a client with an old token", "429: there were too many failed attempts from this address")
		return true
	case a.status == http.StatusNotFound:
		d.fail(check, "see whether the manager runs against this cluster, and that the path passes unchanged", "404: the endpoint knows no provider %q", p.Name)
		return false
	case a.status != http.StatusUnauthorized || !a.scim():
		d.fail(check, "see what stands in front of Rollcall", "%d, and a SCIM error 401 is wanted", a.status)
		return true
	case a.header.Get("WWW-Authenticate") == "":
		d.warn(check, "have the proxy in front pass the header on", "401, without the header WWW-Authenticate")
		return true
	default:
		d.ok(check, "401")
		return true
	}
}

// testConnection does what Entra's button does, with a token that is made for it.
func (d *Doctor) testConnection(ctx context.Context, c *http.Client, e *endpoint, p *v1alpha1.IdentityProvider) {
	check := "test connection: " + p.Name
	if p.Spec.Paused {
		d.findings = append(d.findings, Finding{check, Skipped, "the provider is paused", "set spec.paused to false when it shall go on"})
		return
	}
	if !e.trusted {
		d.findings = append(d.findings, Finding{check, Skipped, "no token is sent to an endpoint that is not trusted", "mend tls first"})
		return
	}
	t, err := token.Generate(time.Now(), token.ProbeLifetime)
	if err != nil {
		d.unreadable(check, err)
		return
	}
	secret := t.ToProbe(d.Namespace, p)
	if err := d.Client.Create(ctx, secret); err != nil {
		d.unreadable(check, fmt.Errorf("make a token for a minute: %w", err))
		return
	}
	defer func() {
		// Also when somebody has lost patience.
		if err := d.Client.Delete(context.WithoutCancel(ctx), secret); err != nil {
			d.warn(check, "kubectl rollcall revoke "+p.Name+" "+t.ID, "the token of this check could not be deleted; it ends by itself in %s: %s", token.ProbeLifetime, err)
		}
	}()
	a, err := d.present(ctx, c, e.tenantURL(p.Name), t.Secret)
	var list struct {
		TotalResults *int `json:"totalResults"`
	}
	switch {
	case err != nil:
		d.fail(check, "see whether the manager runs", "%s", unreachable(err))
	case a.status == http.StatusUnauthorized:
		d.fail(check, fmt.Sprintf("have the proxy in front pass Authorization on; see that the manager's --namespace is %q and its log has no error", d.Namespace),
			"401 with a token that is good: the header Authorization does not arrive, or the manager does not see Secrets in namespace %q", d.Namespace)
	case a.status != http.StatusOK:
		d.fail(check, "see the manager's log", "%d: %.200s", a.status, a.body)
	case json.Unmarshal(a.body, &list) != nil || list.TotalResults == nil:
		d.fail(check, "have the proxy in front pass the answer unchanged", "200, and the answer is no list of SCIM: %.200s", a.body)
	case *list.TotalResults != 0:
		d.fail(check, "have the proxy in front pass the query unchanged", "%d users are found of whom none can exist", *list.TotalResults)
	default:
		d.ok(check, "200 and an empty list, as Entra's Test Connection wants it")
	}
}

// present presents a new token until it is known.
func (d *Doctor) present(ctx context.Context, c *http.Client, tenantURL, secret string) (a answer, err error) {
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for attempt := 1; ; attempt++ {
		a, err = visit(ctx, c, tenantURL, secret)
		if err != nil || a.status != http.StatusUnauthorized || attempt == probeAttempts {
			return a, err
		}
		select {
		case <-ctx.Done():
			return a, ctx.Err()
		case <-ticker.C:
		}
	}
}
