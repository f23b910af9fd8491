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

// wordings are a file of the catalogue. Its sections are read when a message of
// them is first shown: a command shows few, and to read all takes longer than most
// commands. Many goroutines may use it at once.
type wordings struct {
	tag       language.Tag
	mu        sync.RWMutex
	bundle    *i18n.Bundle
	localizer *i18n.Localizer
	// unread are the sections that nothing was shown of, by the first part of their
	// messages' identifiers.
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

// nextSection is where the section after the first one of a file begins: at the
// next line that begins with a letter.
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

// localize is Localize of the section that a message is in.
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

// readAll reads what is unread.
func (w *wordings) readAll() error {
	for _, name := range slices.Collect(maps.Keys(w.unread)) {
		if err := w.read(name); err != nil {
			return err
		}
	}
	return nil
}
