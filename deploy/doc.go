// Package deploy contains alert rules for Prometheus and a dashboard for
// Grafana. Its tests compare them with the metrics that the daemon serves.
package deploy
