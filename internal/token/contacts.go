package token

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
)

// contactInterval is how exactly contacts are known: often enough for a person,
// seldom enough to write down.
const contactInterval = time.Minute

// Contacts remembers when SCIM clients were last heard of, and with which token,
// since the process started.
type Contacts struct {
	mu     sync.Mutex
	last   map[string]time.Time    // by provider
	used   map[tokenOf]time.Time   // by provider and token
	events chan event.GenericEvent // one a provider and minute
}

type tokenOf struct{ provider, id string }

// NewContacts returns an empty memory.
func NewContacts() *Contacts {
	return &Contacts{
		last:   make(map[string]time.Time),
		used:   make(map[tokenOf]time.Time),
		events: make(chan event.GenericEvent, 64),
	}
}

// Record notes an authenticated request. It is called for each.
func (c *Contacts) Record(provider, tokenID string, at time.Time) {
	at = at.UTC().Truncate(contactInterval)
	c.mu.Lock()
	news := at.After(c.last[provider]) || at.After(c.used[tokenOf{provider, tokenID}])
	if news {
		c.last[provider] = at
		c.used[tokenOf{provider, tokenID}] = at
	}
	c.mu.Unlock()
	if !news {
		return
	}
	select {
	case c.events <- event.GenericEvent{Object: &v1alpha1.IdentityProvider{ObjectMeta: metav1.ObjectMeta{Name: provider}}}:
	default:
		// Nobody reads: the next minute tells again.
	}
}

// Events tells of providers with a new contact.
func (c *Contacts) Events() <-chan event.GenericEvent { return c.events }

// LastContact is when the provider was last heard of; zero for never.
func (c *Contacts) LastContact(provider string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[provider]
}

// LastUsed is when one of its tokens was last presented; zero for never.
func (c *Contacts) LastUsed(provider, tokenID string) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.used[tokenOf{provider, tokenID}]
}
