package projection

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// parallelWrites is how many bindings of one rule are written at once.
const parallelWrites = 8

// Writer applies plans.
type Writer struct {
	// Client writes.
	Client client.Client
	// Live reads from the API server: a binding that the cache doesn't have
	// because it is not labelled as ours, or not any more.
	Live client.Reader
	// Writing is told of each object before it is written; may be nil.
	Writing func(client.Object)
	// Written is told of it afterwards, as the API server answered; may be nil.
	Written func(client.Object)
	// Failed is told of an object whose write or deletion failed; may be nil.
	Failed func(client.Object, error)
	// Interrupted says that a better plan is waiting: somebody has lost something
	// since this one was made. Grants then give way; may be nil.
	Interrupted func() bool
}

// ErrInterrupted is returned when grants gave way to a better plan. What was
// written stays, and is part of that plan.
var ErrInterrupted = errors.New("interrupted by a revocation")

// Refusal is a binding that the API server does not let us write, for a reason
// that trying again won't change.
type Refusal struct {
	Namespace string
	Name      string
	Message   string
}

// Apply carries out a plan: withdrawals, then grants, then what is to be pruned.
// A failure stops nothing but the pruning in its namespace, which would take away
// what the failed write was to replace. What refers to another role than the source
// does goes all the same: the source may have been pointed to a lesser one. The error is worth a retry; refusals are
// not.
func (w *Writer) Apply(ctx context.Context, from Source, plan *Plan) ([]Refusal, error) {
	done := w.each(ctx, from, plan.Withdraw, w.withdraw, nil)
	done.add(w.each(ctx, from, plan.Grant, w.grant, w.Interrupted))
	if done.interrupted {
		// Pruning takes away what the grants that are missing replace.
		return done.refusals, errors.Join(append(done.errs, ErrInterrupted)...)
	}
	// What the rule no longer asks for goes also when its successor was refused.
	prune := slices.DeleteFunc(slices.Clone(plan.Prune), func(b Binding) bool {
		return done.failed[b.Namespace] && RoleRefOf(b.Current) == from.RoleRef
	})
	done.add(w.each(ctx, from, prune, w.withdraw, nil))
	return done.refusals, errors.Join(done.errs...)
}

// outcome is what came of some writes.
type outcome struct {
	refusals []Refusal
	errs     []error
	// failed are the namespaces of errs.
	failed map[string]bool
	// interrupted says that some writes weren't tried.
	interrupted bool
}

func (o *outcome) note(b Binding, refusal *Refusal, err error) {
	if refusal != nil {
		o.refusals = append(o.refusals, *refusal)
	}
	if err != nil {
		o.errs = append(o.errs, err)
		o.fail(b.Namespace)
	}
}

func (o *outcome) fail(namespace string) {
	if o.failed == nil {
		o.failed = make(map[string]bool)
	}
	o.failed[namespace] = true
}

func (o *outcome) add(other outcome) {
	o.refusals = append(o.refusals, other.refusals...)
	o.errs = append(o.errs, other.errs...)
	o.interrupted = o.interrupted || other.interrupted
	for namespace := range other.failed {
		o.fail(namespace)
	}
}

type write func(context.Context, Source, Binding) (*Refusal, error)

