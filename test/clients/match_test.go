package clients

import (
	"maps"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name, pattern, got string
		// want is a part of the error; empty for none.
		want string
		// learned are names beyond "known".
		learned variables
	}{
		{name: "a subset of the members", pattern: `{"a": 1}`, got: `{"a": 1, "b": 2}`},
		{name: "a missing member", pattern: `{"a": 1}`, got: `{"b": 2}`, want: `/a: want 1, and there is no such member`},
		{name: "another number", pattern: `{"a": 1}`, got: `{"a": 1.0}`, want: `/a: want 1, got 1.0`},
		{name: "a number as a string", pattern: `{"a": 1}`, got: `{"a": "1"}`, want: `/a: want 1, got "1"`},
		{name: "a string as a number", pattern: `{"a": "1"}`, got: `{"a": 1}`, want: `want the string "1", got 1`},
		{name: "a boolean as a string", pattern: `{"a": false}`, got: `{"a": "false"}`, want: `/a: want false, got "false"`},
		{name: "another string", pattern: `{"a": {"b": "x"}}`, got: `{"a": {"b": "X"}}`, want: `/a/b: want "x", got "X"`},
		{name: "an object for a string", pattern: `{"a": "x"}`, got: `{"a": {}}`, want: `/a: want the string`},
		{name: "no object", pattern: `{"a": {"b": 1}}`, got: `{"a": [1]}`, want: `/a: want an object`},
		{name: "no array", pattern: `{"a": [1]}`, got: `{"a": 1}`, want: `/a: want an array`},
		{name: "anything", pattern: `{"a": "{{any}}"}`, got: `{"a": {"b": 1}}`},
		{name: "anything is something", pattern: `{"a": "{{any}}"}`, got: `{}`, want: `no such member`},
		{name: "absent", pattern: `{"a": "{{absent}}"}`, got: `{"b": 1}`},
		{name: "not absent", pattern: `{"a": "{{absent}}"}`, got: `{"a": []}`, want: `/a: want no such member, got []`},
		{name: "in any order", pattern: `[1, 2]`, got: `[2, 1]`},
		{name: "too many elements", pattern: `[1]`, got: `[1, 2]`, want: `want 1 elements, got 2`},
		{name: "too few elements", pattern: `[1, 2]`, got: `[1]`, want: `want 2 elements, got 1`},
		{name: "an element twice", pattern: `[1, 1]`, got: `[1, 2]`, want: `no element is 1`},
		{name: "none of nothing", pattern: `[]`, got: `[1]`, want: `want 0 elements`},
		{name: "more elements", pattern: `[2, "{{more}}"]`, got: `[1, 2, 3]`},
		{name: "more, but not these", pattern: `[4, "{{more}}"]`, got: `[1, 2, 3]`, want: `no element is 4`},
		{name: "the vague pattern leaves the exact one its element", pattern: `[{"v": "{{any}}"}, {"v": 1}]`, got: `[{"v": 1}, {"v": 2}]`},
		{name: "a single element tells what is wrong", pattern: `{"l": [{"v": 1}]}`, got: `{"l": [{"v": 2}]}`, want: `/l/0/v: want 1, got 2`},
		{name: "what is known", pattern: `{"a": "x-{{known}}"}`, got: `{"a": "x-value"}`},
		{name: "what is known, and different", pattern: `{"a": "{{known}}"}`, got: `{"a": "other"}`, want: `/a: want "value", got "other"`},
		{name: "what isn't known", pattern: `{"a": "{{new}}"}`, got: `{"a": "{{new}}"}`, want: `{{new}} isn't known`},
		{name: "learning", pattern: `{"a": "{{new =}}", "b": "{{new}}"}`, got: `{"a": "x", "b": "x"}`, learned: variables{"new": "x"}},
		{name: "learning a number", pattern: `{"a": "{{new =}}"}`, got: `{"a": 7}`, learned: variables{"new": "7"}},
		{name: "learning a part", pattern: `{"a": "http://{{host =}}/{{known}}"}`, got: `{"a": "http://h/value"}`, learned: variables{"host": "h"}},
		{name: "learning from the element that it is", pattern: `[{"t": 1, "id": "{{new =}}"}, {"t": 2, "id": "{{new}}"}]`, got: `[{"t": 2, "id": "b"}, {"t": 1, "id": "b"}]`, learned: variables{"new": "b"}},
		{name: "nothing is learned from an empty string", pattern: `{"a": "{{new =}}"}`, got: `{"a": ""}`, want: `/a: want "…", got ""`},
		{name: "what is learned of a mismatch is forgotten", pattern: `[{"id": "{{new =}}", "t": 2}]`, got: `[{"id": "b", "t": 1}]`, want: `/0/t: want 2, got 1`},
	} {
		t.Run(c.name, func(t *testing.T) {
			pattern, err := decode([]byte(c.pattern))
			if err != nil {
				t.Fatal(err)
			}
			got, err := decode([]byte(c.got))
			if err != nil {
				t.Fatal(err)
			}
			known := variables{"known": "value"}
			err = known.match("", pattern, got)
			switch {
			case c.want == "" && err != nil:
				t.Error(err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("error %v, want %q in it", err, c.want)
			}
			delete(known, "known")
			if !maps.Equal(known, c.learned) {
				t.Errorf("learned %v, want %v", known, c.learned)
			}
		})
	}
}
