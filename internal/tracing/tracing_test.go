package tracing

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/rollcall-dev/rollcall/scim"
	"github.com/rollcall-dev/rollcall/scim/scimtest"
	"github.com/rollcall-dev/rollcall/scim/server"
	"github.com/rollcall-dev/rollcall/test/otlp"
)

// directories has the provider entra, whose directory asks the API server too.
type directories struct{ cluster http.RoundTripper }

type asking struct {
	scim.Directory
	cluster http.RoundTripper
}

func (d *asking) CreateUser(ctx context.Context, user scim.Resource) (scim.Resource, error) {
	r := httptest.NewRequestWithContext(ctx, http.MethodPost, "/apis/identity.rollcall.dev/v1alpha1/provisionedusers/alice--example.com", http.NoBody)
	if _, err := d.cluster.RoundTrip(r); err != nil { //nolint:bodyclose // has none
		return nil, scim.Unavailable(0, err)
	}
	return d.Directory.CreateUser(ctx, user)
}

func (b *directories) Directory(_ context.Context, provider string) (scim.Directory, error) {
	if provider != "entra" {
		return nil, server.ErrNoProvider
	}
	return &asking{scimtest.New(), b.cluster}, nil
}

func (b *directories) Authenticate(_ context.Context, _, token string) (string, error) {
	if token == "" {
		return "", server.ErrUnauthenticated
	}
	return "t", nil
}

// traced is a server with a collector.
type traced struct {
	t         *testing.T
	tracer    *Tracer
	collector *otlp.Collector
	handler   http.Handler
	// headers are those of the last request to the API server.
	headers http.Header
	// away is why the API server can't be reached.
	away error
}

