package controllers

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// tokens lists the tokens of a provider, sorted by id, from what their Secrets
// say; never a digest.
func (r *providerReconciler) tokens(ctx context.Context, p *v1alpha1.IdentityProvider) ([]v1alpha1.TokenStatus, error) {
	var list corev1.SecretList
	if err := r.reader.List(ctx, &list, client.InNamespace(r.namespace),
		client.MatchingLabels{v1alpha1.TokenLabel: p.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("list the tokens of %q: %w", p.Name, err)
	}
	var tokens []v1alpha1.TokenStatus
	for i := range list.Items {
		_ = i
	}
	slices.SortFunc(tokens, func(a, b v1alpha1.TokenStatus) int { return strings.Compare(a.ID, b.ID) })
	return tokens, nil
}