// each writes bindings in parallel. The first few are always tried, so that
// interruptions without end don't keep everything else from ever being done.
func (w *Writer) each(ctx context.Context, from Source, bindings []Binding, do write, interrupted func() bool) (done outcome) {
	if len(bindings) == 1 {
		refusal, err := do(ctx, from, bindings[0])
		done.note(bindings[0], refusal, err)
		return done
	}
	var (
		mu    sync.Mutex
		group errgroup.Group
	)
	group.SetLimit(parallelWrites)
	for i, b := range bindings {
		if i >= parallelWrites && interrupted != nil && interrupted() {
			done.interrupted = true
			break
		}
		group.Go(func() error {
			refusal, err := do(ctx, from, b)
			mu.Lock()
			defer mu.Unlock()
			done.note(b, refusal, err)
			return nil
		})
	}
	_ = group.Wait() // errors are collected in done: one must not stop the others
	slices.SortFunc(done.refusals, func(a, b Refusal) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return done
}

// withdraw takes subjects out. Updating a binding asks for the right to bind its
// role, for the role to exist, and for all webhooks to agree; when it can't be
// done, the binding goes as a whole, because a suspended user must not keep
// access for the sake of others.
func (w *Writer) withdraw(ctx context.Context, from Source, b Binding) (*Refusal, error) {
	if len(b.Subjects) == 0 {
		return nil, w.delete(ctx, b)
	}
	err := w.update(ctx, from, b)
	if left := remaining(b); apierrors.IsInvalid(err) && len(left) > 0 && len(left) < len(b.Subjects) {
		// One of those that were to come in is no good. Nobody else pays for it.
		narrowed := b
		narrowed.Subjects = left
		if w.update(ctx, from, narrowed) == nil {
			refusal := refuse(b, err)
			return &refusal, nil
		}
	}
	switch {
	case err == nil:
		return nil, nil
	case gone(err, b):
		// The watch tells us, and the next plan puts back the rest. That nobody has
		// anything from it is not left to how an error reads.
		return nil, w.delete(ctx, b)
	case final(err):
		refusal := refuse(b, err)
		return &refusal, w.delete(ctx, b)
	case apierrors.IsConflict(err), apierrors.IsTooManyRequests(err), ctx.Err() != nil:
		// Trying again is enough.
		return nil, err
	default:
		// A webhook that can't be reached, for one, says nothing to a deletion.
		return nil, errors.Join(err, w.delete(ctx, b))
	}
}

// remaining are the subjects that the binding has and is to keep.
func remaining(b Binding) []rbacv1.Subject {
	return slices.DeleteFunc(slices.Clone(BindingOf(b.Current).Subjects), func(s rbacv1.Subject) bool {
		return !slices.Contains(b.Subjects, s)
	})
}

func (w *Writer) grant(ctx context.Context, from Source, b Binding) (*Refusal, error) {
	var err error
	if b.Current == nil {
		err = w.create(ctx, from, b)
		if apierrors.IsAlreadyExists(err) {
			return w.takeBack(ctx, from, b)
		}
	} else {
		err = w.update(ctx, from, b)
	}
	return settle(b, err)
}

// settle tells refusals from errors that are worth a retry.
func settle(b Binding, err error) (*Refusal, error) {
	resource, _ := missing(err)
	switch {
	case err == nil:
		return nil, nil
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause), resource == namespaces:
		// Skipped; the watch tells us when that changes.
		return nil, nil
	case gone(err, b):
		// Our cache still had it.
		return nil, err
	case final(err):
		refusal := refuse(b, err)
		return &refusal, nil
	default:
		return nil, err
	}
}

// final says that the API server would answer the same again: a right is
// missing, or the role, or the object is not valid, or a webhook denies it, which
// by default is a 400 without a reason.
func final(err error) bool {
	var status apierrors.APIStatus
	if !errors.As(err, &status) {
		return false
	}
	switch status.Status().Code {
	case http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusMethodNotAllowed,
		http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return true
	default:
		return false
	}
}

// gone says that the binding that was to be updated is not there, or not even
// its namespace. Where it is the role that is not there, the API server speaks of a
// binding too, by the name of the role.
func gone(err error, b Binding) bool {
	kind, name := missing(err)
	switch kind {
	case "rolebindings", "clusterrolebindings":
		return name == b.Name
	case namespaces:
		return true
	default:
		return false
	}
}

const namespaces = "namespaces"

// missing returns the resource and the name that a NotFound speaks of.
func missing(err error) (resource, name string) {
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) || status.Status().Details == nil {
		return "", ""
	}
	return status.Status().Details.Kind, status.Status().Details.Name
}

// takeBack deals with a name that is taken by an object without our labels. If
// the rule controls it, somebody took the labels off; otherwise it is somebody
// else's, and stays as it is.
func (w *Writer) takeBack(ctx context.Context, from Source, b Binding) (*Refusal, error) {
	current := empty(b.Namespace)
	if err := w.Live.Get(ctx, client.ObjectKey{Namespace: b.Namespace, Name: b.Name}, current); err != nil {
		return nil, fmt.Errorf("read the binding %s that is in the way: %w", b.path(), err)
	}
	if !from.Ours(current) {
		return &Refusal{Namespace: b.Namespace, Name: b.Name,
			Message: fmt.Sprintf("%s exists and is not managed by Rollcall: it is left alone", b.path())}, nil
	}
	if RoleRefOf(current) != from.RoleRef {
		b.Current = current
		if err := w.delete(ctx, b); err != nil {
			return nil, err
		}
		return settle(b, w.create(ctx, from, b))
	}
	b.Current = current
	return settle(b, w.update(ctx, from, b))
}

