package projection_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/internal/projection"
)

// answers is an API server that answers a method, or a method in a namespace
// ("PUT a"), with a status, and everything else with success. A function
// decides by the body.
type answers struct {
	status   map[string]*metav1.Status
	byBody   func(method, body string) *metav1.Status
	mu       sync.Mutex
	requests []string
}

func (a *answers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	namespace := strings.Split(r.URL.Path, "/")[5]
	a.mu.Lock()
	a.requests = append(a.requests, r.Method+" "+namespace)
	a.mu.Unlock()
	status := a.status[r.Method+" "+namespace]
	if status == nil {
		status = a.status[r.Method]
	}
	if status == nil && a.byBody != nil {
		status = a.byBody(r.Method, string(body))
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case status != nil:
		status.Kind, status.APIVersion, status.Status = "Status", "v1", metav1.StatusFailure
		w.WriteHeader(int(status.Code))
		_ = json.NewEncoder(w).Encode(status)
	case r.Method == http.MethodDelete:
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Success"}`))
	default:
		_, _ = w.Write(body)
	}
}

func writer(t *testing.T, a *answers) *projection.Writer {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	scheme := runtime.NewScheme()
	if err := rbacv1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	mapper := meta.NewDefaultRESTMapper([]schema.GroupVersion{rbacv1.SchemeGroupVersion})
	mapper.Add(rbacv1.SchemeGroupVersion.WithKind("RoleBinding"), meta.RESTScopeNamespace)
	config := &rest.Config{Host: server.URL, QPS: -1, ContentConfig: rest.ContentConfig{
		ContentType: "application/json", NegotiatedSerializer: serializer.NewCodecFactory(scheme),
	}}
	c, err := client.New(config, client.Options{Scheme: scheme, Mapper: mapper})
	if err != nil {
		t.Fatal(err)
	}
	return &projection.Writer{Client: c, Live: c}
}

// bound is a binding that has some subjects, and is to have others.
func bound(namespace, name string, has, wants []rbacv1.Subject) projection.Binding {
	return projection.Binding{
		Namespace: namespace, Name: name, Subjects: wants,
		Current: &rbacv1.RoleBinding{
			TypeMeta:   metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "RoleBinding"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "b", ResourceVersion: "7"},
			RoleRef:    projection.OfRule(rule()).RoleRef, Subjects: has,
		},
	}
}

func TestWithdrawalsGetThrough(t *testing.T) {
	t.Parallel()
	const put, drop = "PUT a", "DELETE a"
	for _, tc := range []struct {
		name     string
		answer   metav1.Status
		requests string
		refused  bool
		fails    bool
	}{
		{"forbidden", metav1.Status{Code: 403, Reason: metav1.StatusReasonForbidden}, put + "," + drop, true, false},
		{"denied by a webhook without a reason", metav1.Status{Code: 400, Message: "admission webhook denied the request"}, put + "," + drop, true, false},
		{"denied as not allowed", metav1.Status{Code: 405}, put + "," + drop, true, false},
		{"too large", metav1.Status{Code: 413, Reason: metav1.StatusReasonRequestEntityTooLarge}, put + "," + drop, true, false},
		{"invalid", metav1.Status{Code: 422, Reason: metav1.StatusReasonInvalid}, put + "," + drop, true, false},
		{"the role is gone", metav1.Status{Code: 404, Reason: metav1.StatusReasonNotFound, Details: &metav1.StatusDetails{Kind: "rolebindings", Name: "pod-reader"}}, put + "," + drop, true, false},
		{"a webhook that can't be reached", metav1.Status{Code: 500, Reason: metav1.StatusReasonInternalError, Message: "failed calling webhook"}, put + "," + drop, false, true},
		{"the binding is gone", metav1.Status{Code: 404, Reason: metav1.StatusReasonNotFound, Details: &metav1.StatusDetails{Kind: "rolebindings", Name: "x"}}, put + "," + drop, false, false},
		{"somebody wrote in between", metav1.Status{Code: 409, Reason: metav1.StatusReasonConflict}, put, false, true},
		{"too many requests", metav1.Status{Code: 429, Reason: metav1.StatusReasonTooManyRequests}, put, false, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := &answers{status: map[string]*metav1.Status{http.MethodPut: &tc.answer}}
			var failed []error
			w := writer(t, a)
			w.Failed = func(_ client.Object, err error) { failed = append(failed, err) }
			refusals, err := w.Apply(context.Background(), projection.OfRule(rule()), &projection.Plan{
				Withdraw: []projection.Binding{bound("a", "x", users(0, 3), users(0, 2))},
			})
			if got := strings.Join(a.requests, ","); got != tc.requests {
				t.Errorf("requests: %s, want %s", got, tc.requests)
			}
			if (len(refusals) > 0) != tc.refused || (err != nil) != tc.fails {
				t.Errorf("refusals %v, error %v", refusals, err)
			}
			if len(failed) != 1 {
				t.Errorf("told of %d failures", len(failed))
			}
		})
	}
}

