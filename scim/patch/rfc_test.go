package patch

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// babs has one of everything that the RFC's examples speak of.
const babs = `{"id":"1","userName":"babs","active":true,"nickName":"B",
	"name":{"familyName":"Jensen","givenName":"Barbara"},
	"emails":[{"type":"work","value":"babs@example.com","primary":true},{"type":"home","value":"babs@jensen.org"}],
	"addresses":[{"type":"work","streetAddress":"1 Way","locality":"Hollywood"},{"type":"home","locality":"Burbank"}],
	"` + e + `":{"department":"D"}}`

// rule is one sentence of RFC 7644 section 3.5.2, on a user. Without an error,
// want is what the user becomes; empty for no change.
type rule struct {
	name, operations string
	want             func(user map[string]any)
	err              scim.Type
}

func list(elements ...any) []any { return elements }

type attrs = map[string]any

func TestRulesOfRFC7644(t *testing.T) {
	work := attrs{"type": "work", "value": "babs@example.com", "primary": true}
	home := attrs{"type": "home", "value": "babs@jensen.org"}
	for _, tc := range []rule{
		{name: "RFC 7644 3.5.2: operations apply in order", operations: `{"op":"add","path":"title","value":"1"},{"op":"replace","path":"title","value":"2"},{"op":"add","path":"nickName","value":"N"},{"op":"remove","path":"nickName"}`,
			want: func(u map[string]any) { u["title"] = "2"; delete(u, "nickName") }},
		{name: "RFC 7644 3.5.2: one failure undoes all", operations: `{"op":"add","path":"title","value":"1"},{"op":"replace","path":"id","value":"2"}`, err: scim.Mutability},
		{name: "RFC 7644 3.5.2: a primary value makes the others none", operations: `{"op":"add","path":"emails","value":[{"value":"n@x","primary":true}]}`,
			want: func(u map[string]any) {
				u["emails"] = list(attrs{"type": "work", "value": "babs@example.com", "primary": false}, home, attrs{"value": "n@x", "primary": true})
			}},
		{name: "RFC 7644 3.5.2: and so does one that a filter selects", operations: `{"op":"replace","path":"emails[type eq \"home\"].primary","value":true}`,
			want: func(u map[string]any) {
				u["emails"] = list(attrs{"type": "work", "value": "babs@example.com", "primary": false}, attrs{"type": "home", "value": "babs@jensen.org", "primary": true})
			}},
		{name: "RFC 7644 3.5.2: a read-only attribute by name", operations: `{"op":"add","path":"meta.location","value":"x"}`, err: scim.Mutability},
		{name: "RFC 7644 3.5.2: a read-only attribute by its URN", operations: `{"op":"remove","path":"` + u + `:groups"}`, err: scim.Mutability},
		{name: "RFC 7644 3.5.2: a path that is none", operations: `{"op":"replace","path":"name.givenName.first","value":"x"}`, err: scim.InvalidPath},
		{name: "RFC 7644 3.5.2: a filter whose operator the attribute doesn't have", operations: `{"op":"replace","path":"emails[primary gt true].value","value":"x"}`, err: scim.InvalidFilter},
		{name: "RFC 7644 3.5.2: blanks around a path and before its filter", operations: `{"op":"replace","path":" nickName ","value":"N"},{"op":"replace","path":"emails [ type eq \"home\" ].value ","value":"n@x"}`,
			want: func(u map[string]any) {
				u["nickName"], u["emails"] = "N", list(work, attrs{"type": "home", "value": "n@x"})
			}},

		{name: "RFC 7644 3.5.2.1: without a path the value has the attributes", operations: `{"op":"add","value":{"emails":[{"value":"n@x","type":"other"}],"nickname":"Babs"}}`,
			want: func(u map[string]any) {
				u["emails"], u["nickName"] = list(work, home, attrs{"value": "n@x", "type": "other"}), "Babs"
			}},
		{name: "RFC 7644 3.5.2.1: an attribute that is not there is added", operations: `{"op":"add","path":"title","value":"T"}`, want: func(u map[string]any) { u["title"] = "T" }},
		{name: "RFC 7644 3.5.2.1: a complex attribute gets the sub-attributes given", operations: `{"op":"add","path":"name","value":{"middleName":"J"}}`,
			want: func(u map[string]any) {
				u["name"] = attrs{"familyName": "Jensen", "givenName": "Barbara", "middleName": "J"}
			}},
		{name: "RFC 7644 3.5.2.1: a multi-valued attribute gets one more", operations: `{"op":"add","path":"emails","value":{"value":"n@x"}}`,
			want: func(u map[string]any) { u["emails"] = list(work, home, attrs{"value": "n@x"}) }},
		{name: "RFC 7644 3.5.2.1: a single value is replaced", operations: `{"op":"add","path":"nickName","value":"N"}`, want: func(u map[string]any) { u["nickName"] = "N" }},
		{name: "RFC 7644 3.5.2.1: a sub-attribute is added", operations: `{"op":"add","path":"name.honorificPrefix","value":"Ms."}`,
			want: func(u map[string]any) {
				u["name"] = attrs{"familyName": "Jensen", "givenName": "Barbara", "honorificPrefix": "Ms."}
			}},
		{name: "RFC 7644 3.5.2.1: to a selected value", operations: `{"op":"add","path":"addresses[type eq \"home\"]","value":{"country":"USA"}}`,
			want: func(u map[string]any) {
				u["addresses"] = list(u["addresses"].([]any)[0], attrs{"type": "home", "locality": "Burbank", "country": "USA"})
			}},
		{name: "RFC 7644 3.5.2.1: a simple value that is there changes nothing", operations: `{"op":"add","path":"nickName","value":"B"},{"op":"add","path":"name","value":{"givenName":"Barbara"}},{"op":"add","value":{"active":true}}`},
		{name: "RFC 7644 3.5.2.1: one of several values that is there changes nothing", operations: `{"op":"add","path":"emails","value":[{"type":"work","value":"babs@example.com"}]},{"op":"add","path":"addresses","value":[{"type":"home","locality":"Burbank"}]}`},
		{name: "RFC 7644 3.5.2.1: an attribute of an extension that is there changes nothing", operations: `{"op":"add","path":"` + e + `","value":{"department":"D"}},{"op":"add","path":"` + e + `:department","value":"D"}`},
		{name: "RFC 7644 3.5.2.1: a value of another type", operations: `{"op":"add","path":"name","value":"Barbara"}`, err: scim.InvalidValue},

		{name: "RFC 7644 3.5.2.2: without a path", operations: `{"op":"remove"}`, err: scim.NoTarget},
		{name: "RFC 7644 3.5.2.2: a single value", operations: `{"op":"remove","path":"nickName"}`, want: func(u map[string]any) { delete(u, "nickName") }},
		{name: "RFC 7644 3.5.2.2: a complex attribute", operations: `{"op":"remove","path":"name"}`, want: func(u map[string]any) { delete(u, "name") }},
		{name: "RFC 7644 3.5.2.2: the last sub-attributes take the attribute along", operations: `{"op":"remove","path":"name.familyName"},{"op":"remove","path":"name.givenName"}`, want: func(u map[string]any) { delete(u, "name") }},
		{name: "RFC 7644 3.5.2.2: all values", operations: `{"op":"remove","path":"emails"}`, want: func(u map[string]any) { delete(u, "emails") }},
		{name: "RFC 7644 3.5.2.2: the values that a filter selects", operations: `{"op":"remove","path":"emails[type eq \"work\" and value ew \"example.com\"]"}`, want: func(u map[string]any) { u["emails"] = list(home) }},
		{name: "RFC 7644 3.5.2.2: the last value takes the attribute along", operations: `{"op":"remove","path":"emails[type eq \"work\"]"},{"op":"remove","path":"emails[value pr]"}`, want: func(u map[string]any) { delete(u, "emails") }},
		{name: "RFC 7644 3.5.2.2: a sub-attribute of the values that a filter selects", operations: `{"op":"remove","path":"addresses[type eq \"work\"].streetAddress"}`,
			want: func(u map[string]any) {
				u["addresses"] = list(attrs{"type": "work", "locality": "Hollywood"}, u["addresses"].([]any)[1])
			}},
		{name: "RFC 7644 3.5.2.2: a filter that selects nothing", operations: `{"op":"remove","path":"emails[type eq \"other\"]"}`},
		{name: "RFC 7644 3.5.2.2: an extension as a whole", operations: `{"op":"remove","path":"` + e + `"}`, want: func(u map[string]any) { delete(u, e) }},
		{name: "RFC 7644 3.5.2.2: the last attribute of an extension", operations: `{"op":"remove","path":"` + e + `:department"}`, want: func(u map[string]any) { delete(u, e) }},
		{name: "RFC 7644 3.5.2.2: a required attribute", operations: `{"op":"remove","path":"userName"}`, err: scim.Mutability},
		{name: "RFC 7644 3.5.2.2: a read-only attribute", operations: `{"op":"remove","path":"id"}`, err: scim.Mutability},
		{name: "RFC 7644 3.5.2.2: active, of a user who is", operations: `{"op":"remove","path":"active"}`, want: func(u map[string]any) { delete(u, "active") }},

		{name: "RFC 7644 3.5.2.3: without a path the value has the attributes", operations: `{"op":"replace","value":{"emails":[{"value":"n@x","type":"work","primary":true}],"nickname":"Babs"}}`,
			want: func(u map[string]any) {
				u["emails"], u["nickName"] = list(attrs{"value": "n@x", "type": "work", "primary": true}), "Babs"
			}},
		{name: "RFC 7644 3.5.2.3: a single value", operations: `{"op":"replace","path":"nickName","value":"N"}`, want: func(u map[string]any) { u["nickName"] = "N" }},
		{name: "RFC 7644 3.5.2.3: all values", operations: `{"op":"replace","path":"emails","value":[{"value":"n@x"}]}`, want: func(u map[string]any) { u["emails"] = list(attrs{"value": "n@x"}) }},
		{name: "RFC 7644 3.5.2.3: what is not there is added", operations: `{"op":"replace","path":"title","value":"T"},{"op":"replace","path":"phoneNumbers","value":[{"value":"1"}]},{"op":"replace","path":"` + e + `:costCenter","value":"C"}`,
			want: func(u map[string]any) {
				u["title"], u["phoneNumbers"], u[e].(map[string]any)["costCenter"] = "T", list(attrs{"value": "1"}), "C"
			}},
		{name: "RFC 7644 3.5.2.3: a complex attribute keeps the sub-attributes that are not given", operations: `{"op":"replace","path":"name","value":{"givenName":"Barb"}}`,
			want: func(u map[string]any) { u["name"] = attrs{"familyName": "Jensen", "givenName": "Barb"} }},
		{name: "RFC 7644 3.5.2.3: the values that a filter selects, as a whole", operations: `{"op":"replace","path":"addresses[type eq \"work\"]","value":{"type":"work","streetAddress":"911 Universal City Plaza","postalCode":"91608"}}`,
			want: func(u map[string]any) {
				u["addresses"] = list(attrs{"type": "work", "streetAddress": "911 Universal City Plaza", "postalCode": "91608"}, u["addresses"].([]any)[1])
			}},
		{name: "RFC 7644 3.5.2.3: a sub-attribute of the values that a filter selects", operations: `{"op":"replace","path":"addresses[type eq \"work\"].streetAddress","value":"1010 Broadway Ave"}`,
			want: func(u map[string]any) {
				u["addresses"] = list(attrs{"type": "work", "streetAddress": "1010 Broadway Ave", "locality": "Hollywood"}, u["addresses"].([]any)[1])
			}},
		{name: "RFC 7644 3.5.2.3: a filter by the URN of the schema", operations: `{"op":"replace","path":"` + u + `:emails[type eq \"home\"].value","value":"n@x"}`,
			want: func(u map[string]any) { u["emails"] = list(work, attrs{"type": "home", "value": "n@x"}) }},
		{name: "RFC 7644 3.5.2.3: a filter that selects nothing", operations: `{"op":"replace","path":"emails[value ew \"example.net\"].display","value":"x"}`, err: scim.NoTarget},
		{name: "RFC 7644 3.5.2.3: the value that is there", operations: `{"op":"replace","path":"nickName","value":"B"},{"op":"replace","path":"emails[type eq \"home\"].value","value":"babs@jensen.org"}`},
		{name: "RFC 7644 3.5.2.3: by nothing", operations: `{"op":"replace","path":"nickName","value":null},{"op":"replace","path":"emails","value":[]},{"op":"replace","path":"name","value":{"givenName":"","familyName":null}}`,
			want: func(u map[string]any) { delete(u, "nickName"); delete(u, "emails"); delete(u, "name") }},
		{name: "RFC 7644 3.5.2.3: a required attribute by nothing", operations: `{"op":"replace","path":"userName","value":null}`, err: scim.InvalidValue},

		{name: "fact 40b: a value with two properties is created with both", operations: `{"op":"replace","path":"addresses[type eq \"other\" and primary eq true].country","value":"DE"}`,
			want: func(u map[string]any) {
				u["addresses"] = append(u["addresses"].([]any), attrs{"type": "other", "primary": true, "country": "DE"})
			}},
		{name: "fact 40e: filters in keys", operations: `{"op":"replace","value":{"emails[type eq \"home\"].value":"n@x","addresses[type eq \"home\"]":{"locality":"L"},"` + e + `.costCenter":"C"}}`,
			want: func(u map[string]any) {
				u["emails"], u["addresses"] = list(work, attrs{"type": "home", "value": "n@x"}), list(u["addresses"].([]any)[0], attrs{"type": "home", "locality": "L"})
				u[e].(map[string]any)["costCenter"] = "C"
			}},
		{name: "fact 40k: a value by nothing", operations: `{"op":"replace","path":"emails[type eq \"home\"].value","value":""}`, want: func(u map[string]any) { u["emails"] = list(work) }},
		{name: "fact 40k: active by nothing, and suspended before", operations: `{"op":"replace","path":"active","value":"False"},{"op":"remove","path":"active"}`, want: func(u map[string]any) { u["active"] = false }},
		{name: "fact 44: an extension without a definition comes and goes", operations: `{"op":"add","path":"` + custom + `:tag","value":"T"},{"op":"replace","path":"` + custom + `:tag","value":"U"},{"op":"remove","path":"` + custom + `"}`},
		{name: "fact 44: its attributes in any case", operations: `{"op":"add","path":"` + custom + `:o","value":{"a":1}},{"op":"add","path":"` + custom + `:O","value":{"A":"2"}}`,
			want: func(u map[string]any) { u[custom] = attrs{"o": attrs{"a": "2"}} }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			req, err := Parse(object(t, `{"Operations":[`+tc.operations+`]}`))
			var got scim.Resource
			if err == nil {
				got, err = ApplyUser(object(t, babs), req)
			}
			if tc.err != "" {
				if e := scim.AsError(err); e == nil || e.Status != 400 || e.Type != tc.err || got != nil {
					t.Errorf("got %v, %v, want %s", show(got), err, tc.err)
				}
				return
			}
			want := object(t, babs)
			if tc.want != nil {
				tc.want(want)
			}
			if err != nil || !reflect.DeepEqual(map[string]any(got), want) {
				t.Errorf("got %v, %s\nwant %s", err, show(got), show(want))
			}
		})
	}
}

