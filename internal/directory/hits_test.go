package directory

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/filter"
	"github.com/rollcall-dev/rollcall/scim/fold"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

// indexed is what a search knows of the indexes of users.
var indexed = kind[*v1alpha1.ProvisionedUser]{rt: schema.User, lookups: []lookup[*v1alpha1.ProvisionedUser]{
	{path: attrID}, {path: attrUserName}, {path: attrExternalID}, {path: "emails.value"}, {path: attrDisplay}, {path: "groups.value"},
}}

func TestHits(t *testing.T) {
	for text, want := range map[string]string{
		`userName eq "a"`:                                           "userName=a",
		`displayName eq "a"`:                                        "displayName=a",
		`emails[type eq "work" and value eq "a"]`:                   "emails.value=a",
		`emails eq "a"`:                                             "emails.value=a",
		`active eq true and externalId eq "a"`:                      "externalId=a",
		`urn:x:manager eq "b" and id eq "a"`:                        "id=a",
		`id eq "a" and urn:x:manager eq "b"`:                        "id=a",
		`userName eq "a" or userName eq "b" or externalId eq "c"`:   "userName=a userName=b externalId=c",
		`active eq true and (userName eq "a" or id eq "b")`:         "userName=a id=b",
		`userName eq "a" or (emails eq "b" and active eq true)`:     "userName=a emails.value=b",
		`userName eq "a" or active eq true`:                         "",
		`userName eq "a" or not (userName eq "b")`:                  "",
		`not (userName eq "a")`:                                     "",
		`userName sw "a"`:                                           "",
		`userName ne "a"`:                                           "",
		`userName eq null`:                                          "",
		`title eq "a"`:                                              "",
		`groups eq "a" and active eq true and userName co "b"`:      "groups.value=a",
		`(userName eq "a" or active eq true) and displayName pr`:    "",
		`(userName eq "a" or active eq true) and externalId eq "b"`: "externalId=b",
	} {
		e, err := filter.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range indexed.hits(e) {
			got = append(got, h.path+"="+h.value)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s looks %q up, want %q", text, got, want)
		}
	}
	if hits := indexed.hits(nil); hits != nil {
		t.Errorf("no filter looks %v up", hits)
	}
}

// Whatever matches a filter is found by one of the lookups, if there are any.
func TestHitsMissNothing(t *testing.T) {
	values := rapid.SampledFrom([]string{"a", "A", "b", "c"})
	condition := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{
			"userName eq %q", "externalId eq %q", "displayName eq %q", "emails eq %q", "emails.value eq %q", "userName ne %q",
			"displayName co %q", `emails[type eq "work" and value eq %q]`, `emails[value eq %q or type eq "work"]`, "not (externalId eq %q)",
		}).Draw(t, "condition")
	})
	var expression func(depth int) *rapid.Generator[string]
	expression = func(depth int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			if depth == 0 || rapid.Bool().Draw(t, "simple") {
				return fmt.Sprintf(condition.Draw(t, "condition"), values.Draw(t, "value"))
			}
			terms := rapid.SliceOfN(expression(depth-1), 2, 3).Draw(t, "terms")
			text := "(" + strings.Join(terms, rapid.SampledFrom([]string{" and ", " or "}).Draw(t, "operator")) + ")"
			if rapid.IntRange(0, 5).Draw(t, "negated") == 0 {
				text = "not " + text
			}
			return text
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		e, err := filter.Parse(expression(3).Draw(t, "filter"))
		if err != nil {
			t.Fatal(err)
		}
		hits := indexed.hits(e)
		match, err := filter.Bind(e, schema.User)
		if err != nil {
			t.Fatal(err)
		}
		user := scim.Resource{}
		has := map[string]string{}
		for _, attribute := range []string{attrUserName, attrExternalID, attrDisplay, attrEmails} {
			if !rapid.Bool().Draw(t, "has "+attribute) {
				continue
			}
			value := values.Draw(t, attribute)
			if attribute == attrEmails {
				user[attribute], has["emails.value"] = []any{map[string]any{"value": value, "type": "work"}}, value
			} else {
				user[attribute], has[attribute] = value, value
			}
		}
		if hits == nil || !match(user) {
			return
		}
		if !slices.ContainsFunc(hits, func(h hit[*v1alpha1.ProvisionedUser]) bool {
			value, ok := has[h.path]
			return ok && (value == h.value || h.path != attrExternalID && fold.Equal(value, h.value))
		}) {
			t.Fatalf("%s matches %v, which none of %v finds", e, user, hits)
		}
	})
}
