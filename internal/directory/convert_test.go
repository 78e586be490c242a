package directory

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/rollcall-dev/rollcall/api/v1alpha1"
	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/schema"
)

func TestUserFields(t *testing.T) {
	user := scim.Resource{
		"userName": "alice@example.com", "externalId": " Ext ", "active": false, "displayName": "Alice",
		"title": "Boss",
		"name":  map[string]any{"formatted": "A. Adams", "givenName": "Alice", "honorificPrefix": "Dr."},
		"emails": []any{
			map[string]any{"value": "a@example.com", "type": "work", "primary": true},
			map[string]any{"value": "b@example.com", "display": "home", "verified": true},
		},
		schema.RollcallUserURN:   map[string]any{"defaultRemoteIdentity": "alice", "permissionLevel": "Administrator"},
		schema.EnterpriseUserURN: map[string]any{"employeeNumber": "17"},
		"id":                     "mine", "meta": map[string]any{"created": "then"}, "schemas": []any{"x"}, "groups": []any{"y"},
	}
	var spec v1alpha1.ProvisionedUserSpec
	if err := setUser(&spec, user); err != nil {
		t.Fatal(err)
	}
	yes, no := true, false
	attributes := `{"emails":[{},{"verified":true}],"name":{"honorificPrefix":"Dr."},"title":"Boss",` +
		`"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User":{"employeeNumber":"17"},` +
		`"urn:ietf:params:scim:schemas:extension:rollcall:2.0:User":{"permissionLevel":"Administrator"}}`
	if got := string(spec.Attributes.Raw); got != attributes {
		t.Errorf("attributes are %s\nwant           %s", got, attributes)
	}
	spec.Attributes = nil
	want := v1alpha1.ProvisionedUserSpec{
		UserName: "alice@example.com", ExternalID: " Ext ", Active: &no, DisplayName: "Alice",
		Name:           &v1alpha1.UserPersonName{Formatted: "A. Adams", GivenName: "Alice"},
		RemoteIdentity: "alice",
		Emails: []v1alpha1.Email{
			{Value: "a@example.com", Type: "work", Primary: &yes},
			{Value: "b@example.com", Display: "home"},
		},
	}
	if !reflect.DeepEqual(spec, want) {
		t.Errorf("spec is %+v\nwant    %+v", spec, want)
	}
}

func TestUserKeepsWhatSCIMDoesNotOwn(t *testing.T) {
	yes := true
	spec := v1alpha1.ProvisionedUserSpec{
		Provider: "entra", ID: "id", Active: &yes, Suspensions: 3, Suspend: true,
		PermissionLevel: v1alpha1.LevelAuditor, Memberships: map[string]v1alpha1.Membership{"r": {}},
		DisplayName: "old", Name: &v1alpha1.UserPersonName{Formatted: "old"}, RemoteIdentity: "old",
	}
	if err := setUser(&spec, scim.Resource{"userName": "alice"}); err != nil {
		t.Fatal(err)
	}
	want := v1alpha1.ProvisionedUserSpec{
		Provider: "entra", ID: "id", UserName: "alice", Active: &yes, Suspensions: 3, Suspend: true,
		PermissionLevel: v1alpha1.LevelAuditor, Memberships: map[string]v1alpha1.Membership{"r": {}},
	}
	if !reflect.DeepEqual(spec, want) {
		t.Errorf("spec is %+v\nwant    %+v", spec, want)
	}
}

func TestProviderDeletedUntilActive(t *testing.T) {
	yes, no := true, false
	deleted := metav1.Now()
	for _, tc := range []struct {
		name   string
		active *bool
		sent   any
		stays  bool
	}{
		{"activated", &no, true, false},
		{"left as it is", &no, nil, true},
		{"deactivated again", &no, false, true},
		{"deactivated", &yes, false, true},
		{"active without a word", nil, nil, false},
	} {
		spec := v1alpha1.ProvisionedUserSpec{Active: tc.active, ProviderDeletedAt: &deleted}
		user := scim.Resource{"userName": "alice"}
		if tc.sent != nil {
			user["active"] = tc.sent
		}
		if err := setUser(&spec, user); err != nil {
			t.Fatal(err)
		}
		if stays := spec.ProviderDeletedAt != nil; stays != tc.stays {
			t.Errorf("%s: providerDeletedAt stays %v, want %v", tc.name, stays, tc.stays)
		}
	}
}