// Whoever was suspended to begin with stays so, in whatever order a request
// says yes and nothing.
func TestNothingIsNoYes(t *testing.T) {
	const suspended = `{"userName":"a","active":false}`
	for _, tc := range []struct {
		name, operations string
		want             any
	}{
		{"fact 40k: a removal", `{"op":"remove","path":"active"}`, false},
		{"fact 40k: a null", `{"op":"replace","value":{"active":null}}`, false},
		{"fact 40k: yes, and then nothing", `{"op":"replace","path":"active","value":true},{"op":"remove","path":"active"}`, true},
		{"facts 37, 40: no, yes and nothing", `{"op":"replace","path":"active","value":"False"},{"op":"replace","path":"active","value":""}`, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := applyUser(t, suspended, tc.operations)
			if err != nil || got["active"] != tc.want {
				t.Errorf("got %v, %v", show(got), err)
			}
		})
	}
}

// samples are two values of a type that are stored as they are sent.
func samples(a *schema.Attribute) [2]any {
	switch a.Type {
	case schema.Boolean:
		return [2]any{false, true}
	case schema.Binary:
		return [2]any{"QQ==", "Qg=="}
	case schema.Reference:
		return [2]any{"https://example.com/a", "https://example.com/b"}
	case schema.Complex:
		var both [2]any
		for i := range both {
			object := map[string]any{}
			for _, sub := range a.Sub {
				if sub.Mutability != schema.ReadOnly {
					object[sub.Name] = samples(sub)[i]
				}
			}
			if both[i] = object; a.MultiValued {
				both[i] = []any{object}
			}
		}
		return both
	default:
		return [2]any{"a", "b"}
	}
}

