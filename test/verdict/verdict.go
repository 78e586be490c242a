package verdict

import (
	"context"
	"fmt"
	"strings"
	"time"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	authorizationclient "k8s.io/client-go/kubernetes/typed/authorization/v1"
	"k8s.io/client-go/rest"
)

// interval between two questions in Await: short against what is measured, and
// long enough to leave the API server its time.
const interval = 2 * time.Millisecond

// Question is what may be asked about a person.
type Question struct {
	// User is the RBAC subject.
	User string
	// Verb and Resource, such as create and deployments.apps.
	Verb, Resource string
	// Namespace is empty for the whole cluster.
	Namespace string
	// Name of one object; empty for all.
	Name string
}

// Kubectl returns the arguments with which kubectl asks the same.
func (q Question) Kubectl() []string {
	what := q.Resource
	if q.Name != "" {
		what += "/" + q.Name
	}
	args := []string{"auth", "can-i", q.Verb, what}
	if q.Namespace != "" {
		args = append(args, "-n", q.Namespace)
	} else {
		args = append(args, "-A")
	}
	return append(args, "--as", q.User)
}

// String is the question as kubectl is asked.
func (q Question) String() string { return "kubectl " + strings.Join(q.Kubectl(), " ") }

// Judge asks the API server.
type Judge struct {
	reviews authorizationclient.SubjectAccessReviewInterface
}

// New makes a Judge that asks with the rights of config.
func New(config *rest.Config) (*Judge, error) {
	c, err := authorizationclient.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("verdict: %w", err)
	}
	return &Judge{reviews: c.SubjectAccessReviews()}, nil
}

// May answers a question.
func (j *Judge) May(ctx context.Context, q Question) (bool, error) {
	resource, group, _ := strings.Cut(q.Resource, ".")
	review, err := j.reviews.Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User: q.User,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: q.Namespace, Verb: q.Verb, Group: group, Resource: resource, Name: q.Name,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, fmt.Errorf("verdict: %s: %w", q, err)
	}
	return review.Status.Allowed, nil
}

// Await asks until the answer is want, and returns when it was. The error at the
// end of ctx says what the answer stayed.
func (j *Judge) Await(ctx context.Context, q Question, want bool) (time.Time, error) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		allowed, err := j.May(ctx, q)
		if err == nil && allowed == want {
			return time.Now(), nil
		}
		select {
		case <-ctx.Done():
			if err != nil {
				return time.Time{}, err
			}
			return time.Time{}, fmt.Errorf("verdict: %s: the answer stays %s: %w", q, yes(allowed), ctx.Err())
		case <-ticker.C:
		}
	}
}

func yes(allowed bool) string {
	if allowed {
		return "yes"
	}
	return "no"
}
