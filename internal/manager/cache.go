package manager

import (
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// Scheme knows Kubernetes' own kinds and ours.
func Scheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	utilruntime.Must(clientgoscheme.AddToScheme(scheme))
	utilruntime.Must(v1alpha1.AddToScheme(scheme))
	return scheme
}

// CacheOptions keeps in memory what is ours and no more: bindings with our
// label, token Secrets of our namespace, and nothing's managedFields, which are
// two thirds of an object's size.
func CacheOptions(namespace string) cache.Options {
	ours := labels.SelectorFromSet(labels.Set{v1alpha1.ManagedByLabel: v1alpha1.ManagedByValue})
	return cache.Options{
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&rbacv1.RoleBinding{}:        {Label: ours},
			&rbacv1.ClusterRoleBinding{}: {Label: ours},
			&corev1.Secret{}: {
				Namespaces: map[string]cache.Config{namespace: {LabelSelector: tokens()}},
			},
		},
	}
}

func tokens() labels.Selector {
	selector, err := labels.Parse(v1alpha1.TokenLabel)
	utilruntime.Must(err)
	return selector
}
