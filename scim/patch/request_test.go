package patch

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
)

func TestParse(t *testing.T) {
	t.Run("fact 11: names in any case, no schemas, extra members", func(t *testing.T) {
		req, err := Parse(object(t, `{"id":"1","operations":[{"name":"addMember","OP":"Add","Path":"members","VALUE":[{"value":"1"}]}]}`))
		if err != nil || len(req.operations) != 1 {
			t.Fatal(req, err)
		}
		if op := req.operations[0]; op.op != opAdd || op.path.String() != "members" || op.value == nil {
			t.Errorf("got %+v", op)
		}
	})
	t.Run("no operations", func(t *testing.T) {
		for _, body := range []string{`{"Operations":[]}`, `{"Operations":null}`} {
			if req, err := Parse(object(t, body)); err != nil || len(req.operations) != 0 {
				t.Errorf("%s: %v, %v", body, req, err)
			}
		}
	})
	t.Run("a value that is null is not absent", func(t *testing.T) {
		req := request(t, `{"op":"remove","path":"members","Value":null},{"op":"remove","path":"members"}`)
		if req.operations[0].absent || !req.operations[1].absent {
			t.Errorf("got %+v", req.operations)
		}
	})
	t.Run("an empty path is none", func(t *testing.T) {
		for _, path := range []string{`""`, `null`, `" "`} {
			if req := request(t, `{"op":"add","path":`+path+`,"value":{}}`); req.operations[0].path != nil {
				t.Errorf("%s is a path", path)
			}
		}
	})
}

func TestParseErrors(t *testing.T) {
	for _, tc := range []struct {
		body     string
		status   int
		scimType scim.Type
		detail   string
	}{
		{`{}`, 400, scim.InvalidSyntax, "no Operations"},
		{`{"Operations":{}}`, 400, scim.InvalidSyntax, "must be an array"},
		{`{"Operations":["x"]}`, 400, scim.InvalidSyntax, "Operations[0]: must be an object"},
		{`{"Operations":[{"op":"add","path":"title","value":"x"},{"op":"move","path":"title"}]}`, 400, scim.InvalidSyntax, "Operations[1]: op must be add, replace or remove"},
		{`{"Operations":[{"path":"title","value":1}]}`, 400, scim.InvalidSyntax, "op must be"},
		{`{"Operations":[{"op":"add","path":5,"value":1}]}`, 400, scim.InvalidSyntax, "path must be a string"},
		{`{"Operations":[{"op":"add","path":"a b","value":1}]}`, 400, scim.InvalidPath, "Operations[0] add: path, character 3: expected the end of the path"},
		{`{"Operations":[{"op":"add","path":"emails[type eq","value":1}]}`, 400, scim.InvalidPath, "expected a value"},
		{`{"Operations":[{"op":"add","path":"title"}]}`, 400, scim.InvalidValue, `Operations[0] add "title": add needs a value`},
		{`{"Operations":[{"op":"replace","path":"title"}]}`, 400, scim.InvalidValue, "replace needs a value"},
		{`{"Operations":[` + strings.Repeat(`{"op":"remove","path":"title"},`, MaxOperations) + `{"op":"remove","path":"title"}]}`, 413, "", "1001 operations, the most is 1000"},
		{`{"Operations":[{"op":"add","path":"members","value":[` + strings.Repeat(`"x",`, MaxValues) + `"x"]}]}`, 413, "", "10001 values"},
		{`{"Operations":[{"op":"add","value":{"members":[` + strings.Repeat(`"x",`, MaxValues) + `"x"]}}]}`, 413, "", "10001 values"},
	} {
		_, err := Parse(object(t, tc.body))
		e := scim.AsError(err)
		if e == nil || e.Status != tc.status || e.Type != tc.scimType || !strings.Contains(e.Detail, tc.detail) {
			t.Errorf("%.80s: got %v, want %d %s: %s", tc.body, err, tc.status, tc.scimType, tc.detail)
		}
	}
}

func TestErrorsShowNoEndlessPaths(t *testing.T) {
	_, err := applyUser(t, alice, fmt.Sprintf(`{"op":"replace","path":"emails[type eq \"%s\"].value","value":"x"}`, strings.Repeat("x", 5000)))
	if e := scim.AsError(err); e == nil || e.Type != scim.NoTarget || len(e.Detail) > 300 {
		t.Errorf("got %.400v", err)
	}
}
