package binding

// File is one file of a snapshot, not parsed yet.
type File struct {
	// Path is slash-separated and relative to the snapshot's root.
	Path string
	// Digest identifies the content (a git object id, or a SHA-256), so that
	// an unchanged file is not parsed again.
	Digest string
	Data   []byte
}
