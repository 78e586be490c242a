package clients

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// spoiled is a server in whose answers one text stands for another.
func spoiled(t *testing.T, good, bad string) Server {
	t.Helper()
	handler := server.New(backend{scimtest.New()}, server.Options{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, r)
		maps.Copy(w.Header(), recorder.Header())
		w.Header().Del("Content-Length")
		w.WriteHeader(recorder.Code)
		if _, err := w.Write([]byte(strings.ReplaceAll(recorder.Body.String(), good, bad))); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	return Server{BaseURL: s.URL + "/client/scim/v2", Token: token}
}

func TestChecksFindWhatIsWrong(t *testing.T) {
	checks := slices.Concat(Gallery(), GalleryRequirements(), Validator())
	for _, c := range []struct {
		name, good, bad string
		// found are beginnings of the names of checks that must fail.
		found []string
	}{
		{"an attribute under another name", `"nickName":"`, `"nickname":"`,
			[]string{"SCIM_User_Update_Test", "a user has every advertised", "a PUT writes", "each advertised attribute of a user"}},
		{"a leaver who stays enabled", `"active":false`, `"active":true`, []string{"Disable_User_Test", "Restore_User_Test"}},
		{"a page that says it is the first", `"startIndex":6`, `"startIndex":1`, []string{"SCIM_User_Pagination_Test", "SCIM_Group_Pagination_Test"}},
		{"a conflict that doesn't say so", `"scimType":"uniqueness"`, `"scimType":"invalidValue"`, []string{"SCIM_User_Create_Test", "SCIM_Group_Create_Test"}},
		{"types that can't be derived", `"canonicalValues":`, `"values":`, []string{"Schema_Discoverability_Test"}},
		{"a manager that nobody sees", `"manager":{`, `"boss":{`, []string{"User_Update_Manager_Test", "SCIM_Update_Manager_Test", "each advertised sub-attribute"}},
		{"members that nobody sees", `"members":[`, `"people":[`, []string{"Group_Update_Add_Member_Test", "Group_Update_Remove_Member_Test", "POD_Group_Test"}},
		{"a search that finds nobody", `"Resources":[{`, `"resources":[{`, []string{"Create_User_Test", "Create_Group_Test", "a user is found by each"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := spoiled(t, c.good, c.bad)
			for _, name := range c.found {
				i := slices.IndexFunc(checks, func(check Check) bool { return strings.HasPrefix(check.Name, name) })
				if i < 0 {
					t.Fatalf("there is no check %q", name)
				}
				if err := checks[i].Run(t.Context(), s); err == nil {
					t.Errorf("%q is content", checks[i].Name)
				}
			}
		})
	}
}
