// Package otel replaces Dagger's otel-go in the wanted version, which is not
// served: it is version 1.41.0 plus the one name that Dagger 0.21.8 has more.
package otel

import (
	"context"

	real "airgap.local/otel-go"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// PendingAttr marks the span of a call whose result is not evaluated yet. Only
// Dagger itself sets and reads it.
const PendingAttr = "dagger.io/dag.pending"

// What Init configured. The real package assigns its own variables of these
// names in Init, so they are read again after each call.
var (
	Resource        *resource.Resource
	SpanProcessors  []sdktrace.SpanProcessor
	LogProcessors   []sdklog.Processor
	MetricExporters []sdkmetric.Exporter
)

// Init sets up the process's telemetry and returns a context that carries it.
func Init(ctx context.Context, cfg Config) context.Context {
	ctx = real.Init(ctx, cfg)
	readBack()
	return ctx
}

// InitEmbedded is Init with the exporters of the OTEL_* environment.
func InitEmbedded(ctx context.Context, res *resource.Resource) context.Context {
	ctx = real.InitEmbedded(ctx, res)
	readBack()
	return ctx
}

func readBack() {
	Resource = real.Resource
	SpanProcessors = real.SpanProcessors
	LogProcessors = real.LogProcessors
	MetricExporters = real.MetricExporters
}
