package providers

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// ParseBase reads the base URL of an API: http or https, a host, no user, query
// or fragment; a trailing slash is left out.
func ParseBase(address string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(address, "/"))
	if err != nil {
		return nil, errors.New("the base URL of a code host's API is not a URL")
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("the base URL of a code host's API: want http(s)://host[/path], without user, query or fragment")
	}
	return u, nil
}
