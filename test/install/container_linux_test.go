//go:build integration

package install_test

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/test/cluster"
	"github.com/rollcall-dev/rollcall/test/image"
)

// container is a pod's only one, under way; without an image, a process.
type container struct {
	cmd                *exec.Cmd
	scimURL, healthURL string
}

// startContainer runs an image as a kubelet would run the Deployment's pods: their
// command line, environment, volumes and account, and nothing else of this machine
// but its network. So the ports, which others may have here, are added. Without an
// image a process is told where the volumes are.
func (i *installation) startContainer(ctx context.Context, built *image.Image) *container {
	GinkgoHelper()
	pod := i.deployment(ctx).Spec.Template.Spec
	spec := pod.Containers[0]
	var ports []string
	for range 4 {
		port, err := cluster.FreePort(ctx)
		Expect(err).NotTo(HaveOccurred())
		ports = append(ports, strconv.Itoa(port))
	}
	address := func(port string) string { return net.JoinHostPort("127.0.0.1", port) }
	i.leadWebhooks(ctx, ports[3])
	server, err := url.Parse(i.Admin().Host)
	Expect(err).NotTo(HaveOccurred())
	c := image.Container{
		Args: append(append([]string{}, spec.Args...),
			"--scim-bind-address="+address(ports[0]), "--health-probe-bind-address="+address(ports[1]),
			"--metrics-bind-address="+address(ports[2]), "--webhook-port="+ports[3]),
		Env:    append(i.environment(spec), "KUBERNETES_SERVICE_HOST="+server.Hostname(), "KUBERNETES_SERVICE_PORT="+server.Port()),
		Mounts: i.mounts(ctx, pod),
	}
	var cmd *exec.Cmd
	if built == nil {
		cmd = i.process(ctx, pod.ServiceAccountName, c)
	} else {
		cmd, err = built.Command(c)
		Expect(err).NotTo(HaveOccurred())
	}
	cmd.Stdout, cmd.Stderr = GinkgoWriter, GinkgoWriter
	Expect(cmd.Start()).To(Succeed())
	DeferCleanup(func() {
		if cmd.ProcessState == nil {
			_, _ = cmd.Process.Kill(), cmd.Wait()
		}
	})
	return &container{cmd: cmd, scimURL: "http://" + address(ports[0]), healthURL: "http://" + address(ports[1])}
}

// process is the manager with what it would find in a container.
func (i *installation) process(ctx context.Context, account string, c image.Container) *exec.Cmd {
	GinkgoHelper()
	binary := filepath.Join(GinkgoT().TempDir(), "manager")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/manager")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	Expect(err).NotTo(HaveOccurred(), string(out))
	config, err := i.Account(ctx, i.namespace, account)
	Expect(err).NotTo(HaveOccurred())
	kubeconfig, err := i.Kubeconfig("process", config)
	Expect(err).NotTo(HaveOccurred())
	Expect(c.Mounts).To(HaveKey(serving))
	cmd := exec.Command(binary, append(c.Args, "--kubeconfig="+kubeconfig, "--webhook-cert-dir="+c.Mounts[serving])...)
	cmd.Env = c.Env
	return cmd
}

// mounts are folders with what the kubelet mounts: Secrets, which follow their objects,
// and the account.
func (i *installation) mounts(ctx context.Context, pod corev1.PodSpec) map[string]string {
	GinkgoHelper()
	folder := func() string {
		dir := GinkgoT().TempDir()
		Expect(os.Chmod(dir, 0o755)).To(Succeed())
		return dir
	}
	dirs := map[string]string{}
	for _, v := range pod.Volumes {
		Expect(v.Secret).NotTo(BeNil(), "the volume %s", v.Name)
		dirs[v.Name] = folder()
		DeferCleanup(i.MountSecret(ctx, client.ObjectKey{Namespace: i.namespace, Name: v.Secret.SecretName}, dirs[v.Name]))
	}
	mounts := map[string]string{}
	for _, m := range pod.Containers[0].VolumeMounts {
		Expect(dirs).To(HaveKey(m.Name))
		Expect(m.ReadOnly).To(BeTrue(), m.Name)
		mounts[m.MountPath] = dirs[m.Name]
	}

	config, err := i.Account(ctx, i.namespace, pod.ServiceAccountName)
	Expect(err).NotTo(HaveOccurred())
	account := folder()
	for name, text := range map[string]string{"token": config.BearerToken, "ca.crt": string(config.CAData), "namespace": i.namespace} {
		Expect(os.WriteFile(filepath.Join(account, name), []byte(text), 0o644)).To(Succeed())
	}
	mounts["/var/run/secrets/kubernetes.io/serviceaccount"] = account
	return mounts
}

