package server_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim/server"
)

func TestCredentials(t *testing.T) {
	s := start(t, server.Options{Limits: server.Limits{FailureBurst: 100}})

	t.Run("fact 14: a JWT that Entra issues is refused, and the answer says what to use", func(t *testing.T) {
		part := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
		jwt := part(`{"typ":"JWT","alg":"RS256","kid":"k"}`) + "." +
			part(`{"aud":"8adf8e6e-67b2-4cf2-a259-e3dc5476c621","iss":"https://sts.windows.net/9b0e1f6c-0d0f-4a4b-9b6b-3a1e0f8e0c11/"}`) + "." +
			part(strings.Repeat("s", 256))
		r := s.do("GET", "/Users?filter=userName+eq+%22x%22", "", "Authorization", "Bearer "+jwt).wantError(401, "")
		if detail := r.get("detail").(string); !strings.Contains(detail, "Secret Token") || !strings.Contains(detail, "not accepted") {
			t.Errorf("detail %q: want what to do", detail)
		}
	})

	t.Run("facts 15, 16: no endpoint gives out tokens, for a secret or for an assertion", func(t *testing.T) {
		for _, body := range []string{
			"grant_type=client_credentials&client_id=a&client_secret=b&scope=scim",
			"grant_type=client_credentials&client_id=a&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=e30.e30.s&scope=scim",
		} {
			form := []string{"Content-Type", "application/x-www-form-urlencoded"}
			for _, path := range []string{"/token", "/oauth2/token", "/.well-known/openid-configuration"} {
				s.do("POST", path, body, append(form, "Authorization", "")...).wantError(401, "")
				s.do("POST", path, body, form...).wantError(404, "")
			}
			s.do("POST", s.http.URL+"/token", body, append(form, "Authorization", "")...).wantError(404, "")
		}
	})

	t.Run("RFC 7644 2.2: nothing is for everybody, not even discovery", func(t *testing.T) {
		for _, path := range []string{"/ServiceProviderConfig", "/Schemas", "/ResourceTypes", "/Users", "/Groups", "/Me", "/Bulk", "/.search", "/"} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				s.do(method, path, "", "Authorization", "").wantError(401, "")
			}
		}
	})

	t.Run("RFC 7644 7.4: a token counts in the header alone, and no cookie is set", func(t *testing.T) {
		s.do("GET", "/Users?access_token="+token, "", "Authorization", "").wantError(401, "")
		s.do("GET", "/Users", "", "Authorization", "", "Cookie", "access_token="+token).wantError(401, "")
		s.do("POST", "/Users", "access_token="+token, "Authorization", "", "Content-Type", "application/x-www-form-urlencoded").wantError(401, "")
		if r := s.do("GET", "/Users", "").want(200); r.header.Get("Set-Cookie") != "" {
			t.Errorf("Set-Cookie %q", r.header.Get("Set-Cookie"))
		}
	})
}