func TestMeta(t *testing.T) {
	created := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("CET", 3600)))
	modified := metav1.NewTime(created.Add(time.Minute))
	for _, tc := range []struct {
		modified *metav1.Time
		want     string
	}{{nil, "2026-01-02T02:04:05Z"}, {&modified, "2026-01-02T02:05:05Z"}} {
		user, err := userResource(&v1alpha1.ProvisionedUser{
			ObjectMeta: metav1.ObjectMeta{CreationTimestamp: created},
			Spec:       v1alpha1.ProvisionedUserSpec{ID: "7", UserName: "a", ModifiedAt: tc.modified},
		})
		if err != nil {
			t.Fatal(err)
		}
		want := scim.Resource{"id": "7", "userName": "a", "meta": map[string]any{
			"created": "2026-01-02T02:04:05Z", "lastModified": tc.want,
		}}
		if !reflect.DeepEqual(user, want) {
			t.Errorf("user is %v, want %v", user, want)
		}
	}
}

func TestAttributesAreBounded(t *testing.T) {
	user := scim.Resource{"userName": "alice", "title": strings.Repeat("x", maxAttributes)}
	e := scim.AsError(setUser(&v1alpha1.ProvisionedUserSpec{}, user))
	if e == nil || e.Status != http.StatusRequestEntityTooLarge || !strings.Contains(e.Detail, "262144") {
		t.Errorf("error is %v", e)
	}
}

func TestNumbersAreWrittenAsTheyComeBack(t *testing.T) {
	for in, want := range map[json.Number]string{
		"1": "1", "-0": "0", "1.50": "1.5", "1e3": "1000", "9223372036854775807": "9223372036854775807",
	} {
		attributes, err := encodeAttributes(map[string]any{"n": in})
		if err != nil || string(attributes.Raw) != `{"n":`+want+`}` {
			t.Errorf("%s is written as %s (%v), want %s", in, attributes.Raw, err, want)
		}
	}
	_, err := encodeAttributes(map[string]any{"n": json.Number("1e999")})
	if e := scim.AsError(err); e == nil || e.Type != scim.InvalidValue {
		t.Errorf("a number beyond all bounds is %v", err)
	}
}

// Leaves of canonical resources: no null, and numbers as the API server writes
// them.
var (
	texts  = rapid.StringMatching(`[a-zA-ZäÄ <&"0-9]{1,6}`)
	leaves = rapid.OneOf(texts.AsAny(), rapid.Bool().AsAny(),
		rapid.Custom(func(t *rapid.T) json.Number {
			b, _ := json.Marshal(rapid.Int64().Draw(t, "n"))
			return json.Number(b)
		}).AsAny())
	objects = rapid.Custom(func(t *rapid.T) map[string]any {
		return rapid.MapOfN(rapid.SampledFrom([]string{
			"formatted", "givenName", "familyName", "middleName", "value", "type", "display", "primary", "verified", "defaultRemoteIdentity", "permissionLevel",
		}), leaves, 1, 4).Draw(t, "object")
	})
	lists = rapid.Custom(func(t *rapid.T) []any {
		list := []any{}
		for _, o := range rapid.SliceOfN(objects, 1, 3).Draw(t, "list") {
			list = append(list, o)
		}
		return list
	})
	users = rapid.Custom(func(t *rapid.T) scim.Resource {
		user := scim.Resource{"userName": texts.Draw(t, "userName")}
		for _, name := range []string{"externalId", "displayName", "title"} {
			if rapid.Bool().Draw(t, name+"?") {
				user[name] = texts.Draw(t, name)
			}
		}
		if rapid.Bool().Draw(t, "active?") {
			user["active"] = rapid.Bool().Draw(t, "active")
		}
		for _, name := range []string{"name", schema.RollcallUserURN, schema.EnterpriseUserURN, "urn:x:Custom:2.0:User"} {
			if rapid.Bool().Draw(t, name+"?") {
				user[name] = objects.Draw(t, name)
			}
		}
		for _, name := range []string{"emails", "phoneNumbers"} {
			if rapid.Bool().Draw(t, name+"?") {
				user[name] = lists.Draw(t, name)
			}
		}
		return user
	})
)

func TestUsersComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		user := users.Draw(t, "user")
		before := user.Clone()
		object := &v1alpha1.ProvisionedUser{}
		if err := setUser(&object.Spec, user); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(user, before) {
			t.Fatalf("the argument was changed from %v to %v", before, user)
		}
		// As the API server keeps it.
		text, err := json.Marshal(object)
		if err != nil {
			t.Fatal(err)
		}
		stored := &v1alpha1.ProvisionedUser{}
		if err := json.Unmarshal(text, stored); err != nil {
			t.Fatal(err)
		}
		got, err := userResource(stored)
		if err != nil {
			t.Fatal(err)
		}
		delete(got, "id")
		delete(got, "meta")
		if !reflect.DeepEqual(got, user) {
			t.Fatalf("got  %v\nwant %v", got, user)
		}
		// A second time changes nothing, so an equal resource is no write.
		again := stored.DeepCopy()
		if err := setUser(&again.Spec, got); err != nil {
			t.Fatal(err)
		}
		if same, err := equalSpecs(&stored.Spec, &again.Spec); err != nil || !same {
			t.Fatalf("%+v became %+v (%v)", stored.Spec, again.Spec, err)
		}
	})
}

func TestGroupsComeBackAsTheyWere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		group := scim.Resource{"displayName": texts.Draw(t, "displayName")}
		if rapid.Bool().Draw(t, "more") {
			group["externalId"] = texts.Draw(t, "externalId")
			group["urn:x:Custom:2.0:Group"] = objects.Draw(t, "extension")
		}
		object := &v1alpha1.ProvisionedRole{}
		sent := group.Clone()
		sent["members"], sent["id"] = []any{map[string]any{"value": "x"}}, "mine"
		if err := setRole(&object.Spec, sent); err != nil {
			t.Fatal(err)
		}
		got, err := roleResource(object)
		if err != nil {
			t.Fatal(err)
		}
		delete(got, "id")
		delete(got, "meta")
		if !reflect.DeepEqual(got, group) {
			t.Fatalf("got  %v\nwant %v", got, group)
		}
	})
}

func TestMergeDiff(t *testing.T) {
	tree := func(t *rapid.T, name string) map[string]any {
		m := map[string]any{}
		for _, key := range []string{"a", "b", "c"} {
			switch rapid.IntRange(0, 3).Draw(t, name+key) {
			case 0:
				m[key] = leaves.Draw(t, name+key+"leaf")
			case 1:
				m[key] = objects.Draw(t, name+key+"object")
			case 2:
				m[key] = lists.Draw(t, name+key+"list")
			}
		}
		return m
	}
	rapid.Check(t, func(t *rapid.T) {
		from, to := tree(t, "from"), tree(t, "to")
		patch := mergeDiff(from, to)
		if got := merge(from, patch); !reflect.DeepEqual(got, any(to)) {
			t.Fatalf("%v and the patch %v make %v, want %v", from, patch, got, to)
		}
		if empty := mergeDiff(to, to); len(empty) != 0 {
			t.Fatalf("nothing to change is %v", empty)
		}
	})
}

// merge is the pseudo-code of RFC 7386 section 2.
func merge(target, patch any) any {
	p, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	out := map[string]any{}
	if t, ok := target.(map[string]any); ok {
		for k, v := range t {
			out[k] = v
		}
	}
	for k, v := range p {
		if v == nil {
			delete(out, k)
		} else {
			out[k] = merge(out[k], v)
		}
	}
	return out
}
