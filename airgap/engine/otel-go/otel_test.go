package otel

import (
	"context"
	"testing"

	real "airgap.local/otel-go"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

func TestInitAssignsWhatTheRealOneAssigns(t *testing.T) {
	want, recorder := resource.Empty(), tracetest.NewSpanRecorder()
	Init(context.Background(), Config{
		Resource:       want,
		SpanProcessors: []sdktrace.SpanProcessor{recorder},
	})
	if Resource != want || Resource != real.Resource {
		t.Errorf("Resource is %v", Resource)
	}
	if len(SpanProcessors) != 1 || SpanProcessors[0] != recorder {
		t.Errorf("SpanProcessors are %v", SpanProcessors)
	}
}

func TestInitEmbeddedAssignsToo(t *testing.T) {
	want := resource.Empty()
	InitEmbedded(context.Background(), want)
	if Resource != want {
		t.Errorf("Resource is %v", Resource)
	}
	if len(SpanProcessors) != 0 {
		t.Errorf("SpanProcessors are still %v", SpanProcessors)
	}
}
