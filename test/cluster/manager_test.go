//go:build integration

package cluster_test

import (
	"context"
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

func status(ctx context.Context, url, token string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

var _ = Describe("A manager", Ordered, func() {
	var (
		manager *cluster.Manager
		token   string
	)
	BeforeAll(func(ctx SpecContext) {
		var err error
		manager, err = shared.StartManager(ctx, cluster.ManagerOptions{})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(func() { Expect(manager.Stop()).To(Succeed()) })
		token, err = shared.NewToken(ctx, "entra")
		Expect(err).NotTo(HaveOccurred())
	})

	It("accepts a new token at once, and no other", func(ctx SpecContext) {
		Expect(status(ctx, manager.TenantURL("entra")+"/Users", token)).To(Equal(http.StatusOK))
		Expect(status(ctx, manager.TenantURL("entra")+"/Users", "rollcall_0_0")).To(Equal(http.StatusUnauthorized))
		Expect(status(ctx, manager.TenantURL("elsewhere")+"/Users", token)).To(Equal(http.StatusNotFound))
	})

	It("tells where its metrics and its health are", func(ctx SpecContext) {
		Expect(status(ctx, manager.MetricsURL, "")).To(Equal(http.StatusOK))
		Expect(status(ctx, manager.HealthURL+"/healthz", "")).To(Equal(http.StatusOK))
	})

	It("serves the admission webhooks that were installed", func(ctx SpecContext) {
		attachment := &v1alpha1.RoleAttachment{Spec: v1alpha1.RoleAttachmentSpec{User: "nobody", Role: "nothing"}}
		attachment.Name = "served"
		err := shared.Client().Create(ctx, attachment, client.DryRunAll)
		if err != nil {
			Expect(err.Error()).NotTo(ContainSubstring("failed calling webhook"))
		}
	})

	It("hangs while it is paused, and goes on", func(ctx SpecContext) {
		Expect(manager.Pause()).To(Succeed())
		short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
		defer cancel()
		_, err := status(short, manager.TenantURL("entra")+"/Users", token)
		Expect(err).To(MatchError(context.DeadlineExceeded))
		Expect(manager.Resume()).To(Succeed())
		Expect(status(ctx, manager.TenantURL("entra")+"/Users", token)).To(Equal(http.StatusOK))
	})

	It("can be killed and started again on the same port", func(ctx SpecContext) {
		Expect(manager.Kill()).To(Succeed())
		Expect(manager.Done()).To(BeClosed())
		again, err := shared.StartManager(ctx, cluster.ManagerOptions{SCIMPort: manager.SCIMPort()})
		Expect(err).NotTo(HaveOccurred())
		manager = again
		Expect(status(ctx, manager.TenantURL("entra")+"/Users", token)).To(Equal(http.StatusOK))
	})

	It("says why it did not start", func(ctx SpecContext) {
		_, err := shared.StartManager(ctx, cluster.ManagerOptions{Args: []string{"--namespace="}})
		Expect(err).To(MatchError(ContainSubstring("--namespace must not be empty")))
	})
})