// at returns what stands at an attribute, and nil for nothing. Of several values
// it means the only one.
func at(r scim.Resource, ref schema.Ref) any {
	value := ref.Get(r)
	if ref.Sub == nil {
		return value
	}
	if list, ok := value.([]any); ok && len(list) == 1 {
		value = list[0]
	}
	object, _ := value.(map[string]any)
	return object[ref.Sub.Name]
}

// What generic suites do with every attribute that is advertised: add it,
// replace it, remove it, and look.
func TestEveryAdvertisedAttribute(t *testing.T) {
	for _, rt := range schema.ResourceTypes() {
		for _, s := range append([]*schema.Schema{rt.Core}, rt.Extensions...) {
			attributes := s.Attributes
			if s == rt.Core {
				externalID, _ := rt.Find(schema.Name{Attr: "externalId"})
				attributes = append([]*schema.Attribute{externalID.Attr}, attributes...)
			}
			for _, a := range attributes {
				paths := []string{a.Name, s.ID + ":" + a.Name}
				for _, sub := range a.Sub {
					if a.MultiValued && sub.Name != "type" {
						paths = append(paths, a.Name+`[type eq "work"].`+sub.Name)
					} else {
						paths = append(paths, a.Name+"."+sub.Name, s.ID+":"+a.Name+"."+sub.Name)
					}
				}
				for _, path := range paths {
					t.Run("fact 21, RFC 7644 3.5.2: "+rt.Name+" "+path, func(t *testing.T) { comesAndGoes(t, rt, path) })
				}
			}
		}
	}
}

