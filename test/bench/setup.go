package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/names"
	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/entra"
	"github.com/rollcall-dev/rollcall/test/verdict"
)

const (
	provider  = "bench"
	namespace = "bench"
)

// twin is the group and version of the definition nobody watches.
var twin = schema.GroupVersion{Group: "twin.rollcall.dev", Version: "v1alpha1"}

// group is a group of a certain size.
type group struct {
	id, role string
	size     int
}

type bench struct {
	options
	out     io.Writer
	cluster *cluster.Cluster
	judge   *verdict.Judge
	scim    *entra.Client
	// raw writes as the manager does, with its rights; twins writes the same
	// objects as the other definition.
	raw, twins client.Client
	watch      *watcher

	groups [3]group

	searchers []searcher
	// outside are ids of users who are in no group.
	outside []string
}

// searcher is a provider of its own to search: one provider alone would be held
// back by its rate limit.
type searcher struct {
	scim      *entra.Client
	userNames []string
}

const (
	searchers = 8
	searched  = 200
)

const world = `
apiVersion: v1
kind: Namespace
metadata: {name: bench}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: bench-deployer}
rules:
- {apiGroups: [apps], resources: [deployments], verbs: [create]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: bench-bind}
rules:
- {apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], verbs: [bind], resourceNames: [bench-deployer]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bench-bind}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bench-bind}
subjects:
- {kind: ServiceAccount, namespace: rollcall-system, name: rollcall-manager}
`

const rule = `
apiVersion: identity.rollcall.dev/v1alpha1
kind: AccessRule
metadata: {name: %[1]s}
spec: {role: %[1]s, roleRef: {kind: ClusterRole, name: bench-deployer}, namespaces: [%[2]s]}
`

func newBench(ctx context.Context, c *cluster.Cluster, o options, out io.Writer) (*bench, error) {
	b := &bench{options: o, out: out, cluster: c}
	m, err := c.StartManager(ctx, cluster.ManagerOptions{})
	if err != nil {
		return nil, err
	}
	if err := c.Apply(ctx, world); err != nil {
		return nil, err
	}
	token, err := c.NewToken(ctx, provider)
	if err != nil {
		return nil, err
	}
	if b.scim, err = entra.NewClient(m.TenantURL(provider), token, entra.Options{Parallel: o.clients}); err != nil {
		return nil, err
	}
	if b.judge, err = verdict.New(c.Admin()); err != nil {
		return nil, err
	}
	if b.raw, err = client.New(c.Manager(), client.Options{Scheme: cluster.Scheme()}); err != nil {
		return nil, err
	}
	if err := b.makeTwin(ctx); err != nil {
		return nil, err
	}
	if b.watch, err = watch(ctx, c); err != nil {
		return nil, err
	}
	if err := b.populate(ctx); err != nil {
		return nil, err
	}
	return b, b.makeSearchers(ctx, m)
}

func (b *bench) close() { b.watch.close() }

// makeTwin installs the definition of ProvisionedUser under another group.
func (b *bench) makeTwin(ctx context.Context) error {
	scheme := cluster.Scheme()
	utilruntime.Must(apiextensionsv1.AddToScheme(scheme))
	admin, err := client.New(b.cluster.Admin(), client.Options{Scheme: scheme})
	if err != nil {
		return err
	}
	var original apiextensionsv1.CustomResourceDefinition
	if err := admin.Get(ctx, client.ObjectKey{Name: "provisionedusers." + v1alpha1.GroupVersion.Group}, &original); err != nil {
		return fmt.Errorf("reading the definition of ProvisionedUser: %w", err)
	}
	definition := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: "provisionedusers." + twin.Group},
		Spec:       original.Spec,
	}
	definition.Spec.Group = twin.Group
	definition.Spec.Names.Categories, definition.Spec.Names.ShortNames = nil, nil
	if err := admin.Create(ctx, definition); err != nil {
		return fmt.Errorf("creating the twin: %w", err)
	}
	err = until(ctx, func() error {
		if err := admin.Get(ctx, client.ObjectKeyFromObject(definition), definition); err != nil {
			return err
		}
		for _, c := range definition.Status.Conditions {
			if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
				return nil
			}
		}
		return fmt.Errorf("the twin of ProvisionedUser isn't served")
	})
	if err != nil {
		return err
	}
	// The same Go type under the other group: the same bytes but for a word.
	twinScheme := runtime.NewScheme()
	twinScheme.AddKnownTypes(twin, &v1alpha1.ProvisionedUser{}, &v1alpha1.ProvisionedUserList{})
	metav1.AddToGroupVersion(twinScheme, twin)
	b.twins, err = client.New(b.cluster.Admin(), client.Options{Scheme: twinScheme})
	return err
}

// populate makes the groups, and as many users as the largest has members. The
// users are written past SCIM: it is their number that matters.
func (b *bench) populate(ctx context.Context) error {
	begin := time.Now()
	for i, size := range b.options.groups {
		name := [...]string{"Bench small", "Bench medium", "Bench large"}[i]
		role, _ := names.ForRole(provider, name)
		x := b.scim.Send(ctx, http.MethodPost, "/Groups", fmt.Appendf(nil, `{"displayName":%q}`, name))
		var made struct{ ID string }
		if err := errors.Join(x.Want(http.StatusCreated), json.Unmarshal(x.Response, &made)); err != nil {
			return fmt.Errorf("creating the group %s: %w", name, err)
		}
		b.groups[i] = group{id: made.ID, role: role, size: size}
		if err := b.cluster.Apply(ctx, fmt.Sprintf(rule, role, namespace)); err != nil {
			return err
		}
	}
	largest := b.groups[2].size

	err := each(ctx, 4*b.clients, largest, func(ctx context.Context, i int) error {
		u := newUser(fmt.Sprintf("member%06d", i), provider)
		for _, g := range b.groups {
			if i < g.size {
				if u.Spec.Memberships == nil {
					u.Spec.Memberships = map[string]v1alpha1.Membership{}
				}
				u.Spec.Memberships[g.id] = v1alpha1.Membership{}
			}
		}

		return b.raw.Create(ctx, u)
	})
	if err != nil {
		return fmt.Errorf("creating the members of the groups: %w", err)
	}
	if err := b.watch.quiet(ctx); err != nil {
		return err
	}
	fmt.Fprintf(b.out, "%d users in groups of %d, %d and %d, %s\n", largest,
		b.groups[0].size, b.groups[1].size, b.groups[2].size, time.Since(begin).Round(100*time.Millisecond))
	return nil
}

func (b *bench) makeSearchers(ctx context.Context, m *cluster.Manager) error {
	for i := range searchers {
		name := fmt.Sprintf("%s-%d", provider, i)
		token, err := b.cluster.NewToken(ctx, name)
		if err != nil {
			return err
		}
		scim, err := entra.NewClient(m.TenantURL(name), token, entra.Options{Parallel: b.clients})
		if err != nil {
			return err
		}
		s := searcher{scim: scim, userNames: make([]string, searched)}
		err = each(ctx, b.clients, searched, func(ctx context.Context, k int) error {
			u := newUser(fmt.Sprintf("searched%d-%04d", i, k), name)
			s.userNames[k] = u.Spec.UserName
			return b.raw.Create(ctx, u)
		})
		if err != nil {
			return fmt.Errorf("creating users to search: %w", err)
		}
		b.searchers = append(b.searchers, s)
	}
	return b.watch.quiet(ctx)
}
