package doctor

import (
	"net/url"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestEndpointsKeepWhatStandsInFrontOfTheProvider(t *testing.T) {
	for _, test := range []struct{ tenantURL, base string }{
		{"https://scim.example.com/entra/scim/v2", "https://scim.example.com"},
		{"https://example.com/rollcall/entra/scim/v2", "https://example.com/rollcall"},
		{"https://example.com:8443/entra/scim/v2", "https://example.com:8443"},
		{"https://entra/entra/scim/v2", "https://entra"},
	} {
		u, err := url.Parse(test.tenantURL)
		if err != nil {
			t.Fatal(err)
		}
		e := &endpoint{base: &url.URL{Scheme: u.Scheme, Host: u.Host, Path: parent(u.Path, "entra")}}
		if e.base.String() != test.base || e.tenantURL("entra") != test.tenantURL {
			t.Errorf("%s: base %s, Tenant URL %s", test.tenantURL, e.base, e.tenantURL("entra"))
		}
	}
}

func TestAnEndpointIsUnderstoodAsPeopleSayIt(t *testing.T) {
	for _, path := range []string{"/rollcall", "/rollcall/", "/rollcall/entra/scim/v2", "/rollcall/entra/scim/v2/"} {
		if got := parent(path, "entra"); got != "/rollcall" {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := parent("/", "entra"); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestEachEndpointIsExaminedOnce(t *testing.T) {
	var all []*endpoint
	for _, host := range []string{"a", "b", "a"} {
		add(&all, &url.URL{Scheme: "https", Host: host}, &v1alpha1.IdentityProvider{})
	}
	if len(all) != 2 || len(all[0].providers) != 2 || len(all[1].providers) != 1 {
		t.Errorf("got %d endpoints", len(all))
	}
}

func TestAProviderWithoutAnAddressIsFound(t *testing.T) {
	seen := func(tenantURL string) *v1alpha1.IdentityProvider {
		return &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "entra"},
			Status: v1alpha1.IdentityProviderStatus{ObservedGeneration: 1, TenantURL: tenantURL}}
	}
	for _, test := range []struct {
		provider *v1alpha1.IdentityProvider
		want     string
	}{
		{seen(""), `"entra" has no Tenant URL`},
		{seen("scim.example.com/entra"), `"scim.example.com/entra" is no URL`},
	} {
		d := &Doctor{}
		d.endpoints(t.Context(), []*v1alpha1.IdentityProvider{test.provider})
		if len(d.findings) != 1 || d.findings[0].Result != Failed || d.findings[0].Message != test.want || d.findings[0].Cure == "" {
			t.Errorf("got %+v", d.findings)
		}
	}
	d := &Doctor{URL: "scim.example.com"}
	d.endpoints(t.Context(), []*v1alpha1.IdentityProvider{seen(""), seen("")})
	if len(d.findings) != 1 || d.findings[0].Message != `"scim.example.com" is no URL` {
		t.Errorf("one address for all is wrong once: %+v", d.findings)
	}
	d = &Doctor{}
	d.endpoints(t.Context(), []*v1alpha1.IdentityProvider{{}})
	if len(d.findings) != 0 {
		t.Errorf("a provider that no manager has looked at says nothing of its address: %+v", d.findings)
	}
}
