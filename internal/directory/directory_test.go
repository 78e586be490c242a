package directory

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/names"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
)

func TestExplain(t *testing.T) {
	kind := schema.GroupKind{Group: v1alpha1.GroupVersion.Group, Kind: "ProvisionedUser"}
	resource := schema.GroupResource{Group: v1alpha1.GroupVersion.Group, Resource: "provisionedusers"}
	for _, tc := range []struct {
		name   string
		err    error
		status int
		kind   scim.Type
		detail string
		after  time.Duration
	}{
		{"invalid", apierrors.NewInvalid(kind, "a", field.ErrorList{field.TooLong(field.NewPath("spec", "userName"), "", 1024)}),
			400, scim.InvalidValue, "userName: Too long: may not be more than 1024 bytes", 0},
		{"invalid as a whole", apierrors.NewInvalid(kind, "a", field.ErrorList{field.Invalid(field.NewPath("spec"), "", "spec.id never changes")}),
			400, scim.InvalidValue, "Invalid value: \"\": spec.id never changes", 0},
		{"too large", apierrors.NewRequestEntityTooLargeError("x"), 413, "", "larger", 0},
		{"exists", apierrors.NewAlreadyExists(resource, "a"), 409, scim.Uniqueness, "exists", 0},
		{"overtaken", apierrors.NewConflict(resource, "a", errors.New("x")), 503, "", "try again", retryAfter},
		{"forbidden", apierrors.NewForbidden(resource, "a", errors.New("secret reason")), 500, "", "does not allow", 0},
		{"unauthorized", apierrors.NewUnauthorized("x"), 503, "", "try again", retryAfter},
		{"bad request", apierrors.NewBadRequest("x"), 500, "", "internal", 0},
		{"busy", apierrors.NewTooManyRequests("x", 7), 503, "", "try again", 7 * time.Second},
		{"timeout", apierrors.NewTimeoutError("x", 3), 503, "", "try again", 3 * time.Second},
		{"server timeout", apierrors.NewServerTimeout(resource, "patch", 0), 503, "", "try again", retryAfter},
		{"internal", apierrors.NewInternalError(errors.New("etcd")), 503, "", "try again", retryAfter},
		{"unavailable", apierrors.NewServiceUnavailable("x"), 503, "", "try again", retryAfter},
		{"no answer", errors.New("connection refused"), 503, "", "try again", retryAfter},
		{"no time", fmt.Errorf("wait: %w", context.DeadlineExceeded), 503, "", "try again", retryAfter},
		{"ours", scim.NotFound("User", "7"), 404, "", "not found", 0},
	} {
		e := scim.AsError(explain(tc.err, "do %s", "this"))
		if e == nil || e.Status != tc.status || e.Type != tc.kind || e.RetryAfter != tc.after || !strings.Contains(e.Detail, tc.detail) {
			t.Errorf("%s: %#v", tc.name, e)
			continue
		}
		if strings.Contains(e.Detail, "secret") {
			t.Errorf("%s: the detail tells the client of the cluster: %s", tc.name, e.Detail)
		}
		if tc.status != http.StatusNotFound && !errors.Is(e, tc.err) {
			t.Errorf("%s: the cause is lost: %v", tc.name, e)
		}
	}
	if err := explain(nil, "x"); err != nil {
		t.Errorf("no error is %v", err)
	}
}

func TestObjectNamesNeverRepeat(t *testing.T) {
	d := New(nil, nil, nil, "entra", nil)
	seen := map[string]bool{}
	for name := range d.userNames("Alice@example.com", "id") {
		if seen[name] || len(validation.IsDNS1123Subdomain(name)) > 0 {
			t.Fatalf("%q is there twice or is no name", name)
		}
		seen[name] = true
	}
	base, alternate := names.ForUser("entra", "alice@example.com")
	if len(seen) != maxNames+1 || !seen[base] || !seen[alternate] {
		t.Fatalf("%d names, want %d with %s and %s", len(seen), maxNames+1, base, alternate)
	}
	first := slices.Collect(firstTwo(d))
	if !slices.Equal(first, []string{base, alternate}) {
		t.Fatalf("begin with %v, want %v", first, []string{base, alternate})
	}
}

