package report

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
	"gopkg.in/yaml.v3"
)

// wordings is a file of the catalogue. It reads a section when one of its messages
// is first shown: a command shows few messages, and reading all of them takes
// longer than most commands. It is safe for concurrent use.
type wordings struct {
	tag       language.Tag
	mu        sync.RWMutex
	bundle    *i18n.Bundle
	localizer *i18n.Localizer
	// unread has the sections that were not used yet, by the first part of their
	// messages' IDs.
	unread map[string][]byte
}

func newWordings(tag language.Tag, data []byte) *wordings {
	w := &wordings{tag: tag, bundle: i18n.NewBundle(tag), unread: map[string][]byte{}}
	w.localizer = i18n.NewLocalizer(w.bundle, tag.String())
	if bytes.HasPrefix(data, []byte("#")) {
		data = data[nextSection(data):]
	}
	for len(data) > 0 {
		end := nextSection(data)
		name, _, _ := bytes.Cut(data[:end], []byte(":"))
		w.unread[string(name)] = append(w.unread[string(name)], data[:end]...)
		data = data[end:]
	}
	return w
}

// nextSection is where the second section of a file begins: at the next line
// that begins with a letter.
func nextSection(data []byte) int {
	for at := 0; ; {
		n := bytes.IndexByte(data[at:], '\n')
		if n < 0 || at+n+1 == len(data) {
			return len(data)
		}
		if at += n + 1; data[at]|0x20 >= 'a' && data[at]|0x20 <= 'z' {
			return at
		}
	}
}

// localize calls Localize of the section that has the message.
func (w *wordings) localize(of *i18n.LocalizeConfig) (string, error) {
	name, _, _ := strings.Cut(of.MessageID, ".")
	w.mu.RLock()
	defer w.mu.RUnlock()
	if _, unread := w.unread[name]; unread {
		w.mu.RUnlock()
		err := w.read(name)
		w.mu.RLock()
		if err != nil {
			return "", err
		}
	}
	return w.localizer.Localize(of)
}

func (w *wordings) read(name string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	section, unread := w.unread[name]
	if !unread {
		return nil
	}
	if _, err := w.bundle.ParseMessageBytes(w.tag, section, yaml.Unmarshal); err != nil {
		return err
	}
	delete(w.unread, name)
	return nil
}

// readAll reads all unread sections.
func (w *wordings) readAll() error {
	for _, name := range slices.Collect(maps.Keys(w.unread)) {
		if err := w.read(name); err != nil {
			return err
		}
	}
	return nil
}
