package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/token"
)

// tokens lists the tokens of a provider, sorted by id, from what their Secrets
// say; never a digest.
func (r *providerReconciler) tokens(ctx context.Context, p *v1alpha1.IdentityProvider) ([]v1alpha1.TokenStatus, error) {
	var list corev1.SecretList
	if err := r.Reader.List(ctx, &list, client.InNamespace(r.namespace),
		client.MatchingLabels{v1alpha1.TokenLabel: p.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the tokens of %q: %w", p.Name, err)
	}
	lastUsed := make(map[string]*metav1.Time, len(p.Status.Tokens))
	for _, t := range p.Status.Tokens {
		lastUsed[t.ID] = t.LastUsedAt
	}
	var tokens []v1alpha1.TokenStatus
	for i := range list.Items {
		record, err := token.FromSecret(&list.Items[i])
		if err != nil {
			log.FromContext(ctx).Error(err, "Passing over a Secret that is no token", "secret", list.Items[i].Name)
			continue
		}
		if token.Gone(&list.Items[i], p) {
			continue
		}
		t := v1alpha1.TokenStatus{
			ID:         record.ID,
			CreatedAt:  &metav1.Time{Time: record.CreatedAt},
			ExpiresAt:  &metav1.Time{Time: record.ExpiresAt},
			LastUsedAt: lastUsed[record.ID],
			Probe:      record.Probe,
		}
		if r.contacts != nil {
			t.LastUsedAt = later(t.LastUsedAt, r.contacts.LastUsed(p.Name, record.ID))
		}
		tokens = append(tokens, t)
	}
	byID := func(a, b v1alpha1.TokenStatus) int { return strings.Compare(a.ID, b.ID) }
	slices.SortFunc(tokens, byID)
	return slices.CompactFunc(tokens, func(a, b v1alpha1.TokenStatus) bool { return a.ID == b.ID }), nil
}
