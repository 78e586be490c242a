package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

const (
	// DefaultLifetime of a token.
	DefaultLifetime = 365 * 24 * time.Hour

	// ProbeLifetime of a token that is made for one look at the endpoint.
	ProbeLifetime = 5 * time.Minute
	// maxProbeLifetime is what a probe has at most, by the API server's clock, which
	// may differ from that of its maker. What lives longer is no probe, whatever its
	// label says: the label can't hide the end of a token that a client works with.
	maxProbeLifetime = 15 * time.Minute

	// SecretType of the Secrets that hold a digest.
	SecretType corev1.SecretType = "identity.rollcall.dev/token"

	prefix      = "rollcall"
	idBytes     = 5
	secretBytes = 32
	maxLength   = 256

	// ownerKind is that of the owner of such a Secret.
	ownerKind = "IdentityProvider"

	keyID        = "id"
	keyDigest    = "sha256"
	keyCreatedAt = "createdAt"
	keyExpiresAt = "expiresAt"
)

// Token is a new token. Its secret is known here and nowhere else.
type Token struct {
	// ID is public: ten hexadecimal digits.
	ID string
	// Secret is the whole token, to be shown once.
	Secret string
	// CreatedAt and ExpiresAt bound its life.
	CreatedAt, ExpiresAt time.Time
}

// Generate makes a token that lives from now for a lifetime.
func Generate(now time.Time, lifetime time.Duration) (Token, error) {
	if lifetime <= 0 {
		return Token{}, fmt.Errorf("a token can't live for %s", lifetime)
	}
	var b [idBytes + secretBytes]byte
	if _, err := rand.Read(b[:]); err != nil {
		return Token{}, fmt.Errorf("make a random token: %w", err)
	}
	id := hex.EncodeToString(b[:idBytes])
	return Token{
		ID:        id,
		Secret:    prefix + "_" + id + "_" + base64.RawURLEncoding.EncodeToString(b[idBytes:]),
		CreatedAt: now.UTC().Truncate(time.Second),
		ExpiresAt: now.Add(lifetime).UTC().Truncate(time.Second),
	}, nil
}

// SecretName is the name of the Secret of one of a provider's tokens.
func SecretName(provider, id string) string { return fmt.Sprintf("scim-token-%s-%s", provider, id) }

// ToSecret returns the object that makes the token good for a provider, and that
// goes when the provider does.
func (t Token) ToSecret(namespace string, provider *v1alpha1.IdentityProvider) *corev1.Secret {
	digest := sha256.Sum256([]byte(t.Secret))
	immutable := true
	return &corev1.Secret{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Secret"},
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace,
			Name:      SecretName(provider.Name, t.ID),
			Labels: map[string]string{
				v1alpha1.TokenLabel:     provider.Name,
				v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue,
			},
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: v1alpha1.GroupVersion.String(),
				Kind:       ownerKind,
				Name:       provider.Name,
				UID:        provider.UID,
			}},
		},
		Type:      SecretType,
		Immutable: &immutable,
		Data: map[string][]byte{
			keyID:        []byte(t.ID),
			keyDigest:    []byte(hex.EncodeToString(digest[:])),
			keyCreatedAt: []byte(t.CreatedAt.Format(time.RFC3339)),
			keyExpiresAt: []byte(t.ExpiresAt.Format(time.RFC3339)),
		},
	}
}

// ToProbe is ToSecret for a token that tells nothing of the provider, neither by its
// use nor by its end.
func (t Token) ToProbe(namespace string, provider *v1alpha1.IdentityProvider) *corev1.Secret {
	s := t.ToSecret(namespace, provider)
	s.Labels[v1alpha1.ProbeLabel] = v1alpha1.ProbeValue
	return s
}

// Record is what the cluster knows of a token.
type Record struct {
	ID                   string
	Provider             string
	CreatedAt, ExpiresAt time.Time
	// Probe says that it was made for a look at the endpoint alone.
	Probe bool

	digest [sha256.Size]byte
}

var validID = regexp.MustCompile(`^[0-9a-f]{10}$`)

// ValidID says whether a token could have this id.
func ValidID(id string) bool { return validID.MatchString(id) }

// FromSecret reads a token's Secret. A Secret that says anything unclear is an
// error, and the token is not good.
func FromSecret(s *corev1.Secret) (Record, error) {
	r := Record{ID: string(s.Data[keyID]), Provider: s.Labels[v1alpha1.TokenLabel]}
	if r.Provider == "" {
		return Record{}, errors.New("no label " + v1alpha1.TokenLabel)
	}
	if !validID.MatchString(r.ID) {
		return Record{}, errors.New("data.id is not ten hexadecimal digits")
	}
	digest, err := hex.DecodeString(string(s.Data[keyDigest]))
	if err != nil || len(digest) != sha256.Size {
		return Record{}, errors.New("data.sha256 is no hexadecimal SHA-256 digest")
	}
	copy(r.digest[:], digest)
	if r.CreatedAt, err = time.Parse(time.RFC3339, string(s.Data[keyCreatedAt])); err != nil {
		return Record{}, errors.New("data.createdAt is no RFC 3339 time")
	}
	if r.ExpiresAt, err = time.Parse(time.RFC3339, string(s.Data[keyExpiresAt])); err != nil {
		return Record{}, errors.New("data.expiresAt is no RFC 3339 time")
	}
	r.Probe = s.Labels[v1alpha1.ProbeLabel] == v1alpha1.ProbeValue && r.ExpiresAt.Sub(s.CreationTimestamp.Time) <= maxProbeLifetime
	return r, nil
}

// Gone says that a token has ended though its Secret is there: it is being deleted, or
// it was made for an identity provider that was deleted since, and that another one is
// named after. The garbage collector comes later.
func Gone(s *corev1.Secret, provider *v1alpha1.IdentityProvider) bool {
	former := slices.ContainsFunc(s.OwnerReferences, func(o metav1.OwnerReference) bool {
		return o.Kind == ownerKind && o.UID != provider.UID
	})
	return s.DeletionTimestamp != nil || former
}

// parse splits a presented token.
func parse(presented string) (id string, ok bool) {
	if len(presented) > maxLength {
		return "", false
	}
	rest, ok := strings.CutPrefix(presented, prefix+"_")
	if !ok {
		return "", false
	}
	id, secret, ok := strings.Cut(rest, "_")
	return id, ok && secret != "" && validID.MatchString(id)
}
