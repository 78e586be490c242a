package clients

import (
	"strings"
	"testing"
)

const example = `# About the client.

Accept: application/scim+json
X-Default: 1

### The first step (fact 1)
# About the request.
POST /Users?x=1
Content-Type: application/json

{
  "a": 1
}

=> 201
Location: {{any}}

{"id": "{{id =}}"}

GET /Users/{{id}}
=> 200
{"id": "{{id}}"}

### The second step
DELETE /Users/{{id}}
=> 204
`

func TestParse(t *testing.T) {
	for _, newline := range []string{"\n", "\r\n"} {
		s, err := Parse("x.scim", strings.ReplaceAll(example, "\n", newline))
		if err != nil {
			t.Fatal(err)
		}
		if s.Name != "x" || len(s.header) != 2 || s.header[1] != (field{"X-Default", "1"}) || len(s.Steps) != 2 {
			t.Fatalf("got %+v", s)
		}
		first := s.Steps[0]
		if first.Title != "The first step (fact 1)" || len(first.exchanges) != 2 {
			t.Fatalf("got %+v", first)
		}
		x := first.exchanges[0]
		if x.at != "x.scim:8" || x.method != "POST" || x.target != "/Users?x=1" || x.body != "{\n  \"a\": 1\n}" ||
			len(x.header) != 1 || x.want.status != 201 || x.want.header[0] != (field{"Location", "{{any}}"}) || x.want.body == nil {
			t.Errorf("got %+v", x)
		}
		if x := first.exchanges[1]; x.at != "x.scim:20" || x.body != "" || x.want.body == nil {
			t.Errorf("got %+v", x)
		}
		if x := s.Steps[1].exchanges[0]; x.method != "DELETE" || x.want.status != 204 || x.want.body != nil {
			t.Errorf("got %+v", x)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "x.scim:1: there is no step",
		"GET /Users\n=> 200\n":                   `x.scim:1: a step begins with "### "`,
		"### a\n":                                `the step "a" has no request`,
		"### a\nget /Users\n=> 200\n":            "x.scim:2: a request begins with its method",
		"### a\nGET /Users\n":                    "x.scim:2: the request has no answer",
		"### a\nGET /Users\n=> OK\n":             `x.scim:3: "OK" is no status`,
		"### a\nGET /Users\n=> 99\n":             `x.scim:3: "99" is no status`,
		"### a\nGET /Users\nAccept json\n=> 2\n": "x.scim:3: neither a header",
		"### a\nGET /Users\n=> 200\n\n{\"a\":\n": "x.scim:4: the pattern is no JSON",
		"### a\nGET /Users\n=> 200\n{} {}\n":     "there is more behind the value",
		"### a\nGET /Users\n=> 200\n### a\n":     "x.scim:5: there is another step of this title",
	} {
		_, err := Parse("x.scim", text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q in it", text, err, want)
		}
	}
}
