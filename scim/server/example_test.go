package server_test

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// company has one identity provider, one token, and a directory in memory. A
// service of your own has a scim.Directory over what it stores users in, and
// proves it with scimtest.TestDirectory.
type company struct {
	directory scim.Directory
	token     string
}

func (c company) Directory(_ context.Context, provider string) (scim.Directory, error) {
	if provider != "acme" {
		return nil, server.ErrNoProvider
	}
	return c.directory, nil
}

func (c company) Authenticate(_ context.Context, _, token string) (string, error) {
	if subtle.ConstantTimeCompare([]byte(token), []byte(c.token)) != 1 {
		return "", server.ErrUnauthenticated
	}
	return "1", nil
}

// A SCIM service is a Backend, which knows the identity providers and their
// tokens, and a Directory for each.
func Example() {
	service := httptest.NewServer(server.New(company{scimtest.New(), "secret"}, server.Options{
		ExternalURL: "https://scim.example.com",
	}))
	defer service.Close()

	request, err := http.NewRequest(http.MethodPost, service.URL+"/acme/scim/v2/Users", strings.NewReader(`{
		"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
		"userName": "alice@example.com",
		"active": "True"
	}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	request.Header.Set("Authorization", "Bearer secret")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer answer.Body.Close()
	var user map[string]any
	body, err := io.ReadAll(answer.Body)
	if err == nil {
		err = json.Unmarshal(body, &user)
	}
	fmt.Println(answer.Status, answer.Header.Get("Content-Type"), err)
	fmt.Println(user["userName"], user["active"])
	fmt.Println(strings.HasPrefix(answer.Header.Get("Location"), "https://scim.example.com/acme/scim/v2/Users/"))
	// Output:
	// 201 Created application/scim+json <nil>
	// alice@example.com true
	// true
}
