//go:build integration

package install_test

import (
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// portFlags are the flags whose defaults a container's ports repeat, by the port's name.
var portFlags = map[string]string{
	"scim": "scim-bind-address", "metrics": "metrics-bind-address", "health": "health-probe-bind-address", "webhook": "webhook-port",
}

var _ = Describe("The manager", func() {
	It("has the flags that installations give, and the defaults that they rely on", func(ctx SpecContext) {
		help := exec.CommandContext(ctx, "go", "run", "./cmd/manager", "--help")
		help.Dir, help.Env = root, append(os.Environ(), "CGO_ENABLED=0", "TMPDIR=")
		usage, err := help.CombinedOutput()
		Expect(err).NotTo(HaveOccurred(), string(usage))
		var have []string
		for _, flag := range regexp.MustCompile(`(?m)^  -([a-z-]+)`).FindAllStringSubmatch(string(usage), -1) {
			have = append(have, flag[1])
		}
		Expect(have).To(ContainElement("leader-elect"))
		defaults := map[string]string{}
		for _, flag := range regexp.MustCompile(`(?m)^  -([a-z-]+).*\n.*\(default "?([^")]*)"?\)$`).FindAllStringSubmatch(string(usage), -1) {
			defaults[flag[1]] = flag[2]
		}
		Expect(defaults["webhook-cert-dir"]).To(Equal(serving))
		var deployments []*unstructured.Unstructured
		for _, v := range variants {
			deployments = append(deployments, find(v.objects(ctx), "Deployment", "rollcall-manager"))
		}
		deployments = append(deployments, find(kustomize(ctx), "Deployment", "rollcall-manager"))
		for _, d := range deployments {
			for _, arg := range podOf(d).Spec.Containers[0].Args {
				name, _, _ := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
				Expect(have).To(ContainElement(name))
			}
			for _, port := range podOf(d).Spec.Containers[0].Ports {
				Expect(strings.TrimPrefix(defaults[portFlags[port.Name]], ":")).To(Equal(strconv.Itoa(int(port.ContainerPort))), port.Name)
			}
		}
	})
})
