// Package deploy holds what goes beside a running daemon: alert rules for
// Prometheus and a dashboard for Grafana. Its tests hold them to the metrics
// that the daemon serves.
package deploy
