package schema

import (
	"encoding/json"
	"fmt"
	"io"
	"testing"
)

// BenchmarkMarshal is what an answer costs once the resource is there: cutting it
// down to what the client asked for, and writing it as JSON.
func BenchmarkMarshal(b *testing.B) {
	user := object(b, `{
		"id": "2819c223-7f76-453a-919d-413861904646", "externalId": "bjensen", "userName": "bjensen@example.com", "active": true,
		"name": {"formatted": "Ms. Barbara J Jensen", "familyName": "Jensen", "givenName": "Barbara"},
		"emails": [{"value": "bjensen@example.com", "type": "work", "primary": true}, {"value": "babs@jensen.org", "type": "home"}],
		"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "Tour Operations", "manager": {"value": "26118915"}},
		"meta": {"resourceType": "User", "created": "2010-01-23T04:56:22Z", "lastModified": "2011-05-13T04:42:34Z"}
	}`)
	group := func(n int) map[string]any {
		members := make([]any, n)
		for i := range members {
			members[i] = map[string]any{"value": fmt.Sprintf("2819c223-7f76-453a-919d-%012d", i), "type": "User", "display": "Barbara Jensen"}
		}
		return map[string]any{"id": "e9e30dba-f08f-4109-8486-d5c6a331660a", "displayName": "Tour Guides", "members": members}
	}
	for _, c := range []struct {
		name     string
		rt       *ResourceType
		resource map[string]any
		excluded []Name
		elements int
	}{
		{"user", User, user, nil, 1},
		{"group of 10", Group, group(10), nil, 10},
		{"group of 1000", Group, group(1000), nil, 1000},
		{"group of 10000", Group, group(10000), nil, 10000},
		{"group of 10000 without members", Group, group(10000), []Name{{Attr: "members"}}, 1},
		{"group of 10000 without display", Group, group(10000), []Name{{Attr: "members", Sub: "display"}}, 10000},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			e := json.NewEncoder(io.Discard)
			for b.Loop() {
				if err := e.Encode(Project(c.rt, c.resource, nil, c.excluded)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(c.elements), "ns/element")
		})
	}
}
