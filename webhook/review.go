package webhook

import (
	"context"
	"fmt"

	authenticationv1 "k8s.io/api/authentication/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// allowed asks the API server whether the author of a request may do what
// attributes say: the same question that RBAC asks for bind and escalate.
func allowed(ctx context.Context, c client.Client, author authenticationv1.UserInfo, attributes authorizationv1.ResourceAttributes) (bool, error) {
	extra := make(map[string]authorizationv1.ExtraValue, len(author.Extra))
	for k, v := range author.Extra {
		extra[k] = authorizationv1.ExtraValue(v)
	}
	review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
		User:               author.Username,
		Groups:             author.Groups,
		UID:                author.UID,
		Extra:              extra,
		ResourceAttributes: &attributes,
	}}
	if err := c.Create(ctx, review); err != nil {
		return false, fmt.Errorf("ask whether %q may %s %s %q: %w",
			author.Username, attributes.Verb, attributes.Resource, attributes.Name, err)
	}
	return review.Status.Allowed, nil
}
