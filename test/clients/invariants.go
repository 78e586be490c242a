package clients

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The URNs by which an answer says what it is.
const (
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
	errorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
)

const mediaType = "application/scim+json"

// invariants checks what clients need of every answer (facts 1, 3, 4, 5, 12, 46,
// 48, 66 and 68).
func (s *Server) invariants(a *answer) error {
	if a.status >= http.StatusInternalServerError && a.status != http.StatusServiceUnavailable {
		return errors.New("nothing that a client sends is the server's fault")
	}
	if a.body == nil {
		if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
			return fmt.Errorf("a %d has a body", a.status)
		}
		return nil
	}
	if kind := a.header.Values("Content-Type"); !slices.Equal(kind, []string{mediaType}) {
		return fmt.Errorf("want the Content-Type %s, got %q", mediaType, kind)
	}
	if err := noNulls("", a.body); err != nil {
		return err
	}
	body, ok := a.body.(map[string]any)
	if !ok {
		return errors.New("want a JSON object")
	}
	if a.status >= http.StatusBadRequest {
		return a.checkError(body)
	}
	whole := !strings.Contains(strings.ToLower(a.target), "attributes=")
	if has(body, "schemas", listURN) {
		return s.checkList(body, whole)
	}
	if err := s.checkResource(body, whole); err != nil {
		return err
	}
	return a.checkLocation(body, whole)
}

// noNulls also finds empty objects, and empty arrays in resources.
func noNulls(path string, v any) error {
	switch v := v.(type) {
	case nil:
		return fmt.Errorf("%s is null", path)
	case map[string]any:
		if len(v) == 0 {
			return fmt.Errorf("%s is an empty object", path)
		}
		for name, e := range v {
			if list, ok := e.([]any); ok && len(list) == 0 && name != "Resources" {
				return fmt.Errorf("%s/%s is an empty array", path, name)
			}
			if err := noNulls(path+"/"+name, e); err != nil {
				return err
			}
		}
	case []any:
		for i, e := range v {
			if err := noNulls(fmt.Sprintf("%s/%d", path, i), e); err != nil {
				return err
			}
		}
	}
	return nil
}

// scimTypes are those of RFC 7644 section 3.12 and RFC 9865 section 2.3.
var scimTypes = []string{
	"invalidFilter", "tooMany", "uniqueness", "mutability", "invalidSyntax", "invalidPath", "noTarget",
	"invalidValue", "invalidVers", "sensitive", "invalidCursor", "expiredCursor", "invalidCount",
}

func (a *answer) checkError(body map[string]any) error {
	if !has(body, "schemas", errorURN) {
		return errors.New("the error has another schema")
	}
	if body["status"] != strconv.Itoa(a.status) {
		return fmt.Errorf("status is %s: want the string %q", show(body["status"]), strconv.Itoa(a.status))
	}
	if detail, _ := body["detail"].(string); detail == "" {
		return errors.New("the error has no detail")
	}
	if kind, there := body["scimType"]; there {
		if text, _ := kind.(string); !slices.Contains(scimTypes, text) {
			return fmt.Errorf("there is no scimType %s", show(kind))
		}
	}
	if a.status == http.StatusUnauthorized && a.header.Get("WWW-Authenticate") == "" {
		return errors.New("a 401 has WWW-Authenticate")
	}
	if wait := a.header.Get("Retry-After"); wait != "" || a.status == http.StatusTooManyRequests {
		if seconds, err := strconv.Atoi(wait); err != nil || seconds < 1 {
			return fmt.Errorf("Retry-After is %q: want whole seconds", wait)
		}
	}
	return nil
}

