package server_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// FuzzServer sends any request to a server with a user and a group: the answer
// is SCIM, and never the server's own fault. %s is the user's id, and in the path
// of a group the group's. condition is If-Match and If-None-Match.
func FuzzServer(f *testing.F) {
	for _, seed := range [][5]string{
		{"GET", "Users", `filter=emails[type eq "work"].value eq "x"&count=1`, "", ""},
		{"GET", "Users/%s", "attributes=name.givenName,emails[type eq \"work\"]", "", ""},
		{"GET", "Groups", "excludedAttributes=members&filter=members eq %22%s%22", "", ""},
		{"POST", "Users", "", `{"schemas":["` + userURN + `"],"userName":"bob","active":"False","emails":[{"value":"x","primary":"True"}]}`, ""},
		{"PUT", "Users/%s", "", `{"userName":"bob","name":{"givenName":"B"},"urn:example:x:2.0:User":{"a":[1,{"b":null}]}}`, ""},
		{"PATCH", "Users/%s", "", `{"Operations":[{"op":"replace","value":{"name.givenName":"K","` + enterpriseURN + `:manager":"x"}}]}`, ""},
		{"PATCH", "Users/%s", "", `{"Operations":[{"op":"Add","path":"addresses[type eq \"work\"].country","value":"DE"},{"op":"remove","path":"emails","value":[{"value":"x"}]}]}`, ""},
		{"PATCH", "Groups/%s", "", `{"Operations":[{"op":"Remove","path":"members","value":[{"value":"%s"}]},{"op":"add","value":{"members":["x"]}}]}`, ""},
		{"PATCH", "Groups/%s", "attributes=members", `{"Operations":[{"op":"remove","path":"members[not (value sw \"x\")]"}]}`, ""},
		{"PUT", "Groups/%s", "", `{"displayName":"x","members":[{"value":"%s"},"y",null]}`, ""},
		{"GET", "", "sortBy=displayName&sortOrder=descending&cursor=&count=1", "", ""},
		{"GET", "Users", "cursor=AQ&sortBy=emails", "", ""},
		{"POST", ".search", "", `{"filter":"meta.resourceType eq \"Group\"","cursor":"","count":"1","attributes":["members"]}`, ""},
		{"POST", "Groups/.search", "", `{"filter":"meta.location pr and meta.version ne \"W/x\"","sortBy":"meta.created","startIndex":0}`, ""},
		{"DELETE", "Users/%s", "", "", ""},
		{"GET", "Schemas/" + userURN, "filter", "", ""},
		{"GET", "Users/%s", "", "", `W/"abc", "d,e" ,f,*`},
		{"GET", "Groups/%s", "", "", `W/`},
		{"PUT", "Users/%s", "", `{"userName":"bob"}`, `"`},
		{"PATCH", "Users/%s", "attributes=permissionLevel", `{"Operations":[{"op":"add","path":"permissionLevel[a pr].b","value":{"c":[true]}}]}`, ""},
		{"POST", "Bulk", "", `{"failOnErrors":1,"Operations":[{"method":"POST","path":"/Users","bulkId":"u","data":{"userName":"bob","manager":"bulkId:u"}},{"method":"DELETE","path":"/Users/%s","version":"*"}]}`, ""},
		{"POST", "Bulk", "", `{"Operations":[{"method":"POST","path":"/Groups","bulkId":"g","data":{"displayName":"g","members":["bulkId:h",{"value":"%s"}]}},
			{"method":"POST","path":"/Groups","bulkId":"h","data":{"displayName":"h","members":[{"$ref":"x/bulkId:g"},"bulkId:h"]}},
			{"method":"PATCH","path":"Groups/bulkId:g","data":[{"op":"remove","path":"members[value eq \"bulkId:h\" or not (value eq \"bulkId:g\")]"},{"op":"add","value":{"members":"bulkId:h"}}]}]}`, ""},
		{"POST", "Bulk", "", `{"operations":[{"method":"patch","path":"/Users/%s","data":{"Operations":[{"op":"add","path":"` + enterpriseURN + `","value":[{"manager":{"value":"bulkId:x"}}]}]}},{"method":"GET","path":"?"}]}`, ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3], seed[4])
	}
	f.Fuzz(func(t *testing.T, method, path, query, body, condition string) {
		directory := scimtest.New()
		user, err := directory.CreateUser(t.Context(), scim.Resource{"userName": "alice", "active": true,
			"emails": []any{map[string]any{"type": "work", "value": "x", "primary": true}}})
		if err != nil {
			t.Fatal(err)
		}
		group, err := directory.CreateGroup(t.Context(), scim.Resource{"displayName": "Team"}, []scim.Member{{ID: user.ID()}})
		if err != nil {
			t.Fatal(err)
		}
		path = strings.ReplaceAll(path, "%s", map[bool]string{true: group.ID(), false: user.ID()}[strings.HasPrefix(path, "Groups")])
		r := &http.Request{
			Method: method,
			URL: &url.URL{
				Path:     "/entra/scim/v2/" + path,
				RawQuery: strings.ReplaceAll(query, "%s", user.ID()),
			},
			Header: http.Header{
				"Authorization": {"Bearer " + token},
				"If-Match":      {condition}, "If-None-Match": {condition},
			},
			Host:       "scim.example.com",
			Body:       io.NopCloser(strings.NewReader(strings.ReplaceAll(body, "%s", user.ID()))),
			RemoteAddr: "192.0.2.1:1234",
		}
		w := httptest.NewRecorder()
		server.New(&backend{
			directories: map[string]scim.Directory{"entra": directory},
			tokens:      map[string]string{"entra": token},
		}, server.Options{}).ServeHTTP(w, r)
		if w.Code == http.StatusInternalServerError || w.Code == http.StatusServiceUnavailable || w.Code == http.StatusUnauthorized {
			t.Fatalf("status %d: %s", w.Code, w.Body)
		}
		if w.Code == http.StatusNoContent || w.Code == http.StatusNotModified {
			if w.Body.Len() > 0 {
				t.Fatalf("%d with a body: %s", w.Code, w.Body)
			}
			return
		}
		var answer map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || answer["schemas"] == nil {
			t.Fatalf("status %d with the body %s: %v", w.Code, w.Body, err)
		}
		if kind := w.Header().Get("Content-Type"); kind != mediaType {
			t.Fatalf("Content-Type %q", kind)
		}
		if w.Code >= http.StatusBadRequest && answer["status"] != fmt.Sprint(w.Code) {
			t.Fatalf("status %d with the body %s", w.Code, w.Body)
		}
		results, _ := answer["Operations"].([]any)
		for _, e := range results {
			if status, _ := at(e, "status").(string); status < "200" || status >= "500" || status >= "400" && at(e, "response/status") != status {
				t.Fatalf("status %q of an operation: %s", status, w.Body)
			}
		}
	})
}