// leadWebhooks lets the API server find the webhooks' Service on this machine, where
// nothing has the addresses of Services. The certificate is asked for as ever, by the
// Service's name.
func (i *installation) leadWebhooks(ctx context.Context, port string) {
	GinkgoHelper()
	_, err := i.Kubectl(ctx, "-n", i.namespace, "patch", "service", "rollcall-webhook", "--type=merge", "-p",
		`{"spec": {"type": "ExternalName", "externalName": "localhost", "selector": null}}`)
	Expect(err).NotTo(HaveOccurred())
	number, err := strconv.ParseInt(port, 10, 32)
	Expect(err).NotTo(HaveOccurred())
	for _, c := range i.webhookConfigurations(ctx) {
		webhooks, _, err := unstructured.NestedSlice(c.Object, "webhooks")
		Expect(err).NotTo(HaveOccurred())
		for _, w := range webhooks {
			Expect(unstructured.SetNestedField(w.(map[string]any), number, "clientConfig", "service", "port")).To(Succeed())
		}
		Expect(unstructured.SetNestedSlice(c.Object, webhooks, "webhooks")).To(Succeed())
		Expect(i.Client().Update(ctx, c)).To(Succeed())
	}
}

// isReady waits for what the readiness probe waits for.
func (c *container) isReady(ctx context.Context) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.healthURL+"/readyz", nil)
		g.Expect(err).NotTo(HaveOccurred())
		response, err := http.DefaultClient.Do(request)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(response.Body.Close()).To(Succeed())
		g.Expect(response).To(HaveHTTPStatus(http.StatusOK))
	}).WithContext(ctx).Should(Succeed())
}

// isConfined is what the kernel says of the process.
func (c *container) isConfined() {
	GinkgoHelper()
	process := filepath.Join("/proc", strconv.Itoa(c.cmd.Process.Pid))
	status, err := os.ReadFile(filepath.Join(process, "status"))
	Expect(err).NotTo(HaveOccurred())
	Expect(string(status)).To(And(
		MatchRegexp(`(?m)^CapPrm:\s0+$`), MatchRegexp(`(?m)^CapEff:\s0+$`), MatchRegexp(`(?m)^CapAmb:\s0+$`),
		MatchRegexp(`(?m)^NoNewPrivs:\s1$`),
	))
	if os.Geteuid() == 0 { // otherwise the number is that of whoever runs the test
		Expect(string(status)).To(MatchRegexp(`(?m)^Uid:\s65532\s65532\s65532\s65532$`))
	}
	mounts, err := os.ReadFile(filepath.Join(process, "mountinfo"))
	Expect(err).NotTo(HaveOccurred())
	lines := strings.Split(strings.TrimSpace(string(mounts)), "\n")
	var points []string
	for _, line := range lines {
		fields := strings.Fields(line)
		Expect(len(fields)).To(BeNumerically(">", 5))
		Expect(strings.Split(fields[5], ",")).To(ContainElement("ro"), "%s can be written", fields[4])
		points = append(points, fields[4])
	}
	Expect(points).To(ContainElement("/"))
}

// stop ends it as the kubelet does.
func (c *container) stop(ctx context.Context) {
	GinkgoHelper()
	Expect(c.cmd.Process.Signal(syscall.SIGTERM)).To(Succeed())
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	Eventually(ended).WithContext(ctx).Should(Receive(Succeed()))
}
