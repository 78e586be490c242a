package access_test

import (
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/access"
)

func TestSubjectOf(t *testing.T) {
	t.Parallel()
	rule := func(from v1alpha1.SubjectSource, prefix string) *v1alpha1.IdentityProvider {
		return entra(func(p *v1alpha1.IdentityProvider) { p.Spec.Subject = v1alpha1.SubjectRule{From: from, Prefix: prefix} })
	}
	with := func(f userOption) *v1alpha1.ProvisionedUser { return alice(f) }
	primary := true
	mails := func(u *v1alpha1.ProvisionedUser) {
		u.Spec.Emails = []v1alpha1.Email{{Type: "other"}, {Value: "first@example.com"}, {Value: "second@example.com"}}
	}
	for _, tc := range []struct {
		name     string
		user     *v1alpha1.ProvisionedUser
		provider *v1alpha1.IdentityProvider
		want     string
		reason   string
	}{
		{"userName by default", alice(), entra(), "alice@example.com", access.ReasonAccepted},
		{"userName with a prefix", alice(), rule(v1alpha1.SubjectFromUserName, "oidc:"), "oidc:alice@example.com", access.ReasonAccepted},
		{"as sent, not folded", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "Alice@Example.com" }), entra(), "Alice@Example.com", access.ReasonAccepted},
		{"the first address", alice(mails), rule(v1alpha1.SubjectFromEmail, ""), "first@example.com", access.ReasonAccepted},
		{"the primary address", alice(mails, func(u *v1alpha1.ProvisionedUser) { u.Spec.Emails[2].Primary = &primary }), rule(v1alpha1.SubjectFromEmail, "p:"), "p:second@example.com", access.ReasonAccepted},
		{"no address", alice(), rule(v1alpha1.SubjectFromEmail, "p:"), "", access.ReasonSubjectEmpty},
		{"externalId", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.ExternalID = "4711" }), rule(v1alpha1.SubjectFromExternalID, ""), "4711", access.ReasonAccepted},
		{"no externalId", alice(), rule(v1alpha1.SubjectFromExternalID, ""), "", access.ReasonSubjectEmpty},
		{"remoteIdentity comes first and takes no prefix", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.RemoteIdentity = "ext:al" }), rule(v1alpha1.SubjectFromUserName, "oidc:"), "ext:al", access.ReasonAccepted},
		{"a local user goes by its userName", alice(local), nil, "alice@example.com", access.ReasonAccepted},
		{"a reserved remoteIdentity", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.RemoteIdentity = "system:masters" }), entra(), "system:masters", access.ReasonSubjectReserved},
		{"a reserved prefix", alice(), rule(v1alpha1.SubjectFromUserName, "system:"), "system:alice@example.com", access.ReasonSubjectReserved},
		{"reserved in two halves", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "tem:admin" }), rule(v1alpha1.SubjectFromUserName, "sys"), "system:admin", access.ReasonSubjectReserved},
		{"a space behind the prefix", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = " alice" }), rule(v1alpha1.SubjectFromUserName, "oidc:"), "oidc: alice", access.ReasonSubjectMalformed},
		{"a mark that joins the prefix", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "\u0301alice" }), rule(v1alpha1.SubjectFromUserName, "oidce"), "oidce\u0301alice", access.ReasonSubjectMalformed},
		{"the provider is gone, and nothing was in force", alice(), nil, "", access.ReasonProviderNotFound},
		{"the provider is gone: what was in force stays", with(func(u *v1alpha1.ProvisionedUser) { u.Status.Subject = "oidc:alice@example.com" }), nil, "oidc:alice@example.com", access.ReasonAccepted},
		{"the provider is gone, and what was in force is another's", with(func(u *v1alpha1.ProvisionedUser) { u.Status.Subject = "oidc:bob@example.com" }), nil, "", access.ReasonProviderNotFound},
		{"the provider is gone, remoteIdentity needs none", with(func(u *v1alpha1.ProvisionedUser) { u.Spec.RemoteIdentity = "al" }), nil, "al", access.ReasonAccepted},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := access.SubjectOf(tc.user, tc.provider)
			if got.Name != tc.want || got.Reason != tc.reason || got.Message == "" {
				t.Errorf("SubjectOf = %+v, want %q/%s with a message", got, tc.want, tc.reason)
			}
			if value := strings.TrimPrefix(got.Value, " "); !strings.HasSuffix(got.Name, value) {
				t.Errorf("Value = %q, which %q does not end with", got.Value, got.Name)
			}
			if got.Refused != (tc.reason != access.ReasonAccepted) {
				t.Errorf("Refused = %v with reason %s", got.Refused, got.Reason)
			}
		})
	}
}

