package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
)

const (
	mediaType     = "application/scim+json"
	userURN       = "urn:ietf:params:scim:schemas:core:2.0:User"
	groupURN      = "urn:ietf:params:scim:schemas:core:2.0:Group"
	enterpriseURN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
	patchURN      = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
	errorURN      = "urn:ietf:params:scim:api:messages:2.0:Error"
	listURN       = "urn:ietf:params:scim:api:messages:2.0:ListResponse"

	token        = "rollcall_good_token"
	otherToken   = "rollcall_other_token"
	expiredToken = "rollcall_expired_token"
	unknownID    = "00000000-0000-4000-8000-000000000000"
)

// backend has the providers "entra" and "okta", and "paused", which is.
type backend struct {
	directories map[string]scim.Directory
	tokens      map[string]string
}

func (b *backend) Directory(_ context.Context, provider string) (scim.Directory, error) {
	d := b.directories[provider]
	switch {
	case provider == "paused":
		return nil, server.ErrPaused
	case d == nil:
		return nil, fmt.Errorf("look up: %w", server.ErrNoProvider)
	}
	return d, nil
}

func (b *backend) Authenticate(_ context.Context, provider, presented string) (string, error) {
	switch {
	case presented != "" && b.tokens[provider] == presented:
		return "id-of-" + provider, nil
	case presented == expiredToken:
		return "", fmt.Errorf("check: %w", server.ErrExpired)
	}
	return "", fmt.Errorf("check: %w", server.ErrUnauthenticated)
}

// service is a running server.
type service struct {
	t         *testing.T
	http      *httptest.Server
	backend   *backend
	directory *scimtest.Directory
	metrics   *prometheus.Registry
	// base is the Tenant URL of the provider entra.
	base string
}

// start starts a server with a directory in memory.
func start(t *testing.T, o server.Options) *service {
	t.Helper()
	return startWith(t, o, func(*http.Server) {})
}

// startWith is start with changes to the HTTP server.
func startWith(t *testing.T, o server.Options, change func(*http.Server)) *service {
	t.Helper()
	s := &service{t: t, directory: scimtest.New(), metrics: prometheus.NewRegistry()}
	s.backend = &backend{
		directories: map[string]scim.Directory{"entra": s.directory, "okta": scimtest.New()},
		tokens:      map[string]string{"entra": token, "okta": otherToken, "paused": token},
	}
	o.Registerer = s.metrics
	s.http = httptest.NewUnstartedServer(nil)
	s.http.Config = server.NewHTTPServer(server.New(s.backend, o))
	change(s.http.Config)
	s.http.Start()
	t.Cleanup(s.http.Close)
	s.base = s.http.URL + "/entra/scim/v2"
	return s
}

// reply is an answer, read and checked for what holds of every answer.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

// do sends a request with the token. Headers are given as name and value pairs;
// an empty value takes a header away.
func (s *service) do(method, path, body string, header ...string) *reply {
	s.t.Helper()
	target := path
	if !strings.HasPrefix(path, "http") {
		target = s.base + path
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	if body != "" {
		r.Header.Set("Content-Type", mediaType+"; charset=utf-8")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			r.Header.Del(header[i])
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	return s.send(r)
}

func (s *service) send(r *http.Request) *reply {
	s.t.Helper()
	response, err := s.http.Client().Transport.RoundTrip(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	rep := &reply{t: s.t, status: response.StatusCode, header: response.Header, raw: raw}
	if response.Header.Get("X-Request-Id") == "" {
		s.t.Errorf("%s %s: no X-Request-Id", r.Method, r.URL)
	}
	switch kind := response.Header.Values("Content-Type"); {
	case len(raw) == 0 && len(kind) == 0 && (response.StatusCode == http.StatusNoContent || response.StatusCode == http.StatusNotModified):
		return rep
	case r.Method == http.MethodHead:
		return rep
	case !slices.Equal(kind, []string{mediaType}):
		s.t.Fatalf("%s %s: Content-Type %q: want exactly %s; body %s", r.Method, r.URL, kind, mediaType, raw)
	}
	if err := json.Unmarshal(raw, &rep.body); err != nil {
		s.t.Fatalf("%s %s: body %s: %v", r.Method, r.URL, raw, err)
	}
	if hasNull(rep.body) {
		s.t.Errorf("%s %s: null in %s", r.Method, r.URL, raw)
	}
	if rep.status >= 400 {
		rep.checkError()
	}
	return rep
}

func hasNull(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case map[string]any:
		return slices.ContainsFunc(slices.Collect(maps.Values(v)), hasNull)
	case []any:
		return slices.ContainsFunc(v, hasNull)
	default:
		return false
	}
}

// checkError checks the body of an error: fact 3.
func (r *reply) checkError() {
	r.t.Helper()
	if !reflect.DeepEqual(r.body["schemas"], []any{errorURN}) {
		r.t.Errorf("error %s: wrong schemas", r.raw)
	}
	if r.body["status"] != fmt.Sprint(r.status) {
		r.t.Errorf("error %s: status is no string that equals %d", r.raw, r.status)
	}
	if d, _ := r.body["detail"].(string); d == "" {
		r.t.Errorf("error %s: no detail", r.raw)
	}
}

// want checks the status.
func (r *reply) want(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d: want %d; body %s", r.status, status, r.raw)
	}
	return r
}

// wantError checks status and scimType.
func (r *reply) wantError(status int, scimType string) *reply {
	r.t.Helper()
	r.want(status)
	if got, _ := r.body["scimType"].(string); got != scimType {
		r.t.Fatalf("scimType %q: want %q; body %s", got, scimType, r.raw)
	}
	return r
}

// get returns a value in the body: names of members and indexes of elements,
// separated by slashes.
func (r *reply) get(path string) any {
	return at(r.body, path)
}

func at(v any, path string) any {
	for name := range strings.SplitSeq(path, "/") {
		switch c := v.(type) {
		case map[string]any:
			v = c[name]
		case []any:
			var i int
			if _, err := fmt.Sscanf(name, "%d", &i); err != nil || i >= len(c) {
				return nil
			}
			v = c[i]
		default:
			return nil
		}
	}
	return v
}

// has checks values in the body, given as path and value pairs.
func (r *reply) has(pairs ...any) *reply {
	r.t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := r.get(pairs[i].(string)); !reflect.DeepEqual(got, normalize(pairs[i+1])) {
			r.t.Fatalf("%s is %v: want %v; body %s", pairs[i], got, pairs[i+1], r.raw)
		}
	}
	return r
}

