// Package manifest turns bytes into declarations and findings. A file goes through
// these steps, and every finding keeps its position:
//
//   - text.go: size, encoding, characters;
//   - secret.go: what looks like a secret is found and masked, so that no
//     later finding can quote it;
//   - quick_yaml.go: plain YAML into nodes; yaml.v3 reads the rest;
//   - tree.go: YAML nodes into a tree with positions;
//   - shape.go: fields and kinds, against the schema as plain data;
//   - value.go: values and the platform's rules, by CUE;
//   - address.go, binding.go: rules that CUE cannot express well;
//   - snapshot.go: rules across files.
//
// Nothing here does I/O or reads a clock.
package manifest
