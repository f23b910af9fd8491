package report

import (
	"cmp"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"reconciler/internal/finding"
	"reconciler/internal/message"
)

// Only those elements of JUnit's XML are used that Jenkins' schema has and
// every reader understands. It contains no times, so that equal findings give
// equal bytes.
type junitReport struct {
	XMLName  xml.Name     `xml:"testsuites"`
	Name     string       `xml:"name,attr"`
	Tests    int          `xml:"tests,attr"`
	Failures int          `xml:"failures,attr"`
	Suites   []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Failure *junitFailure `xml:"failure"`
	Output  string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// tool is the name for findings that are not about a file.
const tool = "reconciler"

// writeJUnit writes findings as JUnit's XML: a suite per file, with a failed
// case for each finding of severity error, a passed case with its text for each
// other finding, and a passed case for each file without findings.
func writeJUnit(w io.Writer, d Document, o Options) error {
	var data []byte
	for most := maxFindings; most > 0 && (data == nil || len(data) > maxJUnitBytes); most /= 2 {
		var err error
		if data, err = junitData(d, atMost(d.findings(), most), English()); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%s%s\n", xml.Header, data)
	return err
}

func junitData(d Document, findings []finding.Finding, l *Language) ([]byte, error) {
	report := junitReport{Name: tool}
	for _, s := range junitSuites(findings, d.Files, l) {
		s.Tests = len(s.Cases)
		report.Tests += s.Tests
		report.Failures += s.Failures
		report.Suites = append(report.Suites, s)
	}
	return xml.MarshalIndent(report, "", "  ")
}

func junitSuites(findings []finding.Finding, files []string, l *Language) []junitSuite {
	var suites []junitSuite
	at := map[string]int{}
	suite := func(file string) *junitSuite {
		file = cmp.Or(file, tool)
		i, ok := at[file]
		if !ok {
			i = len(suites)
			at[file] = i
			suites = append(suites, junitSuite{Name: clean(file)})
		}
		return &suites[i]
	}
	names := map[string]int{}
	for _, f := range findings {
		s := suite(f.File)
		c := junitCase{Name: junitName(f, names), Class: s.Name}
		if f.Severity == finding.Error {
			s.Failures++
			c.Failure = &junitFailure{Type: clean(f.Code), Message: clean(l.Text(f.Message)), Text: junitText(l, f)}
		} else {
			c.Output = junitText(l, f)
		}
		s.Cases = append(s.Cases, c)
	}
	for _, file := range files {
		if _, ok := at[file]; !ok {
			s := suite(file)
			s.Cases = append(s.Cases, junitCase{Name: l.Text(message.New("format-text.no-findings")), Class: s.Name})
		}
	}
	if len(suites) == 0 {
		// Some readers fail the job if a report has no case.
		s := suite("")
		s.Cases = append(s.Cases, junitCase{Name: l.Text(message.New("format-text.no-findings")), Class: s.Name})
	}
	return suites
}

// junitName is the name of a finding's case. It is unique within its file and
// has no position, so that a reader recognizes it in the next run.
func junitName(f finding.Finding, names map[string]int) string {
	name := clean(strings.TrimSpace(f.Code + " " + f.Path))
	key := f.File + "\x00" + name
	if names[key]++; names[key] > 1 {
		name = fmt.Sprintf("%s (%d)", name, names[key])
	}
	return name
}

// junitText is a finding in the format of text.
func junitText(l *Language, f finding.Finding) string {
	p := &page{style: Style{Language: l}}
	p.finding(f)
	return p.text.String()
}