func start(t *testing.T, o Options) *traced {
	t.Helper()
	s := &traced{t: t, collector: otlp.Start()}
	t.Cleanup(s.collector.Stop)
	o.Endpoint = s.collector.URL()
	var err error
	s.tracer, err = Start(t.Context(), o, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	cluster := s.tracer.Cluster(roundTripper(func(r *http.Request) (*http.Response, error) {
		s.headers = r.Header
		return &http.Response{StatusCode: http.StatusCreated, Body: http.NoBody}, s.away
	}))
	s.handler = s.tracer.Handler(
		server.New(s.tracer.Backend(&directories{cluster}), server.Options{}),
		func(r *http.Request) bool { return r.Header.Get("Vouched") != "" })
	return s
}

const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

func (s *traced) send(method, path, body string, header ...string) *httptest.ResponseRecorder {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer secret-token")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

// spans ends the tracing and returns what the collector has.
func (s *traced) spans() []otlp.Span {
	s.t.Helper()
	if err := s.tracer.Stop(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	spans, problems := s.collector.Spans()
	if len(problems) > 0 {
		s.t.Errorf("the collector says %q", problems)
	}
	return spans
}

func named(t *testing.T, spans []otlp.Span, name string) otlp.Span {
	t.Helper()
	i := slices.IndexFunc(spans, func(s otlp.Span) bool { return s.Name == name })
	if i < 0 {
		t.Fatalf("no span %q in %+v", name, spans)
	}
	return spans[i]
}

func TestARequestIsOneTrace(t *testing.T) {
	s := start(t, Options{Ratio: 1})
	w := s.send("POST", "/entra/scim/v2/Users", `{"userName":"alice@example.com"}`, "Traceparent", parent)
	if w.Code != http.StatusCreated {
		t.Fatal(w.Code, w.Body)
	}
	for name := range s.headers {
		t.Errorf("the API server is sent %s", name)
	}
	spans := s.spans()
	request := named(t, spans, "SCIM POST Users")
	want := map[string]string{
		"http.request.method": "POST", "http.response.status_code": "201", "rollcall.provider": "entra", "rollcall.resource": "Users",
		"rollcall.request_id": w.Header().Get(server.RequestIDHeader),
	}
	for name, value := range want {
		if request.Attributes[name] != value {
			t.Errorf("%s is %q: want %q", name, request.Attributes[name], value)
		}
	}
	if len(request.Attributes) != len(want) || request.Service != "rollcall" || request.Parent != "" {
		t.Errorf("%+v", request)
	}
	call := named(t, spans, "directory CreateUser")
	write := named(t, spans, "Kubernetes POST provisionedusers")
	if call.Parent != request.ID || write.Parent != call.ID || len(spans) != 3 || write.Attributes["http.response.status_code"] != "201" {
		t.Errorf("%+v", spans)
	}
}

// A client's word for its trace counts if that is configured, a replica's always.
func TestWhoseTraceARequestBelongsTo(t *testing.T) {
	for name, tc := range map[string]struct {
		trust   bool
		ratio   float64
		header  []string
		follows bool
		traced  bool
	}{
		"a client's":                     {false, 1, nil, false, true},
		"a trusted client's":             {true, 1, nil, true, true},
		"a trusted client's, at ratio 0": {true, 0, nil, true, true},
		"a client's, at ratio 0":         {false, 0, nil, false, false},
		"another replica's, at ratio 0":  {false, 0, []string{"Vouched", "yes"}, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, Options{Ratio: tc.ratio, TrustClients: tc.trust})
			s.send("GET", "/entra/scim/v2/Users", "", append(tc.header, "Traceparent", parent)...)
			spans := s.spans()
			if (len(spans) > 0) != tc.traced {
				t.Fatalf("%d spans", len(spans))
			}
			for _, span := range spans {
				if (span.Trace == "0af7651916cd43dd8448eb211c80319c") != tc.follows {
					t.Errorf("trace %s", span.Trace)
				}
			}
		})
	}
}

func TestOneTraceOverTwoReplicas(t *testing.T) {
	s := start(t, Options{Ratio: 1})
	standby := s.tracer.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		peers := s.tracer.Peers(roundTripper(func(r *http.Request) (*http.Response, error) {
			r.Header.Set("Vouched", "yes")
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			return w.Result(), nil
		}))
		response, err := peers.RoundTrip(r)
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
	}), func(*http.Request) bool { return false })
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/entra/scim/v2/Users", http.NoBody)
	r.Header.Set("Authorization", "Bearer x")
	standby.ServeHTTP(httptest.NewRecorder(), r)
	spans := s.spans()
	over := named(t, spans, "hand over to the leader")
	if names := otlp.Children(spans, over); !slices.Equal(names, []string{"SCIM GET Users"}) || over.Parent == "" {
		t.Errorf("the leader's part: %q of %+v", names, spans)
	}
	for _, span := range spans {
		if span.Trace != over.Trace {
			t.Errorf("a trace of its own: %+v", span)
		}
	}
}

func TestNoPersonalDataInATrace(t *testing.T) {
	s := start(t, Options{Ratio: 1})
	const path = "/entra/scim/v2"
	for _, request := range [][3]string{
		{"POST", path + "/Users", `{"userName":"alice@example.com"}`},
		{"POST", path + "/Users", `{"userName":"alice@example.com","active":"alice"}`},
		{"GET", path + "/Users?filter=userName+eq+%22alice%22", ""},
		{"GET", path + "/Users/alice", ""},
		{"PATCH", path + "/Groups/alice", `{"Operations":[{"op":"Add","path":"alice"}]}`},
		{"DELETE", path + "/alice/alice", ""},
		{"ALICE", path + "/Users", ""},
		{"GET", "/alice/scim/v2/Users", ""},
		{"GET", "/alice", ""},
	} {
		s.send(request[0], request[1], request[2], "Traceparent", parent, "Tracestate", "a=alice", "Baggage", "name=alice")
	}
	s.away = errors.New("alice")
	s.send("POST", path+"/Users", `{"userName":"alice"}`)
	spans := s.spans()
	if failed := named(t, spans, "SCIM POST Users"); len(spans) < 15 || failed.Name == "" {
		t.Errorf("%d spans", len(spans))
	}
	broken := 0
	for _, span := range spans {
		if text := strings.ToLower(span.Text); strings.Contains(text, "alice") || strings.Contains(text, "secret-token") {
			t.Errorf("%s", span.Text)
		}
		if span.Failed {
			broken++
		}
	}
	if broken != 3 {
		t.Errorf("%d spans have failed: want those of the request, the call and the write", broken)
	}
}

