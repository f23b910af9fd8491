package record

import (
	"net"
	"slices"
	"strings"

	"reconciler/internal/registry/wire"
	"reconciler/internal/report"
)

// FromHAR reads a browser's network record of the console's Code Source page.
// It reports only the calls that bind, list and unbind.
func FromHAR(file string, o Options) (report.RegistryRecord, error) {
	exchanges, err := readHAR(file)
	if err != nil {
		return report.RegistryRecord{}, err
	}
	e := find(NewNames(o.Fields...), exchanges)
	p, text := propose(e, o.Base, "recorded from the console by a browser", false)
	out := report.RegistryRecord{Source: report.FromHAR, Profile: string(text)}
	found := e.operations()
	for _, operation := range wire.Operations() {
		if x := found[operation]; x != nil {
			out.Calls = append(out.Calls, e.shown(operation, x))
		}
	}
	p.fill(&out, false)
	return out, nil
}

func (e *evidence) shown(o wire.Operation, x *exchange) report.RecordedCall {
	c := report.RecordedCall{
		Call: string(o), Method: method(x.method), Host: e.host(x.host), Action: x.action(e.names), Status: x.status,
		Served: report.Served,
	}
	if x.rpc() {
		c.Version = x.parameter("Version")
	}
	var path strings.Builder
	for _, s := range x.segments {
		shown, _ := e.names.Show(s)
		if versionPart.MatchString(s) {
			shown = s
		} else if _, isPlatform := platformIn(s); isPlatform {
			shown = Masked
		}
		path.WriteString("/" + shown)
	}
	c.Path = path.String()
	for _, name := range sortedKeys(x.query) {
		shown, _ := e.names.Show(name)
		note(&c.Parameters, shown)
	}
	if x.body != nil {
		c.Request = shapeOf(e.names, x.body)
	}
	if x.answer != nil {
		c.Answer = shapeOf(e.names, x.answer)
	}
	if code := x.code(); code != "" {
		c.Code, _ = e.names.Show(code)
	}
	return c
}

// method returns a known HTTP method, and masks any other.
func method(m string) string {
	if slices.Contains([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}, m) {
		return m
	}
	return Masked
}

// host returns a host with "?" for each part that may identify somebody,
// because an instance's own domain contains its ID.
func (e *evidence) host(host string) string {
	if net.ParseIP(host) != nil {
		return Masked
	}
	labels := strings.Split(host, ".")
	vendors := []string{"aliyun", "aliyuncs"}
	if len(labels) < 3 || !slices.Contains(vendors, labels[len(labels)-2]) || labels[len(labels)-1] != "com" {
		return Masked
	}
	for i, l := range labels[:len(labels)-2] {
		if !slices.Contains([]string{"cr", "cr-vpc", "console", "data", "api", "openapi", "personal", "gateway", "rpc"}, l) && !region.MatchString(l) {
			labels[i] = Masked
		}
	}
	return strings.Join(labels, ".")
}
