module github.com/dagger/otel-go

go 1.26.1

require (
	airgap.local/otel-go v1.41.0
	go.opentelemetry.io/otel/sdk v1.43.0
	go.opentelemetry.io/otel/sdk/log v0.17.0
	go.opentelemetry.io/otel/sdk/metric v1.43.0
)