func (w *Writer) create(ctx context.Context, from Source, b Binding) error {
	b.Current = nil
	o := Declare(from, b)
	w.writing(o)
	if err := w.Client.Create(ctx, o); err != nil {
		w.failed(o, err)
		return fmt.Errorf("create %s: %w", b.path(), err)
	}
	w.written(o)
	return nil
}

func (w *Writer) update(ctx context.Context, from Source, b Binding) error {
	o := Declare(from, b)
	w.writing(o)
	if err := w.Client.Update(ctx, o); err != nil {
		w.failed(o, err)
		return fmt.Errorf("update %s: %w", b.path(), err)
	}
	w.written(o)
	return nil
}

// Declare makes the object that a binding is to be: a new one, or a changed copy
// of its current one.
func Declare(from Source, b Binding) client.Object {
	if b.Current != nil {
		o, _ := b.Current.DeepCopyObject().(client.Object)
		dress(o, from, b.Name)
		setSubjects(o, b.Subjects)
		return o
	}
	o := empty(b.Namespace)
	o.SetNamespace(b.Namespace)
	o.SetName(b.Name)
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		o.RoleRef = from.RoleRef
	case *rbacv1.ClusterRoleBinding:
		o.RoleRef = from.RoleRef
	}
	dress(o, from, b.Name)
	setSubjects(o, b.Subjects)
	return o
}

func (w *Writer) delete(ctx context.Context, b Binding) error {
	uid := b.Current.GetUID()
	o := empty(b.Namespace)
	o.SetNamespace(b.Namespace)
	o.SetName(b.Name)
	err := w.Client.Delete(ctx, o, client.Preconditions{UID: &uid})
	if err != nil {
		w.failed(o, err)
	}
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete %s: %w", b.path(), err)
	}
	return nil
}

func (w *Writer) writing(o client.Object) {
	if w.Writing != nil {
		w.Writing(o)
	}
}

func (w *Writer) written(o client.Object) {
	if w.Written != nil {
		w.Written(o)
	}
}

func (w *Writer) failed(o client.Object, err error) {
	if w.Failed != nil {
		w.Failed(o, err)
	}
}

// dress puts on what marks a binding as ours, and leaves other labels and
// annotations alone. A binding of another family, which is on its way out, keeps
// the shard it has.
func dress(o client.Object, from Source, name string) {
	shard, ok := shardOf(from.family(), name)
	if ok {
		o.SetLabels(merge(o.GetLabels(), from.labels(shard)))
	}
	o.SetAnnotations(merge(o.GetAnnotations(), from.annotations()))
	if from.owner != nil {
		o.SetOwnerReferences([]metav1.OwnerReference{*from.owner})
	}
}

func merge(into, from map[string]string) map[string]string {
	if into == nil {
		return from
	}
	for k, v := range from {
		into[k] = v
	}
	return into
}

func setSubjects(o client.Object, subjects []rbacv1.Subject) {
	switch o := o.(type) {
	case *rbacv1.RoleBinding:
		o.Subjects = subjects
	case *rbacv1.ClusterRoleBinding:
		o.Subjects = subjects
	}
}

func empty(namespace string) client.Object {
	if namespace == "" {
		return &rbacv1.ClusterRoleBinding{}
	}
	return &rbacv1.RoleBinding{}
}

func refuse(b Binding, err error) Refusal {
	// RBAC lists what is lacking on lines of their own; conditions and events have one.
	return Refusal{Namespace: b.Namespace, Name: b.Name, Message: strings.Join(strings.Fields(err.Error()), " ")}
}

func (b Binding) path() string {
	if b.Namespace == "" {
		return "ClusterRoleBinding " + b.Name
	}
	return "RoleBinding " + b.Namespace + "/" + b.Name
}
