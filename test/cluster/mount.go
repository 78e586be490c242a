package cluster

import (
	"cmp"
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// mountEvery is how often a mounted Secret is looked at. A kubelet takes a minute.
const mountEvery = 50 * time.Millisecond

// MountSecret does what a kubelet does with a Secret that a pod mounts: it brings what
// the Secret has into a folder, and again whenever it changes, until stop is called.
func (c *Cluster) MountSecret(ctx context.Context, key client.ObjectKey, dir string) (stop func()) {
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(mountEvery)
		defer tick.Stop()
		for version := ""; ; {
			secret := &corev1.Secret{}
			if c.client.Get(running, key, secret) == nil && secret.ResourceVersion != version && writeSecret(secret, dir) == nil {
				version = secret.ResourceVersion
			}
			select {
			case <-running.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() { cancel(); <-done }
}

// writeSecret writes each file whole, and a certificate after its key: who watches
// them finds both.
func writeSecret(secret *corev1.Secret, dir string) error {
	names := slices.Sorted(maps.Keys(secret.Data))
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(filepath.Ext(b), filepath.Ext(a)) // .key, .crt
	})
	for _, name := range names {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path+"~", secret.Data[name], 0o644); err != nil {
			return err
		}
		if err := os.Rename(path+"~", path); err != nil {
			return err
		}
	}
	return nil
}