// A level is given to a value, so that whoever may choose a user's names must not
// reach the value of another name.
func TestNoTwoSubjectsOfAProviderHaveOneValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := entra(func(p *v1alpha1.IdentityProvider) {
			p.Spec.Subject.Prefix = rapid.SampledFrom([]string{"", "a", "oidc:"}).Draw(t, "prefix")
		})
		subject := func(label string) access.Subject {
			name := rapid.StringMatching(`(oidc:|a| )?[aA ]{1,2}`)
			return access.SubjectOf(alice(func(u *v1alpha1.ProvisionedUser) {
				u.Spec.UserName = name.Draw(t, label+"'s userName")
				if rapid.Bool().Draw(t, label+" has a remote identity") {
					u.Spec.RemoteIdentity = name.Draw(t, label+"'s remote identity")
				}
			}), p)
		}
		x, y := subject("x"), subject("y")
		if !x.Refused && !y.Refused && x.Value == y.Value && x.Name != y.Name {
			t.Fatalf("%q has value %q, %q has %q", x.Name, x.Value, y.Name, y.Value)
		}
	})
}

func TestOrphanedValueIsTheLongestAttribute(t *testing.T) {
	t.Parallel()
	u := alice(func(u *v1alpha1.ProvisionedUser) {
		u.Spec.UserName, u.Spec.ExternalID, u.Status.Subject = "alice", "corp-alice", "oidc:corp-alice"
	})
	if got := access.SubjectOf(u, nil); got.Refused || got.Value != "corp-alice" {
		t.Errorf("SubjectOf = %+v, want the value corp-alice", got)
	}
}

func TestSubjectOfServiceAccount(t *testing.T) {
	t.Parallel()
	robot := alice(local, func(u *v1alpha1.ProvisionedUser) {
		u.Spec.Type = v1alpha1.ServiceAccount
		u.Spec.ServiceAccountRef = &v1alpha1.ServiceAccountReference{Namespace: "ci", Name: "robot"}
	})
	got := access.SubjectOf(robot, nil)
	if got.Refused || got.ServiceAccount == nil || *got.ServiceAccount != *robot.Spec.ServiceAccountRef || got.Name != "system:serviceaccount:ci:robot" {
		t.Errorf("SubjectOf = %+v", got)
	}
	robot.Spec.Provider = "entra"
	if got := access.SubjectOf(robot, entra()); got.ServiceAccount != nil {
		t.Errorf("an identity provider made a ServiceAccount of its user: %+v", got)
	}
}

func TestCheckSubject(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, reason string }{
		{"alice@example.com", ""},
		{"Ann O'Brien", ""},
		{"rené@exámple.com", ""},
		{"https://login.example.com/#1234", ""},
		{"山田", ""},
		{"system", ""},
		{"systems:x", ""},
		{"oidc:system:x", ""},
		{"", access.ReasonSubjectEmpty},
		{"system:", access.ReasonSubjectReserved},
		{"system:admin", access.ReasonSubjectReserved},
		{"SYSTEM:admin", access.ReasonSubjectReserved},
		{" system:admin", access.ReasonSubjectReserved},
		{"\tsystem:admin", access.ReasonSubjectReserved},
		{"sys\u200btem:admin", access.ReasonSubjectReserved},
		{"\u202esystem:admin", access.ReasonSubjectReserved},
		{"ｓｙｓｔｅｍ：admin", access.ReasonSubjectReserved},
		{"system\ua789masters", access.ReasonSubjectReserved},
		{"system\u2236masters", access.ReasonSubjectReserved},
		{"\u0455ystem:masters", access.ReasonSubjectMalformed},
		{"s\u0443stem\ua789masters", access.ReasonSubjectMalformed},
		{"grüße:anna", access.ReasonSubjectMalformed},
		{"oidc:grüße", ""},
		{" alice", access.ReasonSubjectMalformed},
		{"alice ", access.ReasonSubjectMalformed},
		{"alice\u00a0", access.ReasonSubjectMalformed},
		{"ali\u00a0ce", access.ReasonSubjectMalformed},
		{"alice\n", access.ReasonSubjectMalformed},
		{"ali\x00ce", access.ReasonSubjectMalformed},
		{"ali\x7fce", access.ReasonSubjectMalformed},
		{"ali\u202ece", access.ReasonSubjectMalformed},
		{"ali\u200bce", access.ReasonSubjectMalformed},
		{"ali\ue000ce", access.ReasonSubjectMalformed},
		{"ali\xffce", access.ReasonSubjectMalformed},
		{"\u0301alice", access.ReasonSubjectMalformed},
	} {
		reason, message := access.CheckSubject(tc.name)
		if reason != tc.reason || (message == "") != (reason == "") {
			t.Errorf("CheckSubject(%q) = %q, %q, want %q", tc.name, reason, message, tc.reason)
		}
		if strings.ContainsAny(message, "\n\x00") {
			t.Errorf("CheckSubject(%q) repeats raw input: %q", tc.name, message)
		}
	}
}