// normalize makes of a value what decoding JSON makes of it.
func normalize(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

func (r *reply) id() string {
	r.t.Helper()
	id, _ := r.body["id"].(string)
	if id == "" {
		r.t.Fatalf("no id in %s", r.raw)
	}
	return id
}

// values returns the values of a multi-valued attribute, sorted.
func (r *reply) values(attribute string) []string {
	list, _ := r.body[attribute].([]any)
	var ids []string
	for _, e := range list {
		ids = append(ids, at(e, "value").(string))
	}
	slices.Sort(ids)
	return ids
}

// ids returns the ids of a list's resources.
func (r *reply) ids() []string {
	list, _ := r.body["Resources"].([]any)
	ids := []string{}
	for _, e := range list {
		ids = append(ids, at(e, "id").(string))
	}
	return ids
}

func (s *service) createUser(userName string) string {
	s.t.Helper()
	return s.do("POST", "/Users", fmt.Sprintf(`{"schemas":[%q],"userName":%q,"active":true}`, userURN, userName)).want(201).id()
}

func (s *service) createGroup(displayName string, members ...string) string {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"schemas": []string{groupURN}, "displayName": displayName, "members": memberValues(members)})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.do("POST", "/Groups", string(body)).want(201).id()
}

func memberValues(ids []string) []any {
	list := []any{}
	for _, id := range ids {
		list = append(list, map[string]any{"$ref": nil, "value": id})
	}
	return list
}

// patch sends operations, given as a JSON array without its brackets.
func (s *service) patch(path, operations string) *reply {
	s.t.Helper()
	return s.do("PATCH", path, fmt.Sprintf(`{"schemas":[%q],"Operations":[%s]}`, patchURN, operations))
}

// members returns the ids of a group's members, sorted.
func (s *service) members(group string) []string {
	s.t.Helper()
	return s.do("GET", "/Groups/"+group, "").want(200).values("members")
}

func (s *service) wantMembers(group string, want ...string) {
	s.t.Helper()
	if got := s.members(group); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		s.t.Fatalf("members are %v: want %v", got, want)
	}
}

// wantMetrics compares one metric with its exposition, without HELP and TYPE.
func (s *service) wantMetrics(name, kind string, lines ...string) {
	s.t.Helper()
	families, err := s.metrics.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	help := ""
	for _, f := range families {
		if f.GetName() == name {
			help = f.GetHelp()
		}
	}
	want := fmt.Sprintf("# HELP %s %s\n# TYPE %s %s\n%s\n", name, help, name, kind, strings.Join(lines, "\n"))
	if err := testutil.GatherAndCompare(s.metrics, strings.NewReader(want), name); err != nil {
		s.t.Fatal(err)
	}
}

// wantThrottled compares how many requests each limit has refused: n the given one,
// and the others none.
func (s *service) wantThrottled(limit string, n int) {
	s.t.Helper()
	var lines []string
	for _, l := range []string{"authentication", "bulks", "in_flight", "member_lists", "memory", "provider", "rate"} {
		count := 0
		if l == limit {
			count = n
		}
		lines = append(lines, fmt.Sprintf("rollcall_scim_throttled_total{reason=%q} %d", l, count))
	}
	s.wantMetrics("rollcall_scim_throttled_total", "counter", lines...)
}
