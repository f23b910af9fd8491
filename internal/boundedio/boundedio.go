// Package boundedio reads files and streams up to a limit, so that a wrong path
// or a hostile peer costs only limited memory.
package boundedio

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"os"

	"reconciler/internal/message"
)

// TooLargeError means that there was more to read than the limit.
type TooLargeError struct{ Limit int64 }

func (e *TooLargeError) Error() string { return message.English(e.AsMessage()) }

// AsMessage implements message.Translatable.
func (e *TooLargeError) AsMessage() message.Message {
	const mebi = 1 << 20
	if e.Limit >= mebi && e.Limit%mebi == 0 {
		return message.New("file.limit-mebi", "limit", e.Limit/mebi)
	}
	return message.New("file.limit", "limit", e.Limit)
}

// Read reads all of r. If there are more than limit bytes, the error is a
// TooLargeError. Reading a file takes no more memory than its size, and leaves no
// copies of its beginning in memory.
func Read(r io.Reader, limit int64) ([]byte, error) {
	data := make([]byte, 0, sizeOf(r, limit))
	from, err := io.LimitReader(r, limit+1), error(nil)
	for n := 0; err == nil; data = data[:len(data)+n] {
		if len(data) == cap(data) {
			grown := append(data, 0)[:len(data)]
			clear(data) // it may be a secret
			data = grown
		}
		n, err = from.Read(data[len(data):cap(data)])
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if err == nil && int64(len(data)) > limit {
		err = &TooLargeError{limit}
	}
	if err != nil {
		clear(data) // it may be a secret
		return nil, err
	}
	return data, nil
}

// sizeOf is the initial buffer size for reading r: a file's size and one byte more,
// so that the end is found without growing the buffer.
func sizeOf(r io.Reader, limit int64) int64 {
	if file, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return min(info.Size(), limit) + 1
		}
	}
	return min(bytes.MinRead, limit+1)
}

// Digest is the digest of the contents of files, in order, of at most limit
// bytes each. A file that cannot be read counts as empty.
func Digest(limit int64, paths ...string) [sha256.Size]byte {
	h := sha256.New()
	for _, path := range paths {
		content, _ := ReadFile(path, limit)
		one := sha256.Sum256(content)
		_, _ = h.Write(one[:]) // A hash never fails.
		clear(content)         // it may be a secret
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// ReadText reads a text file of at most limit bytes, such as one with a secret. It
// removes the byte order mark and the line ends that editors and shells add.
func ReadText(path string, limit int64) ([]byte, error) {
	data, err := ReadFile(path, limit)
	if bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) {
		clear(data) // it may be a secret
		return nil, message.NewError("file.utf-16", "file", path)
	}
	return bytes.TrimRight(bytes.TrimPrefix(data, []byte("\ufeff")), "\r\n"), err
}

// ReadFile reads a file of at most limit bytes. Its errors name the file.
func ReadFile(path string, limit int64) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	data, err := Read(file, limit)
	if err != nil {
		return nil, message.NewError("file.too-large", "file", path, "err", err)
	}
	return data, nil
}