func (s *Server) checkList(body map[string]any, whole bool) error {
	resources, ok := body["Resources"].([]any)
	if !ok {
		return errors.New("a list has Resources")
	}
	for _, name := range []string{"totalResults", "itemsPerPage"} {
		if _, ok := integer(body[name]); !ok {
			return fmt.Errorf("%s is %s: want a whole number", name, show(body[name]))
		}
	}
	if start, there := body["startIndex"]; there {
		if n, ok := integer(start); !ok || n < 1 {
			return fmt.Errorf("startIndex is %s: want a whole number from 1 on", show(start))
		}
	}
	if n, _ := integer(body["itemsPerPage"]); n != len(resources) {
		return fmt.Errorf("itemsPerPage is %d, and there are %d Resources", n, len(resources))
	}
	if total, _ := integer(body["totalResults"]); total < len(resources) {
		return fmt.Errorf("totalResults is %d, and there are %d Resources", total, len(resources))
	}
	for i, e := range resources {
		object, ok := e.(map[string]any)
		if !ok {
			return fmt.Errorf("element %d of Resources is no object", i)
		}
		if err := s.checkResource(object, whole); err != nil {
			return fmt.Errorf("in Resources/%d: %w", i, err)
		}
	}
	return nil
}

// checkResource checks a user or a group. whole says that the client hasn't asked
// for some attributes only.
func (s *Server) checkResource(resource map[string]any, whole bool) error {
	var kind, endpoint string
	switch {
	case has(resource, "schemas", userURN):
		kind, endpoint = "User", "/Users/"
	case has(resource, "schemas", groupURN):
		kind, endpoint = "Group", "/Groups/"
	default:
		return nil
	}
	id, _ := resource["id"].(string)
	if id == "" || strings.Contains(id, "bulkId") {
		return fmt.Errorf("id is %s", show(resource["id"]))
	}
	if resource["password"] != nil {
		return errors.New("a password is shown")
	}
	if err := booleans(resource); err != nil || !whole {
		return err
	}
	for name, v := range resource {
		if strings.HasPrefix(strings.ToLower(name), "urn:") && !has(resource, "schemas", name) {
			return fmt.Errorf("schemas doesn't list the extension %s: %s", name, show(v))
		}
	}
	meta, _ := resource["meta"].(map[string]any)
	if meta["resourceType"] != kind {
		return fmt.Errorf("meta.resourceType is %s: want %s", show(meta["resourceType"]), kind)
	}
	if meta["location"] != s.BaseURL+endpoint+id {
		return fmt.Errorf("meta.location is %s: want %s", show(meta["location"]), s.BaseURL+endpoint+id)
	}
	for _, name := range []string{"created", "lastModified"} {
		text, _ := meta[name].(string)
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			return fmt.Errorf("meta.%s: %w", name, err)
		}
	}
	return nil
}

// booleans checks those that clients decide about access by.
func booleans(resource map[string]any) error {
	if active, there := resource["active"]; there && active != true && active != false {
		return fmt.Errorf("active is %s", show(active))
	}
	for name, v := range resource {
		list, _ := v.([]any)
		primaries := 0
		for _, e := range list {
			object, _ := e.(map[string]any)
			switch primary := object["primary"]; primary {
			case nil, false:
			case true:
				primaries++
			default:
				return fmt.Errorf("%s.primary is %s", name, show(primary))
			}
		}
		if primaries > 1 {
			return fmt.Errorf("%s has %d primary values", name, primaries)
		}
	}
	return nil
}

// checkLocation compares what the header says of a single resource with what its
// body says.
func (a *answer) checkLocation(body map[string]any, whole bool) error {
	meta, _ := body["meta"].(map[string]any)
	location := a.header.Get("Location")
	if a.status == http.StatusCreated && (location == "" || whole && location != meta["location"]) {
		return fmt.Errorf("the header Location is %q and meta.location %s", location, show(meta["location"]))
	}
	if tag := a.header.Get("ETag"); tag != "" && whole && tag != meta["version"] {
		return fmt.Errorf("the header ETag is %s and meta.version %s", tag, show(meta["version"]))
	}
	return nil
}

// has says whether a member is an array that has the string, in any case.
func has(object map[string]any, name, value string) bool {
	list, _ := object[name].([]any)
	return slices.ContainsFunc(list, func(e any) bool {
		text, _ := e.(string)
		return strings.EqualFold(text, value)
	})
}

func integer(v any) (int, bool) {
	number, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(number.String())
	return n, err == nil
}
