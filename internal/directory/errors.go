package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/scim"
)

// retryAfter is when a client shall come back if the API server doesn't say.
const retryAfter = 5 * time.Second

// explain turns what the API server answered, or that it didn't, into what the
// client is told. The action is for the log.
func explain(err error, action string, args ...any) error {
	if err == nil || scim.AsError(err) != nil {
		return err
	}
	cause := fmt.Errorf(action+": %w", append(args, err)...)
	var status apierrors.APIStatus
	switch {
	case !errors.As(err, &status):
		// No answer: refused, reset, timed out, or the cache didn't catch up.
		return scim.Unavailable(retryAfter, cause)
	case apierrors.IsInvalid(err):
		return &scim.Error{
			Status: http.StatusBadRequest, Type: scim.InvalidValue, Detail: invalid(status.Status()), Err: cause,
		}
	case apierrors.IsRequestEntityTooLargeError(err):
		return &scim.Error{
			Status: http.StatusRequestEntityTooLarge, Detail: "the resource is larger than the cluster can store", Err: cause,
		}
	case apierrors.IsAlreadyExists(err):
		return &scim.Error{
			Status: http.StatusConflict, Type: scim.Uniqueness, Detail: "a resource of that name exists", Err: cause,
		}
	case apierrors.IsForbidden(err):
		return &scim.Error{
			Status: http.StatusInternalServerError,
			Detail: "the cluster does not allow this change: its administrator finds the reason in the log", Err: cause,
		}
	case apierrors.IsBadRequest(err), apierrors.IsMethodNotSupported(err), apierrors.IsNotAcceptable(err),
		apierrors.IsUnsupportedMediaType(err):
		return &scim.Error{Status: http.StatusInternalServerError, Detail: "internal error", Err: cause}
	}
	// Busy, starting, stopping, unable to authenticate us for now, or overtaken
	// by other writers until time was up: the same request may succeed later.
	after := retryAfter
	if seconds, ok := apierrors.SuggestsClientDelay(err); ok && seconds > 0 {
		after = time.Duration(seconds) * time.Second
	}
	return scim.Unavailable(after, cause)
}

// unchecked is what the API server adds to the causes of an object that is invalid
// already. It tells a client nothing.
const unchecked = "some validation rules were not checked"

// invalid says which values the API server refused.
func invalid(status metav1.Status) string {
	if status.Details == nil || len(status.Details.Causes) == 0 {
		return "the cluster refused a value: " + status.Message
	}
	problems := make([]string, 0, len(status.Details.Causes))
	for _, c := range status.Details.Causes {
		field := strings.TrimPrefix(strings.TrimPrefix(c.Field, "spec"), ".")
		if len(status.Details.Causes) > 1 && strings.Contains(c.Message, unchecked) {
			continue
		}
		if field == "" || field == "<nil>" {
			problems = append(problems, c.Message)
			continue
		}
		problems = append(problems, field+": "+c.Message)
	}
	return strings.Join(problems, "; ")
}

// backoff paces a writer that others overtake. Contenders for one object come
// back at different times, soon at first.
type backoff struct{ next time.Duration }

const (
	firstBackoff = 5 * time.Millisecond
	lastBackoff  = 500 * time.Millisecond
)

// wait sleeps, and returns early with the context's error when that ends.
func (b *backoff) wait(ctx context.Context) error {
	b.next = min(max(2*b.next, firstBackoff), lastBackoff)
	timer := time.NewTimer(jitter(b.next))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return explain(ctx.Err(), "retry after a conflict")
	}
}
