package clients

import (
	"context"
	"net/http/httptest"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const token = "rollcall_good_token"

// backend is one provider with a directory in memory.
type backend struct{ directory scim.Directory }

func (b backend) Directory(context.Context, string) (scim.Directory, error) {
	return b.directory, nil
}

func (b backend) Authenticate(_ context.Context, _, presented string) (string, error) {
	if presented != token {
		return "", server.ErrUnauthenticated
	}
	return "test", nil
}

// start starts a server whose directory is empty.
func start(t *testing.T) Server {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config = server.NewHTTPServer(server.New(backend{scimtest.New()}, server.Options{}))
	s.Start()
	t.Cleanup(s.Close)
	return Server{BaseURL: s.URL + "/client/scim/v2", Token: token}
}

func TestScripts(t *testing.T) {
	scripts, err := Scripts()
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		t.Run(script.Name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			// Twice, because a script must not depend on a server that is new.
			for range 2 {
				session := script.Start(s)
				for _, step := range script.Steps {
					t.Run(step.Title, func(t *testing.T) {
						if err := session.Do(t.Context(), step); err != nil {
							t.Fatal(err)
						}
					})
					if t.Failed() {
						t.FailNow()
					}
				}
			}
		})
	}
}

func TestGallery(t *testing.T) {
	if n := len(Gallery()); n != 25 {
		t.Errorf("there are %d tests: Microsoft's list has 25", n)
	}
	runChecks(t, append(Gallery(), GalleryRequirements()...))
}

func TestValidator(t *testing.T) { runChecks(t, Validator()) }

func runChecks(t *testing.T, checks []Check) {
	s := start(t)
	for _, check := range checks {
		t.Run(check.Name, func(t *testing.T) {
			if err := check.Run(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		})
	}
}
