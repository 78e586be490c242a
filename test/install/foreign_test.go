//go:build integration

package install_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

// foreign are the kinds of others that the renderings name: each CRD as its project
// publishes it, in its Go module.
var foreign = []struct {
	module, sum string
	files       []string
}{
	{
		"sigs.k8s.io/gateway-api@v1.6.3", "h1:lKpJa5bGlraC/QeACvCpsHLdmO6y0iKfzVl6gzaFEYc=",
		[]string{"config/crd/standard/gateway.networking.k8s.io_httproutes.yaml"},
	},
	{
		"github.com/cert-manager/cert-manager@v1.21.2", "h1:UWgoYM+KLNtRlqmoWOKjKBOBUPVHeepQ6/ac3ERJW68=",
		[]string{"deploy/crds/cert-manager.io_certificates.yaml", "deploy/crds/cert-manager.io_issuers.yaml"},
	},
	{
		"github.com/prometheus-operator/prometheus-operator@v0.85.0", "h1:M5xLCLEoaW2IJfnuCwFzzpL+jSVQu3KGT84Pye+fW8s=",
		[]string{
			"example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml",
			"example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml",
		},
	},
}

// installForeign installs the kinds of others.
func installForeign(ctx context.Context, c *cluster.Cluster) {
	GinkgoHelper()
	for _, f := range foreign {
		folder := download(ctx, f.module, f.sum)
		for _, file := range f.files {
			text, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(file)))
			Expect(err).NotTo(HaveOccurred())
			for _, manifest := range decode(string(text)) {
				delete(manifest.Object, "status") // of the generator
				Expect(c.Client().Create(ctx, manifest)).To(Succeed())
				Eventually(func(g Gomega) {
					g.Expect(c.Client().Get(ctx, client.ObjectKeyFromObject(manifest), manifest)).To(Succeed())
					g.Expect(conditions(manifest)).To(HaveKeyWithValue("Established", "True"))
				}).WithContext(ctx).Should(Succeed())
			}
		}
	}
}

// download returns the folder of a module, as "PATH@VERSION", which has to have the
// sum.
func download(ctx context.Context, module, sum string) string {
	GinkgoHelper()
	cmd := exec.CommandContext(ctx, "go", "mod", "download", "-json", module)
	cmd.Dir = root
	out, err := cmd.Output()
	Expect(err).NotTo(HaveOccurred(), string(out))
	var got struct{ Dir, Sum string }
	Expect(json.Unmarshal(out, &got)).To(Succeed())
	Expect(got.Sum).To(Equal(sum), module)
	return got.Dir
}
