// Package otlp is an OpenTelemetry collector that keeps the traces it is sent.
package otlp

import (
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one that has come, its attributes in words.
type Span struct {
	Service, Name, Trace, ID, Parent string
	Failed                           bool
	Took                             time.Duration
	Attributes                       map[string]string
	// Text is all that the span says.
	Text string
}

// Collector takes traces as OTLP over HTTP.
type Collector struct {
	server *httptest.Server

	mu       sync.Mutex
	spans    []Span
	problems []string
}

// Start starts a collector; Stop it.
func Start() *Collector {
	c := &Collector{}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/traces", c.export)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		c.problem("%s %s is no export of traces", r.Method, r.URL)
		http.NotFound(w, r)
	})
	c.server = httptest.NewServer(mux)
	return c
}

// Stop ends the collector.
func (c *Collector) Stop() { c.server.Close() }

// URL is what to give as --otlp-endpoint.
func (c *Collector) URL() string { return c.server.URL }

// Spans returns those that have come, and what was wrong with requests.
func (c *Collector) Spans() (spans []Span, problems []string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.spans), slices.Clone(c.problems)
}

// Children returns the spans with a parent, by name.
func Children(spans []Span, parent Span) []string {
	var names []string
	for _, s := range spans {
		if s.Trace == parent.Trace && s.Parent == parent.ID {
			names = append(names, s.Name)
		}
	}
	return names
}

func (c *Collector) problem(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *Collector) export(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	if err != nil {
		c.problem("read: %v", err)
		return
	}
	request := &collectorv1.ExportTraceServiceRequest{}
	if err := proto.Unmarshal(text, request); err != nil || r.Header.Get("Content-Type") != "application/x-protobuf" {
		c.problem("%s: %v", r.Header.Get("Content-Type"), err)
		http.Error(w, "no protobuf", http.StatusBadRequest)
		return
	}
	for _, resource := range request.GetResourceSpans() {
		service := attributes(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.add(service, s)
			}
		}
	}
	answer, err := proto.Marshal(&collectorv1.ExportTraceServiceResponse{})
	if err != nil {
		c.problem("answer: %v", err)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, _ = w.Write(answer)
}

func (c *Collector) add(service string, s *tracev1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.spans = append(c.spans, Span{
		Service: service, Name: s.GetName(),
		Trace: hex.EncodeToString(s.GetTraceId()), ID: hex.EncodeToString(s.GetSpanId()), Parent: hex.EncodeToString(s.GetParentSpanId()),
		Took:       time.Unix(0, int64(s.GetEndTimeUnixNano())).Sub(time.Unix(0, int64(s.GetStartTimeUnixNano()))),
		Failed:     s.GetStatus().GetCode() == tracev1.Status_STATUS_CODE_ERROR,
		Attributes: attributes(s.GetAttributes()), Text: s.String(),
	})
}

func attributes(list []*commonv1.KeyValue) map[string]string {
	words := map[string]string{}
	for _, a := range list {
		switch v := a.GetValue().GetValue().(type) {
		case *commonv1.AnyValue_StringValue:
			words[a.GetKey()] = v.StringValue
		case *commonv1.AnyValue_IntValue:
			words[a.GetKey()] = fmt.Sprint(v.IntValue)
		default:
			words[a.GetKey()] = fmt.Sprint(v)
		}
	}
	return words
}