func FuzzCheckSubject(f *testing.F) {
	for _, s := range []string{"alice", "system:x", "Ｓystem:x", "\u200bsystem:x", "a\u0301"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		reason, _ := access.CheckSubject(name)
		if reason != "" {
			return
		}
		if name == "" || strings.TrimSpace(name) != name || strings.HasPrefix(strings.ToLower(name), "system:") {
			t.Errorf("CheckSubject accepts %q", name)
		}
	})
}

func TestSubjectConflict(t *testing.T) {
	t.Parallel()
	named := func(name string, created time.Duration) *v1alpha1.ProvisionedUser {
		return alice(func(u *v1alpha1.ProvisionedUser) {
			u.Name, u.CreationTimestamp = name, metav1.NewTime(noon.Add(created))
		})
	}
	old, young, sameAge := named("b", 0), named("a", time.Hour), named("c", 0)
	shown := func(name string, state v1alpha1.UserState, reason, subject string) *v1alpha1.ProvisionedUser {
		u := named(name, 2*time.Hour)
		u.Status = v1alpha1.ProvisionedUserStatus{State: state, Reason: reason, Subject: subject}
		return u
	}
	inForce := shown("inforce", v1alpha1.StateActive, access.ReasonActive, "Alice@Example.com")
	refused := shown("refused", v1alpha1.StateActive, v1alpha1.ReasonSubjectRefused, "alice@example.com")
	returning := shown("returning", v1alpha1.StateSuspended, access.ReasonDeactivated, "alice@example.com")
	renamed := shown("renamed", v1alpha1.StateActive, access.ReasonActive, "alice.old@example.com")
	for _, tc := range []struct {
		name    string
		holders []*v1alpha1.ProvisionedUser
		want    *v1alpha1.ProvisionedUser
	}{
		{"nobody", nil, nil},
		{"alone", []*v1alpha1.ProvisionedUser{young}, young},
		{"the older one", []*v1alpha1.ProvisionedUser{young, old}, old},
		{"of equally old ones the first by name", []*v1alpha1.ProvisionedUser{sameAge, old, young}, old},
		{"whoever has it in force, however young", []*v1alpha1.ProvisionedUser{old, inForce, young}, inForce},
		{"one that was refused has nothing in force", []*v1alpha1.ProvisionedUser{refused, young}, young},
		{"one that returns has nothing in force", []*v1alpha1.ProvisionedUser{returning, inForce}, inForce},
		{"one that comes by a rename has nothing in force", []*v1alpha1.ProvisionedUser{renamed, young}, young},
	} {
		if got := access.SubjectConflict("alice@example.com", tc.holders); got != tc.want {
			t.Errorf("%s: %v keeps the subject", tc.name, got)
		}
	}
	taken := access.Taken(access.SubjectOf(young, entra()), old)
	if !taken.Refused || taken.Reason != access.ReasonSubjectTaken || !strings.Contains(taken.Message, `"b"`) || taken.Name != "alice@example.com" {
		t.Errorf("Taken = %+v", taken)
	}
	shouting := access.SubjectOf(alice(func(u *v1alpha1.ProvisionedUser) { u.Spec.UserName = "ALICE@EXAMPLE.COM" }), entra())
	if shouting.Key() != access.SubjectOf(young, entra()).Key() {
		t.Error("subjects that differ in case alone must collide")
	}
}
