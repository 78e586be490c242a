package manager

import (
	"flag"
	"strings"
	"testing"
)

// Whoever may read an IdentityProvider sees the Tenant URL: it holds no password.
func TestTheExternalURLHasASchemeAndAHostAlone(t *testing.T) {
	for url, good := range map[string]bool{
		"":                                   true,
		"https://scim.example.com":           true,
		"https://scim.example.com/rollcall":  true,
		"scim.example.com":                   false,
		"https://scim.example.com/?a=b":      false,
		"https://me:secret@scim.example.com": false,
		"https://me@scim.example.com":        false,
	} {
		o := Options{}
		o.BindFlags(flag.NewFlagSet("", flag.ContinueOnError))
		o.ExternalURL = url
		err := o.validate()
		if (err == nil) != good {
			t.Errorf("%q: %v", url, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the password is shown: %v", err)
		}
	}
}