func firstTwo(d *Directory) func(func(string) bool) {
	return func(yield func(string) bool) {
		n := 0
		for name := range d.userNames("alice@example.com", "id") {
			if n++; n > 2 || !yield(name) {
				return
			}
		}
	}
}

func TestUnresolvedMembersAreBounded(t *testing.T) {
	ids := map[string]bool{"": true, strings.Repeat("x", maxUnresolvedLength+1): true, "b": true, "a": true}
	if got := bounded(ids, nil); !slices.Equal(got, []string{"a", "b"}) {
		t.Errorf("kept %v", got)
	}
	if got := bounded(nil, []string{"a"}); got != nil {
		t.Errorf("kept %v of nothing", got)
	}
	kept := []string{}
	for i := range maxUnresolved {
		id := fmt.Sprintf("z-%04d", i)
		kept, ids[id] = append(kept, id), true
	}
	if got := bounded(ids, kept); !slices.Equal(got, kept) {
		t.Errorf("new ids displace old ones: %d of them, from %s", len(got), got[0])
	}
}

func TestNamedMembers(t *testing.T) {
	for text, want := range map[string]string{
		`members eq "a"`:                                             "a",
		`members.value eq "a"`:                                       "a",
		`members[value eq "a"]`:                                      "a",
		`id eq "x" and members eq "a"`:                               "a",
		`not (members eq "a") or members eq "b"`:                     "a b",
		`displayName eq "a"`:                                         "",
		`members eq "a" and displayName sw "x"`:                      "a",
		`members pr`:                                                 "all",
		`members ne "a"`:                                             "all",
		`members[value eq "a" and type eq "User"]`:                   "all",
		`members.display eq "a"`:                                     "all",
		`members sw "a"`:                                             "all",
		`members eq "a" and members.type eq "Group"`:                 "all",
		`not (members[value eq "a" or value eq "b"])`:                "all",
		`urn:ietf:params:scim:schemas:core:2.0:Group:members eq "a"`: "a",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		ids, all := namedMembers(e)
		got := strings.Join(ids, " ")
		if !all {
			got = "all"
		}
		if got != want {
			t.Errorf("%s asks for %q, want %q", text, got, want)
		}
	}
}

func TestLocks(t *testing.T) {
	var l locks
	ctx := t.Context()
	inside := map[string]int{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for i := range 200 {
		wg.Go(func() {
			key := fmt.Sprint(i % 3)
			release, err := l.acquire(ctx, key)
			if err != nil {
				t.Error(err)
				return
			}
			defer release()
			mu.Lock()
			inside[key]++
			if inside[key] != 1 {
				t.Error("two hold one lock")
			}
			mu.Unlock()
			mu.Lock()
			inside[key]--
			mu.Unlock()
		})
	}
	wg.Wait()
	if len(l.byKey) != 0 {
		t.Errorf("%d keys are left", len(l.byKey))
	}
}

func TestSharedLock(t *testing.T) {
	var l locks
	one, err := l.share(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	two, err := l.share(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	alone := make(chan func())
	go func() {
		release, err := l.acquire(t.Context(), "a")
		if err != nil {
			t.Error(err)
		}
		alone <- release
	}()
	one()
	select {
	case <-alone:
		t.Fatal("a lock that is shared is held by one alone")
	default:
	}
	two()
	release := <-alone
	short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := l.share(short, "a"); scim.AsError(err) == nil {
		t.Errorf("a lock that one holds alone is shared: %v", err)
	}
	release()
	if len(l.byKey) != 0 {
		t.Errorf("%d keys are left", len(l.byKey))
	}
}

func TestLockGivesUp(t *testing.T) {
	var l locks
	release, err := l.acquire(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = l.acquire(ctx, "a")
	if e := scim.AsError(err); e == nil || e.Status != http.StatusServiceUnavailable {
		t.Errorf("error is %v", err)
	}
	h := held{locks: &l}
	if err := h.take(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	release()
	if err := h.take(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if len(l.byKey) != 1 {
		t.Errorf("%d locks are held, want the last", len(l.byKey))
	}
	h.drop()
	h.drop()
	if len(l.byKey) != 0 {
		t.Errorf("%d keys are left", len(l.byKey))
	}
}