func TestWithdrawalDoesNotFailForANewcomer(t *testing.T) {
	t.Parallel()
	a := &answers{byBody: func(method, body string) *metav1.Status {
		if method == http.MethodPut && strings.Contains(body, "user-00009") {
			return &metav1.Status{Code: 422, Reason: metav1.StatusReasonInvalid, Message: "user-00009 is no good"}
		}
		return nil
	}}
	wants := append(users(0, 2), user("user-00009"))
	var written []rbacv1.Subject
	w := writer(t, a)
	w.Written = func(o client.Object) { written = projection.BindingOf(o).Subjects }
	refusals, err := w.Apply(context.Background(), projection.OfRule(rule()), &projection.Plan{
		Withdraw: []projection.Binding{bound("a", "x", users(0, 3), wants)},
	})
	if err != nil || len(refusals) != 1 || strings.Join(a.requests, ",") != "PUT a,PUT a" {
		t.Errorf("refusals %v, error %v, requests %v", refusals, err, a.requests)
	}
	if len(written) != 2 {
		t.Errorf("written: %v", written)
	}
}

func TestPruningWaitsOnlyWhereSomethingFailed(t *testing.T) {
	t.Parallel()
	for _, phase := range []string{"grant", "withdrawal"} {
		t.Run(phase, func(t *testing.T) {
			t.Parallel()
			a := &answers{status: map[string]*metav1.Status{
				"PUT bad":    {Code: 500, Reason: metav1.StatusReasonInternalError},
				"DELETE bad": {Code: 500, Reason: metav1.StatusReasonInternalError},
			}}
			plan := &projection.Plan{}
			for _, namespace := range []string{"bad", "good"} {
				b := bound(namespace, "x", users(0, 1), users(0, 2))
				if phase == "grant" {
					plan.Grant = append(plan.Grant, b)
				} else {
					plan.Withdraw = append(plan.Withdraw, b)
				}
				plan.Prune = append(plan.Prune, bound(namespace, "old", users(0, 1), nil))
			}
			_, err := writer(t, a).Apply(context.Background(), projection.OfRule(rule()), plan)
			var status apierrors.APIStatus
			if !errors.As(err, &status) {
				t.Errorf("error %v", err)
			}
			requests := strings.Join(a.requests, ",")
			if !strings.Contains(requests, "DELETE good") {
				t.Errorf("nothing was pruned where all went well: %s", requests)
			}
			if phase == "grant" && strings.Contains(requests, "DELETE bad") {
				t.Errorf("pruned where a grant had failed: %s", requests)
			}
			if phase == "withdrawal" && strings.Count(requests, "DELETE bad") != 1 {
				t.Errorf("pruned where a withdrawal had failed: %s", requests)
			}
		})
	}
}

// A rule that was pointed to a lesser role gives the greater one no longer, though
// the lesser can't be bound yet.
func TestWhatRefersToAnotherRoleIsPrunedWhateverFails(t *testing.T) {
	t.Parallel()
	a := &answers{status: map[string]*metav1.Status{"POST bad": {Code: 500, Reason: metav1.StatusReasonInternalError}}}
	old := bound("bad", "old", users(0, 1), nil)
	old.Current.(*rbacv1.RoleBinding).RoleRef.Name = "admin"
	plan := &projection.Plan{
		Grant: []projection.Binding{{Namespace: "bad", Name: "new", Subjects: users(0, 1)}},
		Prune: []projection.Binding{old},
	}
	if _, err := writer(t, a).Apply(context.Background(), projection.OfRule(rule()), plan); err == nil {
		t.Error("the failure isn't told, and nobody tries again")
	}
	if requests := strings.Join(a.requests, ","); requests != "POST bad,DELETE bad" {
		t.Errorf("requests %s", requests)
	}
}

func TestGrantsGiveWayToRevocations(t *testing.T) {
	t.Parallel()
	a := &answers{}
	w := writer(t, a)
	var revoked atomic.Bool
	w.Interrupted = revoked.Load
	w.Written = func(client.Object) { revoked.Store(true) }
	var plan projection.Plan
	for i := range 100 {
		plan.Grant = append(plan.Grant, bound(fmt.Sprintf("g%d", i), "new", nil, users(0, 1)))
	}
	plan.Withdraw = []projection.Binding{bound("w", "old", users(0, 2), users(0, 1))}
	plan.Prune = []projection.Binding{bound("p", "old", users(0, 1), nil)}
	_, err := w.Apply(t.Context(), projection.OfRule(rule()), &plan)
	if !errors.Is(err, projection.ErrInterrupted) {
		t.Errorf("Apply returned %v, want ErrInterrupted", err)
	}
	written := strings.Join(a.requests, ",")
	if n := len(a.requests); n < 1+8 || n > 1+100/2 {
		t.Errorf("%d requests: the first grants are written, and most of the others aren't", n)
	}
	if a.requests[0] != "PUT w" || strings.Contains(written, " p") {
		t.Errorf("requests %s: withdrawals come first, and nothing is pruned", written)
	}
}