func TestWithoutATracerNothingIsWrapped(t *testing.T) {
	tracer, err := Start(t.Context(), Options{}, slog.New(slog.DiscardHandler))
	if err != nil || tracer != nil {
		t.Fatalf("%v, %v", tracer, err)
	}
	h, b := http.NotFoundHandler(), server.Backend(&directories{})
	transport := &http.Transport{}
	if tracer.Backend(b) != b || tracer.Cluster(transport) != http.RoundTripper(transport) || tracer.Peers(transport) != http.RoundTripper(transport) {
		t.Error("wrapped")
	}
	w := httptest.NewRecorder()
	tracer.Handler(h, nil).ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), "GET", "/", http.NoBody))
	if w.Code != http.StatusNotFound || tracer.Stop(t.Context()) != nil {
		t.Error("not as it is")
	}
}

func TestKubernetesResource(t *testing.T) {
	t.Parallel()
	for path, want := range map[string][2]string{
		"/apis/identity.rollcall.dev/v1alpha1/provisionedusers":                  {"identity.rollcall.dev", "provisionedusers"},
		"/apis/identity.rollcall.dev/v1alpha1/provisionedusers/alice":            {"identity.rollcall.dev", "provisionedusers"},
		"/apis/identity.rollcall.dev/v1alpha1/provisionedusers/alice/status":     {"identity.rollcall.dev", "provisionedusers/status"},
		"/apis/rbac.authorization.k8s.io/v1/namespaces/alice/rolebindings/alice": {"rbac.authorization.k8s.io", "rolebindings"},
		"/api/v1/namespaces/alice/secrets/alice":                                 {"", "secrets"},
		"/api/v1/namespaces/alice":                                               {"", "namespaces"},
		"/api/v1/namespaces":                                                     {"", "namespaces"},
		"/api":                                                                   {"", "other"}, "/": {"", "other"}, "/alice/alice/alice/alice": {"", "other"}, "/apis/alice/v1": {"", "other"},
	} {
		if group, resource := kubernetesResource(path); group != want[0] || resource != want[1] {
			t.Errorf("%s is %q of %q: want %q", path, resource, group, want)
		}
	}
}

func TestOptions(t *testing.T) {
	for _, tc := range []struct {
		name    string
		options Options
		env     map[string]string
		enabled bool
		wrong   string
	}{
		{name: "nothing said"},
		{name: "a flag", options: Options{Endpoint: "http://collector:4318", Ratio: 1}, enabled: true},
		{name: "the environment", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, enabled: true},
		{name: "for traces alone", env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/x"}, enabled: true},
		{name: "switched off", options: Options{Endpoint: "http://collector:4318"}, env: map[string]string{"OTEL_SDK_DISABLED": "true"}},
		{name: "no exporter", options: Options{Endpoint: "http://collector:4318"}, env: map[string]string{"OTEL_TRACES_EXPORTER": "none"}},
		{name: "no scheme", options: Options{Endpoint: "collector:4318"}, enabled: true, wrong: "--otlp-endpoint"},
		{name: "a password", options: Options{Endpoint: "http://a:b@collector"}, enabled: true, wrong: "--otlp-endpoint"},
		{name: "too much", options: Options{Ratio: 1.1}, wrong: "--trace-sampling-ratio"},
		{name: "too little", options: Options{Ratio: -1}, wrong: "--trace-sampling-ratio"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, name := range []string{"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER"} {
				t.Setenv(name, tc.env[name])
			}
			if got := tc.options.Enabled(); got != tc.enabled {
				t.Errorf("enabled: %v", got)
			}
			err := tc.options.Validate()
			if (err != nil) != (tc.wrong != "") || err != nil && !strings.Contains(err.Error(), tc.wrong) {
				t.Errorf("%v: want %q", err, tc.wrong)
			}
		})
	}
}
