package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// install applies config/ as `kubectl apply -k` would, but for what needs pods.
func (c *Cluster) install(ctx context.Context) error {
	_, err := envtest.InstallCRDs(c.admin, envtest.CRDInstallOptions{
		Paths:              []string{filepath.Join(c.root, "config", "crd", "bases")},
		ErrorIfPathMissing: true,
	})
	if err != nil {
		return err
	}
	var installed []*unstructured.Unstructured
	for _, pattern := range []string{"manager/namespace.yaml", "rbac/*.yaml", "policy/*.yaml"} {
		objects, err := c.manifests(pattern)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if err := c.apply(ctx, object); err != nil {
				return err
			}
		}
		installed = append(installed, objects...)
	}
	return c.waitForPolicies(ctx, installed)
}

// Apply creates or updates the objects of a YAML text as Admin.
func (c *Cluster) Apply(ctx context.Context, text string) error {
	objects, err := decode([]byte(text))
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := c.apply(ctx, object); err != nil {
			return err
		}
	}
	return nil
}

func (c *Cluster) apply(ctx context.Context, object *unstructured.Unstructured) error {
	err := c.client.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("cluster"), client.ForceOwnership)
	if err != nil {
		return fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
	}
	return nil
}

// manifests reads the files of config/ that match, without kustomize's own.
func (c *Cluster) manifests(pattern string) ([]*unstructured.Unstructured, error) {
	paths, err := filepath.Glob(filepath.Join(c.root, "config", pattern))
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	var all []*unstructured.Unstructured
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		objects, err := decode(text)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		for _, object := range objects {
			if object.GroupVersionKind().Group != "kustomize.config.k8s.io" {
				all = append(all, object)
			}
		}
	}
	return all, nil
}

func decode(text []byte) ([]*unstructured.Unstructured, error) {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096)
	var all []*unstructured.Unstructured
	for {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(object)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			all = append(all, object)
		}
	}
}
