//go:build integration

package install_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/rollcall-dev/rollcall/test/cluster"
)

// helmTool builds helm from its own pinned module, or finds it built, and returns
// its path.
func helmTool(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "tool", "-n", "helm")
	cmd.Dir = filepath.Join(root, "hack", "tools", "helm")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("building helm: %w: %s", err, stderr.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// helm runs helm against a cluster, or none, with folders of its own. Its error
// output is part of the error.
func helm(ctx context.Context, c *cluster.Cluster, args ...string) (string, error) {
	home := GinkgoT().TempDir()
	env := append(os.Environ(), "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	if c != nil {
		env = append(env, "KUBECONFIG="+filepath.Join(c.Dir(), "admin.kubeconfig"))
	}
	cmd := exec.CommandContext(ctx, helmPath, args...)
	cmd.Env = env
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("helm %q: %w: %s", args, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.String(), nil
}

func chart() string { return filepath.Join(root, "charts", "rollcall") }

// rendering is what the chart is asked for.
type rendering struct {
	namespace string
	// values are YAML.
	values string
	// kinds that the cluster is said to know, as GROUP/VERSION/KIND.
	kinds []string
}

// text is what the chart renders to.
func (r rendering) text(ctx context.Context) (string, error) {
	values := filepath.Join(GinkgoT().TempDir(), "values.yaml")
	if err := os.WriteFile(values, []byte(r.values), 0o600); err != nil {
		return "", err
	}
	args := []string{"template", "rollcall", chart(), "--namespace", r.namespace, "--values", values, "--kube-version", "1.37.0"}
	for _, kind := range r.kinds {
		args = append(args, "--api-versions", kind)
	}
	return helm(ctx, nil, args...)
}

func (r rendering) objects(ctx context.Context) []*unstructured.Unstructured {
	GinkgoHelper()
	text, err := r.text(ctx)
	Expect(err).NotTo(HaveOccurred())
	return decode(text)
}

// monitoring are the kinds of the Prometheus operator.
var monitoring = []string{"monitoring.coreos.com/v1/ServiceMonitor", "monitoring.coreos.com/v1/PrometheusRule"}

// kustomize builds config/default with other components than its own, or with its
// own if there are none.
func kustomize(ctx context.Context, components ...string) []*unstructured.Unstructured {
	GinkgoHelper()
	text, err := shared.Kubectl(ctx, "kustomize", overlay(components...))
	Expect(err).NotTo(HaveOccurred())
	return decode(text)
}

// overlay is a folder to build, as an administrator would have it: config/default,
// with its list of components replaced.
func overlay(components ...string) string {
	GinkgoHelper()
	dir := filepath.Join(GinkgoT().TempDir(), "config")
	Expect(os.CopyFS(dir, os.DirFS(filepath.Join(root, "config")))).To(Succeed())
	kustomization := filepath.Join(dir, "default", "kustomization.yaml")
	text, err := os.ReadFile(kustomization)
	Expect(err).NotTo(HaveOccurred())
	if len(components) > 0 {
		before := "  - ../selfsigned\n"
		Expect(string(text)).To(ContainSubstring(before))
		after := ""
		for _, component := range components {
			after += "  - ../" + component + "\n"
		}
		text = []byte(strings.Replace(string(text), before, after, 1))
		Expect(os.WriteFile(kustomization, text, 0o600)).To(Succeed())
	}
	return filepath.Dir(kustomization)
}

func decode(text string) []*unstructured.Unstructured {
	GinkgoHelper()
	decoder := utilyaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	var all []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return all
		}
		Expect(err).NotTo(HaveOccurred())
		if len(object.Object) > 0 {
			all = append(all, object)
		}
	}
}

// key names an object in messages and comparisons.
func key(o *unstructured.Unstructured) string {
	return strings.TrimPrefix(fmt.Sprintf("%s %s/%s", o.GetKind(), o.GetNamespace(), o.GetName()), "/")
}

func find(objects []*unstructured.Unstructured, kind, name string) *unstructured.Unstructured {
	for _, o := range objects {
		if o.GetKind() == kind && o.GetName() == name {
			return o
		}
	}
	return nil
}

// conditions are an object's, by type.
func conditions(o *unstructured.Unstructured) map[string]string {
	status, _ := o.Object["status"].(map[string]any)
	list, _ := status["conditions"].([]any)
	all := map[string]string{}
	for _, c := range list {
		if condition, ok := c.(map[string]any); ok {
			all[fmt.Sprint(condition["type"])] = fmt.Sprint(condition["status"])
		}
	}
	return all
}
