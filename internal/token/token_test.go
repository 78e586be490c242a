package token

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// The identity providers of these tests.
var (
	entra = &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "entra", UID: "6a1f"}}
	okta  = &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "okta", UID: "77c0"}}
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// secrets is a reader that holds Secrets and knows labels, as the manager's cache
// does.
type secrets []*corev1.Secret

func (s secrets) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	for _, p := range []*v1alpha1.IdentityProvider{entra, okta} {
		if p.Name == key.Name {
			p.DeepCopyInto(into.(*v1alpha1.IdentityProvider))
			return nil
		}
	}
	return apierrors.NewNotFound(schema.GroupResource{}, key.Name)
}

func (s secrets) List(_ context.Context, list client.ObjectList, options ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(options)
	into := list.(*corev1.SecretList)
	for _, secret := range s {
		if secret.Namespace == o.Namespace && o.LabelSelector.Matches(labelSet(secret.Labels)) {
			into.Items = append(into.Items, *secret)
		}
	}
	return nil
}

type labelSet map[string]string

func (l labelSet) Has(k string) bool              { _, ok := l[k]; return ok }
func (l labelSet) Get(k string) string            { return l[k] }
func (l labelSet) Lookup(k string) (string, bool) { v, ok := l[k]; return v, ok }

func generate(t *testing.T, lifetime time.Duration) Token {
	t.Helper()
	token, err := Generate(start, lifetime)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestAuthenticate(t *testing.T) {
	first, second := generate(t, time.Hour), generate(t, 2*time.Hour)
	oktas, elsewhere := generate(t, time.Hour), generate(t, time.Hour)
	leaving, former, bare := generate(t, time.Hour), generate(t, time.Hour), generate(t, time.Hour)
	leavingSecret := leaving.ToSecret("ns", entra)
	leavingSecret.DeletionTimestamp = &metav1.Time{Time: start}
	formerSecret := former.ToSecret("ns", &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: "entra", UID: "0001"}})
	bareSecret := bare.ToSecret("ns", entra)
	bareSecret.OwnerReferences = nil
	broken := generate(t, time.Hour)
	brokenSecret := broken.ToSecret("ns", entra)
	delete(brokenSecret.Data, keyExpiresAt)
	clock := testclock.NewFakePassiveClock(start)
	store := NewStore(secrets{
		first.ToSecret("ns", entra), second.ToSecret("ns", entra), brokenSecret,
		oktas.ToSecret("ns", okta), elsewhere.ToSecret("other", entra),
		leavingSecret, formerSecret, bareSecret,
	}, "ns", clock)

	for _, tc := range []struct {
		name, presented string
		at              time.Duration
		want            string
	}{
		{"fact 13: a token is good", first.Secret, 0, first.ID},
		{"fact 13: two tokens are good at once", second.Secret, 0, second.ID},
		{"good until the last second (RFC 7644 7.3)", first.Secret, time.Hour - time.Second, first.ID},
		{"over at its end (RFC 7644 7.3)", first.Secret, time.Hour, ""},
		{"the other lives on", second.Secret, time.Hour, second.ID},
		{"another provider's", oktas.Secret, 0, ""},
		{"another namespace's Secret", elsewhere.Secret, 0, ""},
		{"one whose Secret is being deleted", leaving.Secret, 0, ""},
		{"one of a provider that was deleted, and is there again by that name", former.Secret, 0, ""},
		{"one that nobody owns", bare.Secret, 0, bare.ID},
		{"a Secret without an end is none", broken.Secret, 0, ""},
		{"nothing", "", 0, ""},
		{"the id alone", "rollcall_" + first.ID + "_", 0, ""},
		{"another secret under a known id", "rollcall_" + first.ID + "_" + strings.Repeat("A", 43), 0, ""},
		{"one character too many", first.Secret + "A", 0, ""},
		{"another case", strings.ToUpper(first.Secret), 0, ""},
		{"very long", first.Secret + strings.Repeat("A", 1<<20), 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			clock.SetTime(start.Add(tc.at))
			got, err := store.Authenticate(t.Context(), "entra", tc.presented)
			if got != tc.want || (tc.want == "") != errors.Is(err, ErrUnauthenticated) || errors.Is(err, ErrExpired) != strings.HasPrefix(tc.name, "over at its end") {
				t.Errorf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
}

func TestTheClusterNeverHoldsTheToken(t *testing.T) {
	token := generate(t, time.Hour)
	_, secret, _ := strings.Cut(strings.TrimPrefix(token.Secret, "rollcall_"), "_")
	t.Run("RFC 7644 7.4: a token has 256 random bits", func(t *testing.T) {
		if len(secret) != 43 {
			t.Errorf("the secret part has %d characters, want 43", len(secret))
		}
	})
	t.Run("RFC 7644 7.7: what is stored can't be used as a token", func(t *testing.T) {
		for key, value := range token.ToSecret("ns", entra).Data {
			if strings.Contains(string(value), secret) {
				t.Errorf("data.%s has the token", key)
			}
		}
	})
}

func TestSecretRoundTrip(t *testing.T) {
	token := generate(t, DefaultLifetime)
	r, err := FromSecret(token.ToSecret("ns", entra))
	if err != nil {
		t.Fatal(err)
	}
	if r.ID != token.ID || r.Provider != "entra" || !r.CreatedAt.Equal(token.CreatedAt) || !r.ExpiresAt.Equal(start.Add(DefaultLifetime)) {
		t.Errorf("got %+v of %+v", r, token)
	}
	for _, key := range []string{keyID, keyDigest, keyCreatedAt, keyExpiresAt} {
		secret := token.ToSecret("ns", entra)
		secret.Data = maps.Clone(secret.Data)
		secret.Data[key] = []byte("\nx")
		if _, err := FromSecret(secret); err == nil {
			t.Errorf("a Secret with a spoilt data.%s was read", key)
		}
	}
	unlabelled := token.ToSecret("ns", entra)
	delete(unlabelled.Labels, v1alpha1.TokenLabel)
	if _, err := FromSecret(unlabelled); err == nil {
		t.Error("a Secret without the label was read")
	}
}

func TestProbes(t *testing.T) {
	for _, tc := range []struct {
		name     string
		lifetime time.Duration
		change   func(*corev1.Secret)
		want     bool
	}{
		{"made as one", ProbeLifetime, func(*corev1.Secret) {}, true},
		{"without the label", ProbeLifetime, func(s *corev1.Secret) { delete(s.Labels, v1alpha1.ProbeLabel) }, false},
		{"with another value", ProbeLifetime, func(s *corev1.Secret) { s.Labels[v1alpha1.ProbeLabel] = "true" }, false},
		{"the label on a client's token", DefaultLifetime, func(*corev1.Secret) {}, false},
		{"one that says it was made later than it was", DefaultLifetime, func(s *corev1.Secret) {
			s.Data[keyCreatedAt] = s.Data[keyExpiresAt]
		}, false},
		{"one that no API server has stored", ProbeLifetime, func(s *corev1.Secret) { s.CreationTimestamp = metav1.Time{} }, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := generate(t, tc.lifetime).ToProbe("ns", entra)
			s.CreationTimestamp = metav1.Time{Time: start}
			tc.change(s)
			r, err := FromSecret(s)
			if err != nil || r.Probe != tc.want || r.Provider != "entra" {
				t.Errorf("got %+v, %v; a probe: want %t", r, err, tc.want)
			}
		})
	}
}

func TestContactsTellOnceAMinute(t *testing.T) {
	c := NewContacts()
	c.Record("entra", "a", start.Add(time.Second))
	c.Record("entra", "a", start.Add(59*time.Second))
	c.Record("entra", "a", start.Add(61*time.Second))
	if got := len(c.Events()); got != 2 {
		t.Errorf("%d events, want 2", got)
	}
	if got, want := c.LastContact("entra"), start.Add(time.Minute); !got.Equal(want) {
		t.Errorf("last contact %s, want %s", got, want)
	}
	if !c.LastUsed("entra", "a").Equal(start.Add(time.Minute)) || !c.LastUsed("entra", "b").IsZero() || !c.LastContact("okta").IsZero() {
		t.Error("contacts of one token or provider show with another")
	}
}

func TestContactsNeverBlock(t *testing.T) {
	c := NewContacts()
	for i := range 1000 {
		c.Record("entra", "a", start.Add(time.Duration(i)*time.Minute))
	}
	if got, want := c.LastContact("entra"), start.Add(999*time.Minute); !got.Equal(want) {
		t.Errorf("last contact %s, want %s", got, want)
	}
}
