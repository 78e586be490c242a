package main

import (
	"testing"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

func TestTypeOf(t *testing.T) {
	for name, want := range map[string]v1alpha1.ProviderType{
		"entra": v1alpha1.ProviderEntra, "entra-eu": v1alpha1.ProviderEntra, "okta": v1alpha1.ProviderOkta,
		"onelogin": v1alpha1.ProviderOneLogin, "contoso": v1alpha1.ProviderGeneric, "not-okta": v1alpha1.ProviderGeneric,
	} {
		if got := typeOf(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}
