package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
)

// xsd checks XML against the part of XML Schema that Jenkins' schema of JUnit
// uses: global elements, sequences of references with their numbers, and
// attributes of strings. It refuses to load a schema that uses more.
type xsd map[string]xsdElement

type xsdElement struct {
	Name       string          `xml:"name,attr"`
	Type       string          `xml:"type,attr"`
	Complex    *xsdComplex     `xml:"complexType"`
	Unknown    []xsdAnything   `xml:",any"`
	attributes map[string]bool // Whether each is required.
}

type xsdComplex struct {
	Mixed      bool           `xml:"mixed,attr"`
	Sequence   []xsdReference `xml:"sequence>element"`
	Attributes []xsdAttribute `xml:"attribute"`
	Unknown    []xsdAnything  `xml:",any"`
}

type xsdReference struct {
	Ref string `xml:"ref,attr"`
	Min string `xml:"minOccurs,attr"`
	Max string `xml:"maxOccurs,attr"`
}

type xsdAttribute struct {
	Name string `xml:"name,attr"`
	Type string `xml:"type,attr"`
	Use  string `xml:"use,attr"`
}

type xsdAnything struct{ XMLName xml.Name }

func loadXSD(t *testing.T, path string) xsd {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Elements []xsdElement  `xml:"element"`
		Unknown  []xsdAnything `xml:",any"`
	}
	if err := xml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	schema, unknown := xsd{}, file.Unknown
	for _, e := range file.Elements {
		e.attributes = map[string]bool{}
		unknown = append(unknown, e.Unknown...)
		if e.Complex != nil {
			unknown = append(unknown, e.Complex.Unknown...)
			for _, a := range e.Complex.Attributes {
				if a.Type != "xs:string" {
					t.Fatalf("%s: attribute %s of type %s, which is not known here", path, a.Name, a.Type)
				}
				e.attributes[a.Name] = a.Use == "required"
			}
		} else if e.Type != "xs:string" {
			t.Fatalf("%s: element %s of type %s, which is not known here", path, e.Name, e.Type)
		}
		schema[e.Name] = e
	}
	if len(unknown) > 0 || len(schema) == 0 {
		t.Fatalf("%s: %d elements, and not known here: %v", path, len(schema), unknown)
	}
	return schema
}

// validate checks a document with any global element at its root.
func (s xsd) validate(data []byte) error {
	d := xml.NewDecoder(bytes.NewReader(data))
	for {
		token, err := d.Token()
		if err != nil {
			return fmt.Errorf("no root element: %w", err)
		}
		if start, ok := token.(xml.StartElement); ok {
			if err := s.element(d, start); err != nil {
				return err
			}
			if _, err := d.Token(); err != nil && !errors.Is(err, io.EOF) {
				return err
			}
			return nil
		}
	}
}

func (s xsd) element(d *xml.Decoder, start xml.StartElement) error {
	name := start.Name.Local
	declared, ok := s[name]
	if !ok {
		return fmt.Errorf("no element %s in the schema", name)
	}
	if err := declared.checkAttributes(start.Attr); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var children []string
	for {
		token, err := d.Token()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			children = append(children, token.Name.Local)
			if err := s.element(d, token); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		case xml.CharData:
			if declared.Complex != nil && !declared.Complex.Mixed && strings.TrimSpace(string(token)) != "" {
				return fmt.Errorf("%s has text: %q", name, token)
			}
		case xml.EndElement:
			return declared.checkChildren(children)
		}
	}
}

func (e xsdElement) checkAttributes(attributes []xml.Attr) error {
	var seen []string
	for _, a := range attributes {
		if _, ok := e.attributes[a.Name.Local]; !ok {
			return fmt.Errorf("no attribute %s in the schema", a.Name.Local)
		}
		seen = append(seen, a.Name.Local)
	}
	for name, required := range e.attributes {
		if required && !slices.Contains(seen, name) {
			return fmt.Errorf("attribute %s is missing", name)
		}
	}
	return nil
}

func (e xsdElement) checkChildren(children []string) error {
	if e.Complex != nil {
		for _, r := range e.Complex.Sequence {
			n := 0
			for n < len(children) && children[n] == r.Ref {
				n++
			}
			if n == 0 && r.Min != "0" || n > 1 && r.Max != "unbounded" {
				return fmt.Errorf("%s: %d of %s", e.Name, n, r.Ref)
			}
			children = children[n:]
		}
	}
	if len(children) > 0 {
		return fmt.Errorf("%s: %s does not belong here", e.Name, children[0])
	}
	return nil
}

func TestTheJUnitSchemaRefusesWhatIsWrong(t *testing.T) {
	schema := loadXSD(t, "testdata/schemas/jenkins-junit.xsd")
	for name, document := range map[string]string{
		"a missing name":      `<testsuites><testsuite tests="0"/></testsuites>`,
		"an attribute":        `<testsuites><testsuite name="a" tests="0" file="a"/></testsuites>`,
		"an element":          `<testsuites><note/></testsuites>`,
		"the order":           `<testsuite name="a" tests="1"><testcase name="a"><system-out/><failure/></testcase></testsuite>`,
		"too many":            `<testsuite name="a" tests="1"><properties><property name="a" value="b"/></properties><properties/></testsuite>`,
		"too few":             `<testsuite name="a" tests="1"><properties/></testsuite>`,
		"text between":        `<testsuites>text</testsuites>`,
		"an element not ours": `<report/>`,
		"an open element":     `<testsuites>`,
		"nothing":             ``,
	} {
		if schema.validate([]byte(document)) == nil {
			t.Errorf("%s passes: %s", name, document)
		}
	}
}
