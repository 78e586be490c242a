package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// flushTimeout is how long the end of the process waits for the collector. The lease is
// given back after that, and clients wait for it.
const flushTimeout = time.Second

// Tracer traces; nil traces nothing.
type Tracer struct {
	trace.Tracer
	provider     *sdktrace.TracerProvider
	trustClients bool
}

// Start returns nil if nothing is to be traced. Failures to reach the collector are
// logged and change nothing else.
func Start(ctx context.Context, o Options, log *slog.Logger) (*Tracer, error) {
	if !o.Enabled() {
		return nil, nil //nolint:nilnil // see Tracer
	}
	var to []otlptracehttp.Option
	if o.Endpoint != "" {
		url, err := o.url()
		if err != nil {
			return nil, err
		}
		to = append(to, otlptracehttp.WithEndpointURL(url))
	}
	exporter, err := otlptracehttp.New(ctx, to...)
	if err != nil {
		return nil, fmt.Errorf("set tracing up: %w", err)
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("set tracing up: %w", err)
	}
	// The environment comes last, and so first: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES.
	who, err := resource.New(ctx, resource.WithTelemetrySDK(), resource.WithAttributes(
		attribute.String("service.name", "rollcall"), attribute.String("service.instance.id", host),
	), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("set tracing up: %w", err)
	}
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		log.Error("traces are lost", "error", err.Error())
	}))
	options := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(exporter), sdktrace.WithResource(who)}
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		options = append(options, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Ratio))))
	}
	return newTracer(sdktrace.NewTracerProvider(options...), o), nil
}

func newTracer(provider *sdktrace.TracerProvider, o Options) *Tracer {
	return &Tracer{Tracer: provider.Tracer("github.com/rollcall-dev/rollcall"), provider: provider, trustClients: o.TrustClients}
}

// Stop sends what hasn't been sent yet. Nothing is traced after that.
func (t *Tracer) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}
