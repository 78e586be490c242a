package names

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/validation"
	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/scim/fold"
)

func TestNamesAreReadable(t *testing.T) {
	for value, want := range map[string]string{
		"alice@example.com":       "alice--example.com",
		"Alice@Example.COM":       "alice--example.com",
		"Platform Engineers":      "platform-engineers",
		"svc-build@example.com":   "svc-build--example.com",
		"ops":                     "ops",
		"On-Call Team":            "on-call-team",
		"first.last@sub.corp.org": "first.last--sub.corp.org",
	} {
		if got, _ := ForUser("entra", value); got != want {
			t.Errorf("ForUser(%q) = %q, want %q", value, got, want)
		}
	}
}

func TestNamesThatDoNotMapCleanlyGetASuffix(t *testing.T) {
	for _, value := range []string{
		"O'Brien@example.com", "björn@example.com", "alice--example.com", "a_b@example.com",
		"-alice", ".alice", "alice.", "a@b@c", "a - b", strings.Repeat("a", 300), "", "日本語",
	} {
		got, alternate := ForUser("entra", value)
		if i := strings.LastIndexByte(got, '-'); i < 0 || len(got)-i-1 != hashLength {
			t.Errorf("ForUser(%q) = %q has no suffix", value, got)
		}
		if got == alternate {
			t.Errorf("ForUser(%q) = %q twice", value, got)
		}
	}
}

func TestAlternateDiffersByProvider(t *testing.T) {
	base, entra := ForUser("entra", "alice@example.com")
	again, okta := ForUser("okta", "alice@example.com")
	if base != again || entra == okta {
		t.Errorf("entra: %q, %q; okta: %q, %q", base, entra, again, okta)
	}
}

// plausible draws values that come close to each other.
var plausible = rapid.OneOf(
	rapid.String(),
	rapid.StringMatching(`[aAbB2][-@. _aB]{0,4}[aAbB2-]`),
	rapid.StringMatching(`[a-b]{1,2}[- ][a-b2-3]{10}`),
)

func TestNamesAreValidAndOneToOneUpToCaseAndSpaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := plausible.Draw(t, "a"), plausible.Draw(t, "b")
		baseA, altA := ForUser("entra", a)
		baseB, altB := ForUser("entra", b)
		for _, name := range []string{baseA, altA, baseB, altB} {
			if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
				t.Fatalf("%q is no object name: %s", name, errs)
			}
		}
		dashed := func(s string) string { return strings.ReplaceAll(fold.String(s), " ", "-") }
		if baseA == baseB && dashed(a) != dashed(b) {
			t.Fatalf("%q and %q share the name %q", a, b, baseA)
		}
		if same := fold.Equal(a, b); (altA == altB) != same || same && baseA != baseB {
			t.Fatalf("%q → %q, %q; %q → %q, %q", a, baseA, altA, b, baseB, altB)
		}
		if baseA == altB {
			t.Fatalf("the name of %q is the alternate of %q: %q", a, b, baseA)
		}
	})
}

func FuzzForUser(f *testing.F) {
	f.Add("alice@example.com")
	f.Add("a--b")
	f.Fuzz(func(t *testing.T, value string) {
		base, alternate := ForUser("entra", value)
		for _, name := range []string{base, alternate} {
			if errs := validation.IsDNS1123Subdomain(name); len(errs) > 0 {
				t.Fatalf("%q → %q: %s", value, name, errs)
			}
		}
	})
}

func TestNamesOfReleasesTellApartWhatMakesThemVoid(t *testing.T) {
	long := strings.Repeat("a", 253)
	seen := map[string]bool{}
	for _, name := range []string{
		ForRelease("User", "alice", "1", 0, "ops", "2", 0), ForRelease("User", "alice", "1", 0, "ops", "2", 1),
		ForRelease("User", "alice", "1", 1, "ops", "2", 0), ForRelease("User", "alice", "3", 0, "ops", "2", 0),
		ForRelease("User", "alice", "1", 0, "ops", "4", 0), ForRelease("User", "alice-ops", "1", 0, "ops", "2", 0),
		ForRelease("Role", "alice", "1", 0, "ops", "2", 0),
		ForRelease("User", long, "1", 0, long, "2", 0), ForRelease("User", long+"b", "1", 0, long, "2", 0),
	} {
		if seen[name] || len(validation.IsDNS1123Subdomain(name)) > 0 {
			t.Errorf("%q is no name, or there twice", name)
		}
		seen[name] = true
	}
	if got := ForRelease("User", "alice", "1", 0, "ops", "2", 0); !strings.HasPrefix(got, "alice-ops-") {
		t.Errorf("%q does not say whom it gives what", got)
	}
}
