//go:build integration

package controllers_test

import (
	"context"

	. "github.com/onsi/gomega"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// eventsOn are the Events on an object, which are kept in the namespace default.
func eventsOn(ctx context.Context, g Gomega, o client.Object) []eventsv1.Event {
	var list eventsv1.EventList
	g.Expect(admin.List(ctx, &list, client.InNamespace(metav1.NamespaceDefault))).To(Succeed())
	var found []eventsv1.Event
	for _, e := range list.Items {
		if e.Regarding.UID == o.GetUID() {
			found = append(found, e)
		}
	}
	return found
}
