package secrets

import (
	"fmt"
	"io"
	"sync"
)

// Writer masks secrets in everything written through it. Text that may be the
// beginning of a known secret waits for the next Write or Flush; all else goes
// out at once, so that progress shows. It is safe for concurrent use.
type Writer struct {
	r *Redactor

	mu   sync.Mutex
	out  io.Writer
	held []byte
}

// NewWriter puts r in front of out. A token that was never registered is
// recognized by its shape only where one Write holds it whole.
func NewWriter(out io.Writer, r *Redactor) *Writer { return &Writer{r: r, out: out} }

// Write implements io.Writer. It reports all of p as written when the masked
// text was.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.held, p...)
	// What is complete in the text is masked before anything is buffered.
	redacted := []byte(w.r.Redact(string(text)))
	n := len(redacted) - w.r.split(redacted)
	w.held = append([]byte(nil), redacted[n:]...)
	if _, err := w.out.Write(redacted[:n]); err != nil {
		return 0, fmt.Errorf("write redacted output: %w", err)
	}
	return len(p), nil
}

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	held := w.held
	w.held = nil
	if len(held) == 0 {
		return nil
	}
	if _, err := io.WriteString(w.out, w.r.Redact(string(held))); err != nil {
		return fmt.Errorf("write redacted output: %w", err)
	}
	return nil
}
