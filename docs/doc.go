// Package docs contains the reference documents that are generated from the
// schema, the metrics and the catalogue of rules. Its test rewrites them with
// -update, and fails if one of them is not current.
package docs
