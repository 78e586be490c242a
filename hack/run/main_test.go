//go:build integration

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/test/cluster"
)

// screen is a terminal that can be looked at while it is written to.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func TestRun(t *testing.T) {
	ctx, interrupt := context.WithTimeout(t.Context(), 3*time.Minute)
	defer interrupt()
	port, err := cluster.FreePort(ctx)
	if err != nil {
		t.Fatal(err)
	}
	o := options{dir: t.TempDir(), provider: "entra", scimPort: port}
	out := &screen{}
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, o, out) }()
	waitFor(ctx, t, out, ended, "Provision a user")

	// What a newcomer does next: the token and the Tenant URL into a SCIM client ...
	secret, err := os.ReadFile(filepath.Join(o.dir, "token"))
	if err != nil {
		t.Fatal(err)
	}
	tenant := fmt.Sprintf("http://127.0.0.1:%d/entra/scim/v2", port)
	if !strings.Contains(out.String(), tenant) {
		t.Errorf("the Tenant URL %s is not in the output:\n%s", tenant, out)
	}
	if strings.Contains(out.String(), string(secret)) {
		t.Error("the token is on the screen")
	}
	body := `{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User"],"userName":"alice@example.com","active":true}`
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, tenant+"/Users", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+string(secret))
	request.Header.Set("Content-Type", "application/scim+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusCreated {
		t.Errorf("POST /Users: %s, want 201", response.Status)
	}

	// ... and the kubeconfig into kubectl.
	config, err := clientcmd.BuildConfigFromFlags("", filepath.Join(o.dir, "kubeconfig"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(config, client.Options{Scheme: cluster.Scheme()})
	if err != nil {
		t.Fatal(err)
	}
	var alice v1alpha1.ProvisionedUser
	if err := c.Get(ctx, client.ObjectKey{Name: "alice--example.com"}, &alice); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"token", "kubeconfig"} {
		info, err := os.Stat(filepath.Join(o.dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %v, want that only its owner reads it", name, mode)
		}
	}

	interrupt()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("after the interrupt: %v", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("it does not stop")
	}
	if err := c.Get(t.Context(), client.ObjectKey{Name: "alice--example.com"}, &alice); err == nil {
		t.Error("the API server still answers")
	}
}

func waitFor(ctx context.Context, t *testing.T, out *screen, ended <-chan error, text string) {
	t.Helper()
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for !strings.Contains(out.String(), text) {
		select {
		case err := <-ended:
			t.Fatalf("it ended: %v\n%s", err, out)
		case <-ctx.Done():
			t.Fatalf("%v\n%s", ctx.Err(), out)
		case <-poll.C:
		}
	}
}
