package server_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/schema"
	"github.com/rollcall-dev/rollcall/scim/server"
)

// A client can't give anybody a permission level, nor does it learn that there
// are any.
func TestPermissionLevelIsIgnored(t *testing.T) {
	const urn = schema.RollcallUserURN
	s := start(t, server.Options{})
	created := s.do("POST", "/Users", `{"userName":"alice","permissionLevel":"Administrator"}`).want(201)
	path := "/Users/" + created.id()
	replies := []*reply{
		created,
		s.do("GET", path+"?attributes=userName,permissionLevel,"+urn, "").want(200),
		s.patch(path, `{"op":"add","path":"permissionLevel","value":"Administrator"}`).want(200),
		s.patch(path, `{"op":"replace","path":"`+urn+`:permissionLevel","value":["Administrator"]}`).want(200),
		s.patch(path, `{"op":"replace","value":{"PermissionLevel":{"value":"Administrator"}}}`).want(200),
		s.patch(path, `{"op":"add","path":"permissionLevel[type eq \"x\"].value","value":"Administrator"}`).want(200),
		s.do("PUT", path, `{"userName":"alice","`+urn+`":{"permissionLevel":"Administrator"}}`).want(200),
		s.do("GET", "/Users?filter="+url.QueryEscape(`permissionLevel pr or permissionLevel eq "Administrator" or `+urn+` pr or schemas eq "`+urn+`"`), "").want(200).has("totalResults", 0),
		s.do("GET", "/Users?filter="+url.QueryEscape(`permissionLevel gt 3`), "").want(200).has("totalResults", 0),
		s.do("GET", "/Users", "").want(200).has("totalResults", 1),
		s.do("GET", "/Schemas", "").want(200),
		s.do("POST", "/Bulk", `{"Operations":[{"method":"PATCH","path":"`+path+`","data":{"Operations":[{"op":"add","path":"permissionLevel","value":"Administrator"}]}}]}`).want(200).has("Operations/0/status", "200"),
	}
	s.do("GET", "/Users?sortBy=permissionLevel", "").want(400)
	for _, r := range replies {
		if text := string(r.raw); strings.Contains(text, "Administrator") || strings.Contains(strings.ToLower(text), `"permissionlevel`) {
			t.Errorf("it is told: %s", text)
		}
	}
	s.do("GET", path, "").want(200).has("schemas", []string{userURN}, urn, nil)

	t.Run("fact 46: PUT of what GET has shown forgets it, and the version tells (RFC 7644 3.14)", func(t *testing.T) {
		before := s.do("GET", path, "").want(200)
		after := s.do("PUT", path, string(before.raw)).want(200)
		if after.get("meta/version") == before.get("meta/version") {
			t.Error("something was forgotten, and the version stays")
		}
		s.do("PUT", path, string(after.raw)).want(200).has("meta/version", after.get("meta/version"))
	})
}
