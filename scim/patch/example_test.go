package patch_test

import (
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/patch"
)

// A request as Microsoft Entra ID sends it: its own spelling of op, a boolean in
// quotes, and a value that the user doesn't have yet.
func Example() {
	var body map[string]any
	err := json.Unmarshal([]byte(`{
		"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
		"Operations": [
			{"op": "Replace", "path": "active", "value": "False"},
			{"op": "Add", "path": "emails[type eq \"work\"].value", "value": "babs@example.com"}
		]
	}`), &body)
	if err != nil {
		panic(err)
	}
	request, err := patch.Parse(body)
	if err != nil {
		panic(err)
	}
	user := scim.Resource{"userName": "babs", "active": true}
	patched, err := patch.ApplyUser(user, request)
	if err != nil {
		panic(err)
	}
	out, _ := json.Marshal(patched)
	fmt.Println(string(out))

	// The same request again changes nothing, so there is nothing to write.
	again, err := patch.ApplyUser(patched, request)
	fmt.Println(reflect.DeepEqual(again, patched), err)
	// Output:
	// {"active":false,"emails":[{"type":"work","value":"babs@example.com"}],"userName":"babs"}
	// true <nil>
}

// What a request does to a group's members is told without loading them.
func ExampleApplyGroup() {
	request, err := patch.Parse(map[string]any{"Operations": []any{
		map[string]any{"op": "remove", "path": `members[value eq "2819c223"]`},
		map[string]any{"op": "add", "path": "members", "value": []any{map[string]any{"value": "08e1d05d"}}},
	}})
	if err != nil {
		panic(err)
	}
	_, change, err := patch.ApplyGroup(scim.Resource{"displayName": "Engineers"}, nil, request)
	if err != nil {
		panic(err)
	}
	fmt.Println("add", change.Add[0].ID, "remove", change.Remove[0])
	// Output: add 08e1d05d remove 2819c223
}

// Every error tells the client which operation is wrong, and what to do.
func ExampleParse() {
	_, err := patch.Parse(map[string]any{"Operations": []any{
		map[string]any{"op": "replace", "path": "name.givenName.first", "value": "Barbara"},
	}})
	e := scim.AsError(err)
	fmt.Println(e.Status, e.Type)
	fmt.Println(e.Detail)
	// Output:
	// 400 invalidPath
	// Operations[0] replace: path, character 1: "name.givenName.first" has more than two levels
}
