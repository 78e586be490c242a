package controllers

import (
	"cmp"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// made remembers the attachments of releases under way. A membership can end
// while its attachment waits to take its place, which must not outlive it then. A
// restart forgets them, and errs where a membership ended in that very moment.
type made struct {
	mu          sync.Mutex
	attachments map[types.UID]*v1alpha1.RoleAttachment
}

func (m *made) add(a *v1alpha1.RoleAttachment) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.attachments == nil {
		m.attachments = make(map[types.UID]*v1alpha1.RoleAttachment)
	}
	m.attachments[a.UID] = a
}

func (m *made) forget(which func(*v1alpha1.RoleAttachment) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	maps.DeleteFunc(m.attachments, func(_ types.UID, a *v1alpha1.RoleAttachment) bool { return which(a) })
}

func (m *made) matching(which func(*v1alpha1.RoleAttachment) bool) []*v1alpha1.RoleAttachment {
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []*v1alpha1.RoleAttachment
	for _, a := range m.attachments {
		if which(a) {
			list = append(list, a)
		}
	}
	return list
}

func compareNames[T client.Object](a, b T) int { return cmp.Compare(a.GetName(), b.GetName()) }
