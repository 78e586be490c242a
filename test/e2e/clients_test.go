//go:build integration

package e2e_test

import (
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/rollcall-dev/rollcall/test/clients"
	"github.com/rollcall-dev/rollcall/test/entra"
)

// server is the world's identity provider as a client sees it.
func (w *world) server() clients.Server {
	return clients.Server{BaseURL: manager.TenantURL(w.name), Token: w.token}
}

var _ = Describe("SCIM clients get what they need from a cluster", func() {
	scripts, err := clients.Scripts()
	if err != nil {
		panic(err)
	}
	for _, script := range scripts {
		It(script.Name, func(ctx SpecContext) {
			session := script.Start(newWorld(ctx, entra.Options{}).server())
			for _, step := range script.Steps {
				Expect(session.Do(ctx, step)).To(Succeed(), step.Title)
			}
		})
	}

	Context("of a list that applications are held against", Ordered, ContinueOnFailure, func() {
		var w *world
		BeforeAll(func(ctx SpecContext) { w = newWorld(ctx, entra.Options{}) })
		for _, check := range slices.Concat(clients.Gallery(), clients.GalleryRequirements(), clients.Validator()) {
			It(check.Name, func(ctx SpecContext) { Expect(check.Run(ctx, w.server())).To(Succeed()) })
		}
	})
})
