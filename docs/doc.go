// Package docs holds the reference documents that are made from the schema and
// from the catalogue of rules. Its test rewrites them with -update and fails
// when one of them is not current.
package docs