func comesAndGoes(t *testing.T, rt *schema.ResourceType, path string) {
	r := scim.Resource{"id": "1", "userName": "u", "displayName": "d"}
	apply := func(op opName, value any) error {
		t.Helper()
		req, err := Parse(map[string]any{"Operations": []any{map[string]any{"op": string(op), "path": path, "value": value}}})
		if err != nil {
			t.Fatal(err)
		}
		after, err := ApplyUser(r, req)
		if rt == schema.Group {
			after, _, err = ApplyGroup(r, unread(t), req)
		}
		if err == nil {
			r = after
		}
		return err
	}
	name, err := schema.ParseName(strings.ReplaceAll(path, `[type eq "work"]`, ""))
	if err != nil {
		t.Fatal(err)
	}
	ref, ok := rt.Find(name)
	if !ok {
		t.Fatalf("%s is not found", path)
	}
	if rt == schema.Group && ref.AttrName == membersName {
		return // a change of the membership: see TestApplyGroup
	}
	values := samples(ref.Target())
	if ref.ReadOnly() {
		for _, op := range []opName{opAdd, opReplace, opRemove} {
			if e := scim.AsError(apply(op, values[0])); e == nil || e.Type != scim.Mutability {
				t.Errorf("%s of a read-only attribute: %v", op, e)
			}
		}
		return
	}
	for i, op := range []opName{opAdd, opReplace} {
		if err := apply(op, values[i]); err != nil {
			t.Fatal(err)
		}
		if got := at(r, ref); !reflect.DeepEqual(got, values[i]) {
			t.Errorf("%s %v: there is %v", op, values[i], got)
		}
	}
	err = apply(opRemove, nil)
	if ref.Attr.Required {
		if e := scim.AsError(err); !errors.As(err, &e) || e.Type != scim.Mutability {
			t.Errorf("remove of a required attribute: %v", err)
		}
		return
	}
	if got := at(r, ref); err != nil || got != nil {
		t.Errorf("after remove: %v, %v", got, err)
	}
}
