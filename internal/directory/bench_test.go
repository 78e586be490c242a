//go:build integration

package directory_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/internal/directory"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/order"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

const manyUsers = 10_000

// large is a directory with many users, all of them members of one group.
var large = sync.OnceValues(func() (*directory.Directory, string) {
	ctx := context.Background()
	d, provider := newDirectory()
	group, err := d.CreateGroup(ctx, scim.Resource{"displayName": "Everybody " + provider}, nil)
	if err != nil {
		panic(err)
	}
	var tasks errgroup.Group
	tasks.SetLimit(32)
	for i := range manyUsers {
		tasks.Go(func() error {
			return itself.Create(ctx, &v1alpha1.ProvisionedUser{
				ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("%s-user-%05d", provider, i)},
				Spec: v1alpha1.ProvisionedUserSpec{
					Provider:    provider,
					ID:          uuid.NewString(),
					UserName:    fmt.Sprintf("user-%05d@%s.example.com", i, provider),
					ExternalID:  fmt.Sprint("ext-", i),
					DisplayName: fmt.Sprint("User ", i*7919%manyUsers),
					Emails:      []v1alpha1.Email{{Value: fmt.Sprintf("user-%05d@example.com", i), Type: "work"}},
					Memberships: map[string]v1alpha1.Membership{group.ID(): {}},
				},
			})
		})
	}
	if err := tasks.Wait(); err != nil {
		panic(err)
	}
	for start := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		page, err := d.Users(ctx, scim.Query{Window: order.Window{StartIndex: 1}})
		if err != nil || time.Since(start) > time.Minute {
			panic(fmt.Sprint("the cache has not seen all users: ", err))
		}
		if page.Total == manyUsers {
			return d, group.ID()
		}
	}
})

// BenchmarkGroup reads a large group without its members, as clients do that
// look for it before each change.
func BenchmarkGroup(b *testing.B) {
	d, id := large()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Group(b.Context(), id, false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkGroupWithMembers reads it with them.
func BenchmarkGroupWithMembers(b *testing.B) {
	d, id := large()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Group(b.Context(), id, true); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUser reads one user of many.
func BenchmarkUser(b *testing.B) {
	d, _ := large()
	page, err := d.Users(b.Context(), scim.Query{Window: order.Window{StartIndex: 5000, Count: 1}})
	if err != nil {
		b.Fatal(err)
	}
	id := page.Resources[0].ID()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.User(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkUsers reads a page of 100 users out of many.
func BenchmarkUsers(b *testing.B) {
	d, _ := large()
	name := func(s string) order.Order {
		n, err := schema.ParseName(s)
		if err != nil {
			b.Fatal(err)
		}
		o, err := order.By(schema.User, n, false)
		if err != nil {
			b.Fatal(err)
		}
		return o
	}
	where := func(s string) filter.Expr {
		e, err := filter.Parse(s)
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	middle := order.Window{StartIndex: manyUsers / 2, Count: 100}
	for _, c := range []struct {
		name  string
		query scim.Query
	}{
		{"as created", scim.Query{Window: middle}},
		{"by displayName", scim.Query{Window: middle, Order: name("displayName")}},
		{"with a scan", scim.Query{Window: middle, Filter: where(`displayName co "user"`)}},
		{"with an index", scim.Query{Window: order.Window{StartIndex: 1, Count: 100}, Filter: where(`userName eq "nobody" or displayName eq "USER 77"`)}},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Users(b.Context(), c.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
