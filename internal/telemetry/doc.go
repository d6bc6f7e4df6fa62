// Package telemetry shows operators what a registry server does: metrics for
// Prometheus, traces for OpenTelemetry, and a line in the log for each request.
//
// No label of a metric has a value that users choose, such as a subject or a
// path, so nobody can make the number of series grow. Nothing here is global: two
// servers in one process count apart.
package telemetry
